import { base64url, formEncoded, jwtClaims, membersOf, queryOf, sha256 } from './encoding.ts'
import { solveAltcha } from './solving.ts'
import { type Begun, Keeper, Queue, type Saved } from './storage.ts'
import type { WireAnswer } from './transports.ts'
import {
  type ApiRequest,
  type Challenge,
  type Form,
  isLost,
  type LoginAnswer,
  leavesSession,
  type Members,
  type NativeClientOptions,
  NativeError,
  type ProofRequest,
  type Tokens,
} from './types.ts'

/** RFC 7636 §7.1. */
const secretBytes = 32
const formType = { 'content-type': 'application/x-www-form-urlencoded' }

/** Every answer has the member, also one that is no refusal. */
type Refusal = Members & { readonly error: string }

interface Granted {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly claims: Members | undefined
}

/**
 * Logs people in on an app's own screens and keeps their tokens. One for an installation: what it keeps is one
 * person's. Needs nothing of its platform but what it is given.
 */
export class NativeClient {
  readonly #options: NativeClientOptions
  readonly #kept: Keeper
  readonly #logins = new Queue()
  readonly #refreshes = new Queue()
  readonly #underWay = new Map<string, Promise<Tokens>>()

  constructor(options: NativeClientOptions) {
    this.#options = options
    this.#kept = new Keeper(options.storage)
  }

  /**
   * One request of a login: the method and what it takes, then what each step asks for. The first of a login brings the
   * authorization parameters; more of them, such as `max_age`, may be given. A second one waits, because each answer
   * brings the `auth_session` of the next request. Rejects where there was no answer.
   */
  login(params: Form): Promise<LoginAnswer> {
    return this.#logins.add(() => this.#login(params))
  }

  /** Where `redirect_to_web` goes on: the address for the system browser. */
  browserUrl({ request_uri: requestUri }: Challenge): string {
    const { issuer, clientId } = this.#options
    return `${issuer}/auth?${formEncoded({ client_id: clientId, request_uri: textOf(requestUri) })}`
  }

  /**
   * Ends a login that went on in the browser, with the address this came back to. Until then the app may go on by
   * itself.
   */
  finish(callbackUrl: string): Promise<LoginAnswer> {
    return this.#logins.add(async () => {
      const { iss, code, error, ...more } = queryOf(callbackUrl)
      // SECURITY: RFC 9207 §2.4; nothing of an answer of somebody else's server is used.
      if (iss !== this.#options.issuer) throw new NativeError({ error: 'invalid_issuer' })
      if (error !== undefined) return { kind: 'challenge', challenge: { ...more, error } }
      const { begun } = await this.#kept.read()
      if (!begun || code === undefined) throw new NativeError({ error: 'invalid_session' })
      return this.#exchange(code, begun, undefined, false)
    })
  }

  /** Leaves a login that was begun, so that the next request begins another. Whoever is signed in stays so. */
  restart(): Promise<void> {
    return this.#logins.add(async () => {
      await this.#kept.change((saved) => ({ ...saved, begun: undefined }))
    })
  }

  /** The tokens there are; undefined before a login. */
  async tokens(scope = ''): Promise<Tokens | undefined> {
    const { access, claims = {} } = await this.#kept.read()
    const accessToken = access?.[scope]
    return accessToken === undefined ? undefined : { accessToken, claims }
  }

  /**
   * Fresh tokens. Whoever asks while a refresh is under way gets its result; refreshes for other scopes wait their
   * turn.
   */
  refresh(scope = ''): Promise<Tokens> {
    const underWay = this.#underWay.get(scope)
    if (underWay) return underWay
    const flight = this.#refreshes.add(() => this.#refresh(scope)).finally(() => this.#underWay.delete(scope))
    this.#underWay.set(scope, flight)
    return flight
  }

  /**
   * A request with an access token; after a 401 once more with a fresh one, unless the API wants a fresh login (RFC
   * 9470).
   */
  async request({ url, method = 'GET', headers, form, scope = '', ...rest }: ApiRequest): Promise<WireAnswer> {
    const body = form ? formEncoded(form) : rest.body
    const send = async ({ accessToken }: Tokens) => {
      const proof = await this.#proof({ method, url, accessToken })
      const authorization = `${proof.dpop === undefined ? 'Bearer' : 'DPoP'} ${accessToken}`
      const own = { ...(form ? formType : {}), ...headers, ...proof, authorization }
      return this.#options.transport({ url, method, headers: own, body })
    }
    const used = (await this.tokens(scope)) ?? (await this.refresh(scope))
    const answer = await send(used)
    const wantsLogin = answer.headers['www-authenticate']?.includes('insufficient_user_authentication')
    if (answer.status !== 401 || wantsLogin) return answer
    const current = await this.tokens(scope)
    const next = current && current.accessToken !== used.accessToken ? current : await this.refresh(scope)
    // SECURITY: what one person asked for is not asked again for the next one.
    return next.claims['sub'] === used.claims['sub'] ? send(next) : answer
  }

  /** Revokes the tokens and forgets everything, so that somebody else can log in. Waits for a request of a login. */
  logout(): Promise<void> {
    return this.#logins.add(async () => {
      const { refreshToken } = await this.#kept.change(() => ({}))
      if (refreshToken !== undefined) await this.#revoke(refreshToken)
    })
  }

  async #login(params: Form): Promise<LoginAnswer> {
    const saved = await this.#kept.read()
    const used = (saved.begun ?? saved).authSession
    const begun = saved.begun ?? { verifier: await this.#secret(), nonce: await this.#secret() }
    const { status, body } = await this.#post('/authorize-challenge', {
      ...(saved.begun ? {} : this.#authorization(begun, used === undefined ? saved.claims?.['sub'] : undefined)),
      auth_session: used,
      ...params,
    })
    const [authSession, code] = [textOf(body['auth_session']), textOf(body['authorization_code'])]
    const { error } = body
    if (status === 200 && code === undefined) throw new NativeError(body, status)
    if (authSession === undefined && leavesSession(status, error)) return { kind: 'challenge', challenge: body }
    const isOver = authSession !== undefined || error === 'invalid_session'
    await this.#kept.change((now) => ({
      ...now,
      authSession: isOver && now.authSession === used ? undefined : now.authSession,
      begun: authSession === undefined || code !== undefined ? undefined : { ...begun, authSession },
    }))
    if (code !== undefined) return this.#exchange(code, begun, authSession, body['new_user'] === true)
    // The session that was kept ran out: this login begins without it. One that was under way has proved what is lost
    // with it.
    const isStale = error === 'invalid_session' && used !== undefined && !saved.begun
    if (isStale && params['method'] !== undefined) return this.#login(params)
    const work = body['provider'] === 'altcha' ? (body['altcha'] as Members) : undefined
    // What was solved and did not do is told, so that nobody goes round and round; so is the captcha of a vendor.
    if (!work || params['altcha'] !== undefined) return { kind: 'challenge', challenge: body }
    return this.#login({ ...params, altcha: await solveAltcha(work, this.#options.pbkdf2) })
  }

  async #exchange(
    code: string,
    { verifier, nonce }: Omit<Begun, 'authSession'>,
    authSession: string | undefined,
    isNew: boolean,
  ): Promise<LoginAnswer> {
    const form = { grant_type: 'authorization_code', code, code_verifier: verifier }
    const attempt = () => this.#tokens(form, nonce)
    // A server that says it is not there has not used the code; where no answer came, it may have.
    const {
      accessToken,
      refreshToken,
      claims = {},
    } = await attempt().catch((error) =>
      error instanceof NativeError && isLost(error) ? attempt() : Promise.reject(error),
    )
    const fresh = { authSession, refreshToken, claims, access: { '': accessToken } }
    const signIn = (saved: Saved) => {
      refuseOther(saved, claims)
      return fresh
    }
    const before = await this.#kept.change(signIn).catch(async (error) => {
      await this.#revoke(refreshToken).catch(() => undefined)
      throw error
    })
    await this.#revoke(before.refreshToken).catch(() => undefined)
    return { kind: 'tokens', tokens: { accessToken, claims }, isNew }
  }

  async #refresh(scope: string): Promise<Tokens> {
    const used = await this.#kept.read()
    if (used.refreshToken === undefined) throw new NativeError({ error: 'login_required' })
    const form = { grant_type: 'refresh_token', refresh_token: used.refreshToken, scope: scope || undefined }
    const attempt = () => this.#tokens(form)
    // The server gives the same successor again until it is used: an answer that was lost is asked for once more.
    const outcome = await attempt()
      .catch((error) => (isLost(error) ? attempt() : Promise.reject(error)))
      .catch((error) => (error instanceof NativeError ? error : Promise.reject(error)))
    // The successor may be there already: two who refresh at once get the same one.
    const successor = outcome instanceof NativeError ? undefined : outcome.refreshToken
    const isStill = ({ refreshToken }: Saved) =>
      refreshToken !== undefined && (refreshToken === used.refreshToken || refreshToken === successor)
    const before = await this.#kept.change((saved) => (isStill(saved) ? refreshed(saved, scope, outcome) : saved))
    if (!isStill(before)) {
      // Somebody logged in or out meanwhile: these tokens are nobody's, and what is there now counts.
      if (!(outcome instanceof NativeError)) await this.#revoke(outcome.refreshToken).catch(() => undefined)
      return this.#refresh(scope)
    }
    if (outcome instanceof NativeError) throw outcome
    return { accessToken: outcome.accessToken, claims: claimsAfter(before, scope, outcome) }
  }

  async #tokens(form: Form, nonce?: string): Promise<Granted> {
    const { status, body } = await this.#post('/token', form)
    const [accessToken, idToken] = [textOf(body['access_token']), textOf(body['id_token'])]
    if (status !== 200 || accessToken === undefined) throw new NativeError(body, status === 200 ? 503 : status)
    const claims = idToken === undefined ? undefined : this.#checked(jwtClaims(idToken), nonce)
    return { accessToken, refreshToken: textOf(body['refresh_token']), claims }
  }

  /** OIDC Core §3.1.3.7. */
  #checked(claims: Members, nonce: string | undefined): Members {
    const { issuer, clientId } = this.#options
    const isMeant = claims['iss'] === issuer && claims['aud'] === clientId
    if (isMeant && (nonce === undefined || claims['nonce'] === nonce)) return claims
    throw new NativeError({ error: 'invalid_id_token' })
  }

  /** Where no session says who is signed in, a claim does (OIDC Core §5.5.1): the server lets nobody else in. */
  #authorization({ verifier, nonce }: Omit<Begun, 'authSession'>, sub: unknown): Form {
    const { scope, locale } = this.#options
    const pkce = { code_challenge: base64url(sha256(verifier)), code_challenge_method: 'S256' }
    const claims = sub === undefined ? undefined : JSON.stringify({ id_token: { sub: { value: sub } } })
    return { response_type: 'code', scope, nonce, claims, ui_locales: locale, ...pkce }
  }

  /** An answer nobody can read is one of something on the way: it counts as 503. */
  async #post(path: string, fields: Form): Promise<{ readonly status: number; readonly body: Refusal }> {
    const { issuer, clientId, transport } = this.#options
    const url = `${issuer}${path}`
    const headers = { ...formType, accept: 'application/json', ...(await this.#proof({ method: 'POST', url })) }
    const body = formEncoded({ client_id: clientId, ...fields })
    const { status, text } = await transport({ url, method: 'POST', headers, body })
    const members = membersOf(text)
    const error = textOf(members?.['error']) ?? (status < 500 && members ? 'invalid_answer' : 'temporarily_unavailable')
    const isRead = members !== undefined || (status === 200 && text === '')
    return { status: isRead ? status : 503, body: { ...members, error } }
  }

  async #proof({ url, ...more }: ProofRequest): Promise<{ dpop?: string }> {
    const { proof } = this.#options
    return proof ? { dpop: await proof({ ...more, url: url.replace(/[?#].*$/, '') }) } : {}
  }

  async #revoke(token: string | undefined): Promise<void> {
    if (token === undefined) return
    const { status, body } = await this.#post('/token/revocation', { token })
    if (status !== 200) throw new NativeError(body, status)
  }

  async #secret(): Promise<string> {
    const bytes = await this.#options.random(secretBytes)
    // SECURITY: whoever can foretell the verifier can use a code they have seen.
    if (bytes.length < secretBytes) throw new NativeError({ error: 'no_random_source' })
    return base64url(bytes)
  }
}

/** What is kept after a refresh. */
function refreshed(saved: Saved, scope: string, outcome: Granted | NativeError): Saved {
  if (outcome instanceof NativeError) {
    if (outcome.message === 'invalid_grant') return {}
    const authSession = textOf(outcome.body['auth_session'])
    // What the server asks now goes before a login that was left.
    return authSession === undefined ? saved : { ...saved, begun: undefined, authSession }
  }
  const { accessToken, refreshToken = saved.refreshToken, claims } = outcome
  if (claims) refuseOther(saved, claims)
  const access = { ...saved.access, [scope]: accessToken }
  return { ...saved, refreshToken, access, claims: claimsAfter(saved, scope, outcome) }
}

/** An ID token for some of the scope tells less than there is to know. */
function claimsAfter({ claims = {} }: Saved, scope: string, granted: Granted): Members {
  return scope === '' ? (granted.claims ?? claims) : claims
}

/** SECURITY: OIDC Core §12.2; what is kept here is one person's. */
function refuseOther({ claims: own }: Saved, claims: Members): void {
  const sub = own?.['sub']
  if (sub !== undefined && claims['sub'] !== sub) throw new NativeError({ error: 'invalid_id_token' })
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
