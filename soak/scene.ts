import type { Lots } from '../siege/lots.ts'
import type { Vendor } from '../siege/vendor.ts'
import type { Client } from './clientele.ts'
import type { Findings } from './findings.ts'
import { type Answer, Cut, type Fleet } from './fleet.ts'
import type { Keyring } from './keyring.ts'
import type { AccessToken, Person, Span } from './ledger.ts'
import type { Tallies } from './tallies.ts'
import type { Weather } from './weather.ts'

/** Everything that people meet. */
export interface World {
  readonly fleet: Fleet
  readonly weather: Weather
  readonly vendor: Pick<Vendor, 'codeOf'>
  readonly findings: Findings
  readonly tallies: Tallies
  readonly keyring: Keyring
}

/** One operation of one person, while it goes on. */
export interface Scene extends World {
  readonly person: Person
  readonly operation: number
  readonly lots: Lots
}

const longestDiary = 14

/** Writes down what somebody did. */
export function note({ person, operation }: Pick<Scene, 'person' | 'operation'>, text: string): void {
  person.diary.push(`${new Date().toISOString()} operation ${operation}: ${text}`)
  if (person.diary.length > longestDiary) person.diary.shift()
}

/** Tells that something must not be. */
export function find(scene: Scene, what: string): void {
  scene.findings.add(what, { operation: scene.operation, person: scene.person })
}

/** What came of a request: an answer that counts, or none. */
export type Outcome<A extends Answer = Answer> =
  | { readonly kind: 'answer'; readonly answer: A }
  /** It may have been done or not: the answer was cut off, or says that something was not there. */
  | { readonly kind: 'doubt'; readonly span: Span }
  /** A limit refused it; nothing was done. */
  | { readonly kind: 'limited' }

/**
 * Makes a request and says what can be known of it. That something breaks off, or is not served, while nothing goes
 * wrong on purpose is told; a machine under load may take longer than a server waits, so that alone is no finding.
 */
export async function attempt<A extends Answer>(
  scene: Scene,
  what: string,
  ask: () => Promise<A>,
): Promise<Outcome<A>> {
  const { weather, tallies } = scene
  try {
    const answer = await ask()
    if (answer.status === 429) {
      tallies.count(`limited: ${what}`)
      note(scene, `${what}: limited`)
      return { kind: 'limited' }
    }
    if (answer.status < 500) {
      note(scene, `${what}: ${answer.status}${answer.status === 400 ? ` ${answer.text.slice(0, 200)}` : ''}`)
      return { kind: 'answer', answer }
    }
    if (answer.status === 500) find(scene, `${what} was answered 500: ${answer.text.slice(0, 300)}`)
    const isCalm = weather.wasCalm(answer.fromMs, answer.toMs)
    tallies.count(`not served${isCalm ? ' in calm' : ''}`)
    note(scene, `${what}: ${answer.status}`)
    return { kind: 'doubt', span: answer }
  } catch (error) {
    if (!(error instanceof Cut)) throw error
    const span = { fromMs: error.fromMs, toMs: Date.now() }
    const isCalm = weather.wasCalm(span.fromMs, span.toMs)
    note(scene, `${what}: ${error.message}`)
    tallies.count(`cut${isCalm ? ' in calm' : ''}`)
    tallies.count(`cut off in ${weather.current ?? 'calm'}: ${error.message}`)
    if (isCalm) find(scene, `${what} was cut although nothing went wrong: ${error.message}`)
    return { kind: 'doubt', span }
  }
}

/** What a token endpoint says. */
export interface TokenBody {
  readonly access_token?: string
  readonly expires_in?: number
  readonly refresh_token?: string
  readonly id_token?: string
  readonly error?: string
}

/** Tokens that were handed out, with everything in them that can be checked at once. */
export async function tokensIn(
  scene: Scene,
  client: Client,
  answer: Answer,
  { familyEndMs }: { readonly familyEndMs: number },
): Promise<
  { readonly refreshToken: string | undefined; readonly idToken: string; readonly access: AccessToken } | undefined
> {
  const body = JSON.parse(answer.text) as TokenBody
  const { access_token: value, expires_in: expiresIn, refresh_token: refreshToken, id_token: idToken } = body
  const isWhole = client.isBound === (refreshToken === undefined)
  if (value === undefined || expiresIn === undefined || idToken === undefined || !isWhole) {
    find(scene, `an answer of the token endpoint has not the tokens of ${client.id}: ${Object.keys(body).join()}`)
    return undefined
  }
  if (expiresIn > client.access.idle) {
    find(scene, `an access token of ${client.id} lives ${expiresIn} s, and not ${client.access.idle}`)
  }
  if (answer.fromMs + expiresIn * 1000 > familyEndMs + slackMs) {
    find(scene, `an access token of ${client.id} outlives its family`)
  }
  for (const jwt of [idToken, ...(client.isJwt ? [value] : [])]) {
    const fault = await scene.keyring.faultIn(jwt, answer)
    if (fault !== undefined) find(scene, fault)
  }
  const issued = { fromMs: answer.fromMs, toMs: answer.toMs }
  return { refreshToken, idToken, access: { value, ...issued, expiresInMs: expiresIn * 1000, used: issued } }
}

const slackMs = 3000
