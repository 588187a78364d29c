import { base64url, formEncoded, jwtClaims, sha256 } from './native-encoding.ts'
import type { Transport, WireAnswer, WireRequest } from './native-transports.ts'

/** Where one text is kept for this installation, out of reach of other apps. */
export interface TextStorage {
  read(): string | undefined | Promise<string | undefined>
  write(text: string): void | Promise<void>
}

type Form = Readonly<Record<string, string | undefined>>
const formType = { 'content-type': 'application/x-www-form-urlencoded' }
type Members = Readonly<Record<string, unknown>>

/** What the server wants next, or why it refuses: `docs/native-api.md`. */
export interface Challenge {
  readonly error: string
  readonly step?: string
  /** For people, in the language of `locale`. */
  readonly message?: string
  readonly message_key?: string
  /** Whatever else the step brings. */
  readonly [member: string]: unknown
}

export interface Tokens {
  readonly accessToken: string
  /** Of the ID token. */
  readonly claims: Members
}

export type LoginAnswer =
  | { readonly kind: 'tokens'; readonly tokens: Tokens; readonly isNew: boolean }
  | { readonly kind: 'challenge'; readonly challenge: Challenge }

/** A refusal of the token endpoint, or an answer nobody can read. After `invalid_grant` the person has to log in again. */
export class NativeError extends Error {
  override readonly name = 'NativeError'
  readonly body: Members

  constructor(body: Members) {
    super(String(body['error']))
    this.body = body
  }
}

export interface NativeClientOptions {
  readonly issuer: string
  readonly clientId: string
  readonly scope: string
  readonly transport: Transport
  readonly storage: TextStorage
  /** So many random bytes: of `crypto.getRandomValues`, or of `wx.getRandomValues` through a promise. */
  readonly random: (bytes: number) => Uint8Array | Promise<Uint8Array>
  readonly locale?: string
}

export interface ApiRequest {
  readonly url: string
  readonly method?: WireRequest['method']
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Sent instead of `body`, urlencoded. */
  readonly form?: Form
  /** Asks for a token with these scopes; otherwise the one the login brought. */
  readonly scope?: string
}

interface Saved {
  readonly authSession?: string | undefined
  /** Secrets of the login under way. */
  readonly begun?: { readonly verifier: string; readonly nonce: string } | undefined
  readonly refreshToken?: string | undefined
  readonly claims?: Members
  /** By the scope they were asked with. */
  readonly access?: Readonly<Record<string, string>>
}

interface Granted {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly claims: Members | undefined
}

/**
 * Logs people in on an app's own screens and keeps their tokens. One for an installation: what it keeps is one person's. Without
 * any dependency, so that it can be copied into an app, a uni-app or a mini program as it is.
 */
export class NativeClient {
  readonly #options: NativeClientOptions
  readonly #refreshes = new Map<string, Promise<Tokens>>()
  #tail: Promise<unknown> = Promise.resolve()

  constructor(options: NativeClientOptions) {
    this.#options = options
  }

  /**
   * One request of a login: the method and what it takes, then what each step asks for. The first of a login brings the
   * authorization parameters; more of them, such as `max_age`, may be given. Rejects where there was no answer.
   */
  async login(params: Form): Promise<LoginAnswer> {
    const saved = await this.#load()
    const begun = saved.begun ?? { verifier: await this.#secret(), nonce: await this.#secret() }
    const { status, body } = await this.#post('/authorize-challenge', {
      ...(saved.begun ? {} : this.#authorization(begun)),
      auth_session: saved.authSession,
      ...params,
    })
    const authSession = textOf(body['auth_session'])
    if (status !== 200) {
      await this.#update({ authSession, begun: authSession === undefined ? undefined : begun })
      // The kept session ran out: this login begins without it.
      const isStale = body['error'] === 'invalid_session' && saved.authSession !== undefined
      if (isStale && params['method'] !== undefined) return this.login(params)
      return { kind: 'challenge', challenge: { ...body, error: String(body['error']) } }
    }
    const code = textOf(body['authorization_code'])
    return this.#inTurn(async () => {
      const kept = await this.#update({ authSession, begun: undefined })
      const form = { grant_type: 'authorization_code', code, code_verifier: begun.verifier }
      const { accessToken, refreshToken, claims = {} } = await this.#tokens(form, begun.nonce)
      await this.#save({ authSession, refreshToken, claims, access: { '': accessToken } })
      if (kept.refreshToken !== undefined) await this.#revoke(kept.refreshToken).catch(() => undefined)
      return { kind: 'tokens', tokens: { accessToken, claims }, isNew: body['new_user'] === true }
    })
  }

  /** The tokens there are; undefined before a login. */
  async tokens(scope = ''): Promise<Tokens | undefined> {
    const { access, claims = {} } = await this.#load()
    const accessToken = access?.[scope]
    return accessToken === undefined ? undefined : { accessToken, claims }
  }

  /** Fresh tokens. Whoever asks while a refresh is under way gets its result; refreshes for other scopes wait their turn. */
  refresh(scope = ''): Promise<Tokens> {
    const underWay = this.#refreshes.get(scope)
    if (underWay) return underWay
    const flight = this.#inTurn(() => this.#refresh(scope)).finally(() => this.#refreshes.delete(scope))
    this.#refreshes.set(scope, flight)
    return flight
  }

  /** A request with an access token; after a 401 once more with a fresh one, unless the API wants a fresh login (RFC 9470). */
  async request({ url, method = 'GET', headers, form, scope = '', ...rest }: ApiRequest): Promise<WireAnswer> {
    const body = form ? formEncoded(form) : rest.body
    const send = ({ accessToken }: Tokens) => {
      const own = { ...(form ? formType : {}), ...headers, authorization: `Bearer ${accessToken}` }
      return this.#options.transport({ url, method, headers: own, body })
    }
    const used = (await this.tokens(scope)) ?? (await this.refresh(scope))
    const answer = await send(used)
    const wantsLogin = answer.headers['www-authenticate']?.includes('insufficient_user_authentication')
    if (answer.status !== 401 || wantsLogin) return answer
    const current = await this.tokens(scope)
    return send(current && current.accessToken !== used.accessToken ? current : await this.refresh(scope))
  }

  /** Revokes the tokens and forgets everything, so that somebody else can log in. */
  logout(): Promise<void> {
    return this.#inTurn(async () => {
      const { refreshToken } = await this.#load()
      await this.#save({})
      if (refreshToken !== undefined) await this.#revoke(refreshToken)
    })
  }

  async #refresh(scope: string): Promise<Tokens> {
    const before = await this.#load()
    if (before.refreshToken === undefined) throw new NativeError({ error: 'login_required' })
    const form = { grant_type: 'refresh_token', refresh_token: before.refreshToken, scope: scope || undefined }
    const attempt = () => this.#tokens(form)
    try {
      // For 30 seconds the server gives the same successor again: an answer that was lost is asked for once more.
      const fresh = await attempt().catch((error) => (isLost(error) ? attempt() : Promise.reject(error)))
      const { accessToken, refreshToken = before.refreshToken, claims = before.claims ?? {} } = fresh
      await this.#update({ refreshToken, claims, access: { ...before.access, [scope]: accessToken } })
      return { accessToken, claims }
    } catch (error) {
      if (!(error instanceof NativeError)) throw error
      const authSession = textOf(error.body['auth_session'])
      if (error.message === 'invalid_grant') await this.#save({})
      else if (authSession !== undefined) await this.#update({ authSession, begun: undefined })
      throw error
    }
  }

  async #tokens(form: Form, nonce?: string): Promise<Granted> {
    const { status, body } = await this.#post('/token', form)
    const [accessToken, idToken] = [textOf(body['access_token']), textOf(body['id_token'])]
    if (status !== 200 || accessToken === undefined) throw new NativeError(body)
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

  #authorization({ verifier, nonce }: NonNullable<Saved['begun']>): Form {
    const { scope, locale } = this.#options
    const challenge = base64url(sha256(verifier))
    const pkce = { code_challenge: challenge, code_challenge_method: 'S256' }
    return { response_type: 'code', scope, nonce, ui_locales: locale, ...pkce }
  }

  async #post(path: string, fields: Form): Promise<{ readonly status: number; readonly body: Members }> {
    const { issuer, clientId, transport } = this.#options
    const headers = { ...formType, accept: 'application/json' }
    const body = formEncoded({ client_id: clientId, ...fields })
    const { status, text } = await transport({ url: `${issuer}${path}`, method: 'POST', headers, body })
    try {
      return { status, body: text === '' ? {} : (JSON.parse(text) as Members) }
    } catch {
      throw new NativeError({ error: 'temporarily_unavailable', status })
    }
  }

  async #revoke(token: string): Promise<void> {
    await this.#post('/token/revocation', { token })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work)
    this.#tail = turn.catch(() => undefined)
    return turn
  }

  async #secret(): Promise<string> {
    return base64url(await this.#options.random(32))
  }

  async #load(): Promise<Saved> {
    return JSON.parse((await this.#options.storage.read()) || '{}') as Saved
  }

  async #update(change: Saved): Promise<Saved> {
    const saved = { ...(await this.#load()), ...change }
    await this.#save(saved)
    return saved
  }

  async #save(saved: Saved): Promise<void> {
    await this.#options.storage.write(JSON.stringify(saved))
  }
}

/** No answer, or one of a proxy on the way: the server may have rotated the token all the same. */
function isLost(error: unknown): boolean {
  return !(error instanceof NativeError) || error.message === 'temporarily_unavailable'
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
