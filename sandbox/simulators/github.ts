import { createHash } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import { consentPage, decisionOf, type Person } from './consent-page.ts'
import { Issued } from './issued.ts'
import type { Answer, ReceivedRequest, Simulator } from './simulator.ts'
import {
  foreverSeconds,
  formOf,
  jsonAnswer,
  liveOf,
  type Refusal,
  type Refused,
  redirectAnswer,
  refusedAnswer,
  singleFields,
  startWebVendor,
  withParams,
} from './web-vendor.ts'

/** An OAuth app registered at GitHub. */
export interface GithubApp {
  readonly clientId: string
  readonly secret: string
  readonly redirectUris: readonly string[]
}

/** Somebody with a GitHub account. */
export interface GithubPerson {
  readonly id: number
  readonly login: string
  readonly name: string | null
  /** The profile shows this address, which nobody verified. */
  readonly publicEmail: string | null
  readonly emails: readonly GithubEmail[]
}

interface GithubEmail {
  readonly email: string
  readonly primary: boolean
  readonly verified: boolean
  readonly visibility: 'public' | 'private' | null
}

/** The apps and the people that the simulator knows. */
export interface GithubOptions {
  readonly clock: Clock
  readonly apps: readonly GithubApp[]
  readonly people: readonly GithubPerson[]
  readonly port?: number
  readonly hostname?: string
}

/** The simulator, and what a test may make it do. */
export interface GithubSimulator extends Simulator {
  /**
   * Opens the address of an authorization request as this person and answers the page; gives the address the browser is
   * sent back to. Throws with the code when GitHub would not send it back.
   */
  authorize(personId: number, address: string | URL, answer?: GithubAnswer): string
  /** Gives the person another login; the one left is free for others. */
  rename(personId: number, login: string): void
  /** Ends every token of the person, as the person can in the settings. */
  revoke(personId: number): void
}

interface GithubAnswer {
  readonly decision?: 'accept' | 'refuse'
  /** The person grants these scopes; if it is absent, all that the app asks for. */
  readonly scopes?: readonly string[]
}

interface Ask {
  readonly app: GithubApp
  readonly redirectUri: string
  readonly state: string | undefined
  readonly scopes: readonly string[]
  readonly challenge: string | undefined
  readonly login: string | undefined
}

interface Grant {
  readonly ask: Ask
  readonly personId: number
  readonly scopes: readonly string[]
}

const look = { names: { 'zh-CN': 'GitHub ', en: 'GitHub' }, color: '#24292f' }
const codeSeconds = 600
const troubleshooting = 'https://docs.github.com/apps/managing-oauth-apps/troubleshooting'

/**
 * Plays the web login of a GitHub OAuth app and its two profile calls
 * (docs.github.com/apps/oauth-apps/building-oauth-apps/ authorizing-oauth-apps). GitHub's host for people and its host
 * for programs are one here. Not documented by the vendor: what the authorization page answers to a request it refuses,
 * and what a wrong code_verifier is called.
 */
export async function startGithub({ clock, apps, people, port, hostname }: GithubOptions): Promise<GithubSimulator> {
  const codes = new Issued<Grant>({ clock, kind: 'github code', ttlSeconds: codeSeconds })
  const tokens = new Issued<Grant>({ clock, kind: 'github token', ttlSeconds: foreverSeconds })
  const logins = new Map(people.map(({ id, login }) => [id, login]))

  const personOf = (personId: number) => {
    const person = people.find(({ id }) => id === personId)
    if (person === undefined) throw new Error(`no person ${personId}`)
    return { ...person, login: logins.get(person.id) ?? person.login }
  }

  const decide = (ask: Ask, personId: number | undefined, scopes = ask.scopes): string => {
    if (personId === undefined) {
      return withParams(ask.redirectUri, {
        error: 'access_denied',
        error_description: 'The user has denied your application access.',
        error_uri: `${troubleshooting}-authorization-request-errors/#access-denied`,
        state: ask.state,
      })
    }
    const granted = ask.scopes.filter((scope) => scopes.includes(scope))
    const code = codes.issue({ ask, personId: personOf(personId).id, scopes: granted })
    return withParams(ask.redirectUri, { code, state: ask.state })
  }

  const shown = (): Person[] =>
    people.map(({ id, name }) => {
      const { login } = personOf(id)
      return { id: String(id), name: name === null ? login : `${login} (${name})` }
    })

  const authorizePage = (request: ReceivedRequest): Answer => {
    const ask = readAsk(request.rawQuery, apps)
    if ('reason' in ask) return refusedAnswer(request, look, ask)
    const decision = request.method === 'POST' ? decisionOf(request, shown()) : undefined
    if (decision === undefined) {
      const [signedIn] = [...logins].flatMap(([id, login]) => (login === ask.login ? [String(id)] : []))
      const marked = signedIn === undefined ? {} : { signedIn }
      const asked = { look, app: ask.app.clientId, scope: ask.scopes.join(' '), people: shown() }
      return consentPage(request, { ...asked, ...marked })
    }
    return redirectAnswer(decide(ask, decision.kind === 'accept' ? Number(decision.person) : undefined))
  }

  const accessToken = (request: ReceivedRequest, refuse: Refusal | undefined): Answer => {
    const form = formOf(request)
    const app = apps.find(({ clientId }) => clientId === form?.get('client_id'))
    if (form === undefined || app === undefined || form.get('client_secret') !== app.secret) {
      return tokenError(request, 'incorrect_client_credentials')
    }
    if (refuse !== undefined) return tokenError(request, refuse.code, refuse.message)
    const code = form.get('code') ?? ''
    const grant = liveOf(codes, code)
    if (grant === undefined || grant.ask.app !== app) return tokenError(request, 'bad_verification_code')
    const redirectUri = form.get('redirect_uri') ?? grant.ask.redirectUri
    if (redirectUri !== grant.ask.redirectUri) return tokenError(request, 'redirect_uri_mismatch')
    codes.use(code)
    const verifier = form.get('code_verifier')
    if ((verifier === undefined ? undefined : s256(verifier)) !== grant.ask.challenge) {
      return tokenError(request, 'bad_verification_code')
    }
    const token = `gho_${tokens.issue(grant)}`
    return tokenReply(request, { access_token: token, scope: grant.scopes.join(','), token_type: 'bearer' })
  }

  const asPerson = (request: ReceivedRequest, refuse: Refusal | undefined, answer: (grant: Grant) => Answer) => {
    if ((request.headers['user-agent'] ?? '') === '') return jsonAnswer(403, { message: 'User-Agent header required' })
    const [, token = ''] = /^Bearer gho_(\S+)$/i.exec(request.headers.authorization ?? '') ?? []
    const grant = liveOf(tokens, token)
    if (grant === undefined) return jsonAnswer(401, { message: 'Bad credentials' })
    return refuse === undefined ? answer(grant) : apiRefusal(refuse)
  }

  const vendor: Simulator = await startWebVendor({
    clock,
    port,
    hostname,
    pages: { 'GET /login/oauth/authorize': authorizePage, 'POST /login/oauth/authorize': authorizePage },
    calls: {
      'POST /login/oauth/access_token': accessToken,
      'GET /user': (request, refuse) =>
        asPerson(request, refuse, ({ personId }) => {
          const { id, login, name, publicEmail } = personOf(personId)
          const node_id = Buffer.from(`04:User${id}`).toString('base64')
          const avatar_url = `${vendor.url}/avatars/u/${id}`
          return jsonAnswer(200, { id, login, name, email: publicEmail, avatar_url, node_id })
        }),
      'GET /user/emails': (request, refuse) =>
        asPerson(request, refuse, ({ personId, scopes }) =>
          scopes.includes('user:email')
            ? jsonAnswer(200, personOf(personId).emails)
            : jsonAnswer(404, { message: 'Not Found' }),
        ),
    },
  })

  return Object.assign(vendor, {
    authorize(personId: number, address: string | URL, { decision = 'accept', scopes }: GithubAnswer = {}) {
      const ask = readAsk(new URL(address).search, apps)
      if ('reason' in ask) throw new Error(`${ask.code}: ${ask.reason}`)
      return decide(ask, decision === 'accept' ? personId : undefined, scopes)
    },
    rename(personId: number, login: string) {
      if ([...logins].some(([id, taken]) => taken === login && id !== personId)) throw new Error(`${login} is taken`)
      logins.set(personOf(personId).id, login)
    },
    revoke(personId: number) {
      tokens.useAll((grant) => grant.personId === personId)
    },
  })
}

function readAsk(query: string, apps: readonly GithubApp[]): Ask | Refused {
  const fields = singleFields(query)
  if (fields === undefined) return { status: 400, code: 'invalid_request', reason: 'a parameter comes twice' }
  const app = apps.find(({ clientId }) => clientId === fields.get('client_id'))
  if (app === undefined) return { status: 404, code: 'not_found', reason: 'no such application' }
  const redirectUri = fields.get('redirect_uri') ?? app.redirectUris[0] ?? ''
  if (!app.redirectUris.includes(redirectUri)) {
    const reason = 'the redirect_uri is not associated with this application'
    return { status: 400, code: 'redirect_uri_mismatch', reason }
  }
  const challenge = fields.get('code_challenge')
  const method = fields.get('code_challenge_method')
  if (challenge !== undefined || method !== undefined) {
    const wrong = method !== 'S256' ? 'code_challenge_method must be S256' : 'code_challenge must have 43 characters'
    const isRight = method === 'S256' && /^[\w-]{43}$/.test(challenge ?? '')
    if (!isRight) return { status: 400, code: 'invalid_request', reason: wrong }
  }
  // A list with commas names no scope that exists.
  const scopes = (fields.get('scope') ?? '').split(' ').filter((scope) => /^[a-z_]+(:[a-z_]+)?$/.test(scope))
  return { app, redirectUri, state: fields.get('state'), scopes, challenge, login: fields.get('login') }
}

function s256(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}

const descriptions: Readonly<Record<string, string>> = {
  bad_verification_code: 'The code passed is incorrect or expired.',
  incorrect_client_credentials: 'The client_id and/or client_secret passed are incorrect.',
  redirect_uri_mismatch: 'The redirect_uri MUST match the registered callback URL for this application.',
}

function tokenError(request: ReceivedRequest, error: string, message?: string): Answer {
  const error_uri = `${troubleshooting}-oauth-app-access-token-request-errors/#${error.replaceAll('_', '-')}`
  return tokenReply(request, { error, error_description: message ?? descriptions[error] ?? error, error_uri })
}

/** The status is 200 whatever the answer says; it is form-encoded unless the caller asks for JSON. */
function tokenReply(request: ReceivedRequest, answer: Readonly<Record<string, string>>): Answer {
  if (/\bapplication\/json\b/.test(request.headers.accept ?? '')) return jsonAnswer(200, answer)
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', 'cache-control': 'no-store' }
  return { status: 200, headers, body: new URLSearchParams(answer).toString() }
}

/** A refusal of the API is a status; 403 and 429 say when to come back. */
function apiRefusal({ code, message }: Refusal): Answer {
  const status = /^[45]\d\d$/.test(code) ? Number(code) : 403
  const limit = { 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '0', 'retry-after': '60' }
  return jsonAnswer(status, { message: message ?? code }, status === 403 || status === 429 ? limit : {})
}
