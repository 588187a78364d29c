import { type Clock, epochSeconds } from '../../src/base/clock.ts'
import { type AppleAsk, type AppleTeam, appleScopes, findClient, readAppleAsk } from './apple-authorize.ts'
import { type AppleNoticeBent, appleNotice } from './apple-notices.ts'
import { type AppleMisbehaviour, type ApplePerson, AppleTokens, appleSubject } from './apple-tokens.ts'
import { consentPage, decisionOf } from './consent-page.ts'
import { postingPage } from './posting-page.ts'
import { halfHash } from './signing-keys.ts'
import type { Answer, ReceivedRequest, Simulator } from './simulator.ts'
import { documentAnswer, redirectAnswer, refusedAnswer, startWebVendor, withParams } from './web-vendor.ts'

/** The teams, clients and people that the simulator knows. */
export interface AppleOptions {
  readonly clock: Clock
  readonly teams: readonly AppleTeam[]
  readonly people: readonly ApplePerson[]
  readonly port?: number
  readonly hostname?: string
  /** What tokens and client secrets name; the simulator's own address if absent. */
  readonly issuer?: string
  /** Lets clients register addresses on this machine, which Apple does not. */
  readonly allowLoopback?: boolean
}

/** The simulator, and what a test may make it do. */
export interface AppleSimulator extends Simulator {
  readonly issuer: string
  /** What is wrong with the id_tokens while it is in here. */
  readonly misbehaviours: Set<AppleMisbehaviour>
  /**
   * Opens the address of an authorization request as this person and answers the page; gives what the browser then
   * sends to the application. Throws with the code when Apple would not send it back.
   */
  authorize(personId: string, address: string | URL, decision?: 'accept' | 'refuse'): AppleCallback
  /** Logs the person in to an app on a device; `nonce` goes into the token as it is. */
  authorizeNative(personId: string, request: NativeRequest): NativeCredential
  subject(personId: string, teamId: string): string
  /**
   * The person stops using the team's applications in the settings of the Apple account: the next consent is the first
   * again.
   */
  forget(personId: string, teamId: string): void
  /** The body of a notice about this person, and what makes it odd. */
  notice(personId: string, notice: { readonly clientId: string; readonly type: string } & AppleNoticeBent): string
  /** Posts such a notice to an application's server, as its team has entered the address; answers the status. */
  notify(address: string | URL, body: string): Promise<number>
  /** Whether an access or refresh token still works. */
  isLive(token: string): boolean
  rotateKeys(): void
}

/** A form the browser posts to the application, or with `query` parameters it carries there. */
export interface AppleCallback {
  readonly mode: 'form_post' | 'query'
  readonly action: string
  readonly fields: Readonly<Record<string, string>>
}

interface NativeRequest {
  readonly clientId: string
  readonly nonce?: string
  readonly scopes?: readonly string[]
}

interface NativeCredential {
  readonly code: string
  readonly identityToken: string
  /** It is JSON text and comes only at the first consent. */
  readonly user: string | undefined
}

const look = { names: { 'zh-CN': 'Apple ', en: 'Apple' }, color: '#000' }

/**
 * Plays Sign in with Apple (developer.apple.com/documentation/sign_in_with_apple). Not documented by the vendor: what
 * its page answers to a request it refuses, which error a code of another client gives, how long an id_token lives.
 */
export async function startApple(options: AppleOptions): Promise<AppleSimulator> {
  const { clock, teams, people, port, hostname, allowLoopback = false } = options
  const misbehaviours = new Set<AppleMisbehaviour>()
  const consents = new Set<string>()
  const known = { teams, allowLoopback }

  const personOf = (personId: string) => {
    const person = people.find(({ id }) => id === personId)
    if (person === undefined) throw new Error(`no person ${personId}`)
    return person
  }

  /** Takes the person's consent down and gives a code, and who the person is if it is the first one. */
  const accept = (ask: AppleAsk, personId: string) => {
    const person = personOf(personId)
    const { firstName, lastName, email } = person
    const consent = `${ask.team.teamId} ${personId}`
    const [wantsName, wantsEmail] = [ask.scopes.includes('name'), ask.scopes.includes('email')]
    const isFirst = !consents.has(consent) && (wantsName || wantsEmail)
    consents.add(consent)
    const grant = { ask, person, authTime: epochSeconds(clock) }
    const code = tokens.codes.issue(grant)
    const told = { ...(wantsName && { name: { firstName, lastName } }), ...(wantsEmail && { email }) }
    return { grant, code, user: isFirst ? JSON.stringify(told) : undefined }
  }

  const decide = (ask: AppleAsk, personId: string | undefined): AppleCallback => {
    const { state, mode, redirectUri: action = '' } = ask
    if (personId === undefined) return { mode, action, fields: present({ error: 'user_cancelled_authorize', state }) }
    const { grant, code, user } = accept(ask, personId)
    const id_token = ask.wantsIdToken ? tokens.idToken(grant, { nonce: ask.nonce, c_hash: halfHash(code) }) : undefined
    return { mode, action, fields: present({ code, id_token, state, user }) }
  }

  const shown = people.map(({ id, firstName, lastName, email }) => ({ id, name: `${lastName}${firstName} ${email}` }))

  const authorizePage = (request: ReceivedRequest): Answer => {
    const ask = readAppleAsk(request.rawQuery, known)
    if ('reason' in ask) return refusedAnswer(request, look, ask)
    const decision = request.method === 'POST' ? decisionOf(request, shown) : undefined
    if (decision === undefined) {
      return consentPage(request, { look, app: ask.client.clientId, scope: ask.scopes.join(' '), people: shown })
    }
    const { mode, action, fields } = decide(ask, decision.kind === 'accept' ? decision.person : undefined)
    return mode === 'form_post'
      ? postingPage({ title: 'Apple', action, fields })
      : redirectAnswer(withParams(action, fields))
  }

  const vendor: Simulator = await startWebVendor({
    clock,
    port,
    hostname,
    pages: { 'GET /auth/authorize': authorizePage, 'POST /auth/authorize': authorizePage },
    calls: {
      'GET /.well-known/openid-configuration': documentAnswer(() => discovery(vendor.url, issuer)),
      'GET /auth/keys': documentAnswer(() => tokens.keys.jwks()),
      'POST /auth/token': (request, refuse) => tokens.token(request, refuse),
      'POST /auth/revoke': (request, refuse) => tokens.revoke(request, refuse),
    },
  })
  const issuer = options.issuer ?? vendor.url
  const tokens = new AppleTokens({ clock, teams, issuer, misbehaviours })

  return Object.assign(vendor, {
    issuer,
    misbehaviours,
    authorize(personId: string, address: string | URL, decision: 'accept' | 'refuse' = 'accept') {
      const ask = readAppleAsk(new URL(address).search, known)
      if ('reason' in ask) throw new Error(`${ask.code}: ${ask.reason}`)
      return decide(ask, decision === 'accept' ? personId : undefined)
    },
    authorizeNative(personId: string, { clientId, nonce, scopes = ['name', 'email'] }: NativeRequest) {
      const found = findClient(teams, clientId)
      if (found?.client.kind !== 'native') throw new Error(`no app ${clientId}`)
      const rest = { redirectUri: undefined, state: undefined, wantsIdToken: true, mode: 'form_post' } as const
      const { grant, code, user } = accept({ ...found, nonce, scopes, ...rest }, personId)
      return { code, identityToken: tokens.idToken(grant, { nonce, c_hash: halfHash(code) }), user }
    },
    subject: (personId: string, teamId: string) => appleSubject(teamId, personOf(personId).id),
    forget(personId: string, teamId: string) {
      consents.delete(`${teamId} ${personId}`)
      tokens.takeBack(({ ask, person }) => ask.team.teamId === teamId && person.id === personId)
    },
    notice(personId: string, { clientId, type, ...bent }: { clientId: string; type: string } & AppleNoticeBent) {
      const { id, email } = personOf(personId)
      const team = findClient(teams, clientId)?.team
      if (!team) throw new Error(`no client ${clientId}`)
      const event = { clientId, type, subject: appleSubject(team.teamId, id), email }
      return appleNotice({ keys: tokens.keys, issuer, clock }, event, bent)
    },
    async notify(address: string | URL, body: string) {
      const headers = { 'content-type': 'application/json' }
      return (await fetch(address, { method: 'POST', headers, body, redirect: 'manual' })).status
    },
    isLive: (token: string) => tokens.grantOf(token) !== undefined,
    rotateKeys: () => tokens.keys.rotate(),
  })
}

/** Leaves out the fields that have no value. */
function present(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

function discovery(url: string, issuer: string): unknown {
  return {
    issuer,
    authorization_endpoint: `${url}/auth/authorize`,
    token_endpoint: `${url}/auth/token`,
    revocation_endpoint: `${url}/auth/revoke`,
    jwks_uri: `${url}/auth/keys`,
    response_types_supported: ['code', 'code id_token'],
    response_modes_supported: ['query', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: appleScopes,
    token_endpoint_auth_methods_supported: ['client_secret_post'],
    claims_supported: [
      'aud',
      'email',
      'email_verified',
      'exp',
      'iat',
      'is_private_email',
      'iss',
      'nonce',
      'nonce_supported',
      'sub',
    ],
  }
}
