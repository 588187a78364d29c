// Written by `npm run docs` from clients/native/*.ts. To be copied: docs/native-api.md.

/** Parameters of a request; what is undefined is left out. */
export type Form = Readonly<Record<string, string | undefined>>
/** A JSON object, or claims. */
export type Members = Readonly<Record<string, unknown>>

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

/** What an app uses of the tokens it has. */
export interface Tokens {
  readonly accessToken: string
  /** Of the ID token for the whole scope. */
  readonly claims: Members
}

/** Where a login has got to. */
export type LoginAnswer =
  | { readonly kind: 'tokens'; readonly tokens: Tokens; readonly isNew: boolean }
  | { readonly kind: 'challenge'; readonly challenge: Challenge }

/**
 * A refusal of the token endpoint, or an answer that is not what it must be. After `invalid_grant` the person has to
 * log in again.
 */
export class NativeError extends Error {
  override readonly name = 'NativeError'
  readonly body: Members
  /** Of the answer, where there was one. */
  readonly status: number | undefined

  constructor(body: Members & { readonly error: string }, status?: number) {
    super(body.error)
    this.body = body
    this.status = status
  }
}

/**
 * What a DPoP proof is about, RFC 9449 §4.2: `htm`, `htu` and, beside an access token, what `ath` is the SHA-256 of.
 */
export interface ProofRequest {
  readonly method: string
  readonly url: string
  readonly accessToken?: string
}

/** PBKDF2 with HMAC-SHA-256, RFC 8018 §5.2: 32 bytes. */
export type Pbkdf2 = (request: {
  readonly password: Uint8Array
  readonly salt: Uint8Array
  readonly iterations: number
}) => Uint8Array | Promise<Uint8Array>

/** What a client needs to know, and what it uses of its platform. */
export interface NativeClientOptions {
  readonly issuer: string
  readonly clientId: string
  readonly scope: string
  readonly transport: Transport
  readonly storage: TextStorage
  /** So many random bytes, of a source made for secrets. */
  readonly random: (bytes: number) => Uint8Array | Promise<Uint8Array>
  /** A DPoP proof by the key of this installation. With it, every token is bound to that key. */
  readonly proof?: (request: ProofRequest) => Promise<string>
  /** By the platform, where it can: a challenge is solved with it in a fraction of the time. */
  readonly pbkdf2?: Pbkdf2
  readonly locale?: string
}

/** A request of an API. */
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

/** No answer, or one that says as little: the server may have rotated the token all the same. */
export function isLost(error: unknown): boolean {
  return !(error instanceof NativeError) || (error.status ?? 0) >= 500
}

/** Whether an answer without a session says nothing of the one that was sent: nobody looked at it, or nobody knows. */
export function leavesSession(status: number, error: unknown): boolean {
  const isProof = error === 'invalid_dpop_proof' || error === 'invalid_client_attestation'
  return status >= 500 || status === 429 || isProof
}

/**
 * What mini programs lack: SHA-256, base64url, forms and queries, without `crypto`, `btoa`, `TextEncoder` and
 * `URLSearchParams`.
 */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** RFC 4648 §5, without padding. */
export function base64url(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3)
    const group = (a << 16) | (b << 8) | c
    const digits = [18, 12, 6, 0].map((shift) => alphabet.charAt((group >> shift) & 63)).join('')
    text += digits.slice(0, Math.min(4, bytes.length - at + 1))
  }
  return text
}

/** The claims of a JWT, unverified: OIDC Core §3.1.3.7 lets TLS to the token endpoint stand for the signature. */
export function jwtClaims(token: string): Readonly<Record<string, unknown>> {
  const digits = [...(token.split('.')[1] ?? '')].map((digit) => alphabet.indexOf(digit))
  let escaped = ''
  for (let bit = 0; bit + 8 <= digits.length * 6; bit += 8) {
    const at = Math.floor(bit / 6)
    const pair = ((digits[at] ?? 0) << 6) | (digits[at + 1] ?? 0)
    const byte = (pair >> (4 - (bit % 6))) & 255
    escaped += `%${byte.toString(16).padStart(2, '0')}`
  }
  return JSON.parse(decodeURIComponent(escaped)) as Readonly<Record<string, unknown>>
}

/** `application/x-www-form-urlencoded`; what is undefined is left out. */
export function formEncoded(fields: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(fields)
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
    )
    .join('&')
}

/** The parameters of an address; what follows `#` is none. */
export function queryOf(url: string): Readonly<Record<string, string>> {
  const query = /\?([^#]*)/.exec(url)?.[1] ?? ''
  const decoded = (text: string) => decodeURIComponent(text.replace(/\+/g, ' '))
  return Object.fromEntries(
    query.split('&').map((pair) => {
      const [name = '', ...value] = pair.split('=')
      return [decoded(name), decoded(value.join('='))]
    }),
  )
}

/** FIPS 180-4 §4.2.2. */
const constants = `
  428a2f98 71374491 b5c0fbcf e9b5dba5 3956c25b 59f111f1 923f82a4 ab1c5ed5
  d807aa98 12835b01 243185be 550c7dc3 72be5d74 80deb1fe 9bdc06a7 c19bf174
  e49b69c1 efbe4786 0fc19dc6 240ca1cc 2de92c6f 4a7484aa 5cb0a9dc 76f988da
  983e5152 a831c66d b00327c8 bf597fc7 c6e00bf3 d5a79147 06ca6351 14292967
  27b70a85 2e1b2138 4d2c6dfc 53380d13 650a7354 766a0abb 81c2c92e 92722c85
  a2bfe8a1 a81a664b c24b8b70 c76c51a3 d192e819 d6990624 f40e3585 106aa070
  19a4c116 1e376c08 2748774c 34b0bcb5 391c0cb3 4ed8aa4a 5b9cca4f 682e6ff3
  748f82ee 78a5636f 84c87814 8cc70208 90befffa a4506ceb bef9a3f7 c67178f2
`
  .trim()
  .split(/\s+/)
  .map((word) => Number.parseInt(word, 16))

/** The members of a JSON object; undefined where the text is none. */
export function membersOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}

/** FIPS 180-4 §5.3.3. */
export const initialHash: readonly number[] = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]

/** FIPS 180-4 §6.2, of ASCII text. */
export function sha256(text: string): Uint8Array {
  const blocks = Math.ceil((text.length + 9) / 64)
  const message = new Uint8Array(blocks * 64)
  for (let at = 0; at < text.length; at++) message[at] = text.charCodeAt(at)
  message[text.length] = 0x80
  const words = new DataView(message.buffer)
  words.setUint32(message.length - 4, text.length * 8)

  const hash = Int32Array.from(initialHash)
  for (let block = 0; block < blocks; block++) {
    compress(
      hash,
      Int32Array.from({ length: 16 }, (_, at) => words.getInt32(block * 64 + at * 4)),
    )
  }
  const digest = new DataView(new ArrayBuffer(32))
  hash.forEach((word, at) => {
    digest.setInt32(at * 4, word)
  })
  return new Uint8Array(digest.buffer)
}

const schedule = new Int32Array(64)

/** One block of SHA-256, added to the hash. A proof of work does little else, so it makes nothing new. */
export function compress(hash: Int32Array, block: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = hash as unknown as Word8
  schedule.set(block)
  for (let round = 0; round < 64; round++) {
    if (round >= 16) {
      const [early, late] = [schedule[round - 15] as number, schedule[round - 2] as number]
      const mixed = (rotated(early, 7) ^ rotated(early, 18) ^ (early >>> 3)) + (schedule[round - 16] as number)
      const later = (rotated(late, 17) ^ rotated(late, 19) ^ (late >>> 10)) + (schedule[round - 7] as number)
      schedule[round] = mixed + later
    }
    const choice = (e & f) ^ (~e & g)
    const added = choice + (constants[round] as number) + (schedule[round] as number)
    const first = (h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + added) | 0
    const second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  const next = [a, b, c, d, e, f, g, h]
  for (let at = 0; at < 8; at++) hash[at] = (hash[at] as number) + (next[at] as number)
}

type Word8 = [number, number, number, number, number, number, number, number]

function rotated(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}

/** A challenge with more work in it than servers ask for. */
const mostTries = 10_000

/**
 * The parameter `altcha` for the challenge of a step: the number whose key begins as the server says. It takes a moment
 * of computing, longer where the platform has no `derive` of its own. The client does it by itself, unless the captcha
 * of a vendor is asked for: then an app may call it for people who cannot use that.
 */
export async function solveAltcha(challenge: Members, derive: Pbkdf2 = pbkdf2): Promise<string> {
  const { algorithm, nonce, salt, cost, keyPrefix } = Object(challenge['parameters']) as Members
  const [prefix, iterations] = [String(keyPrefix), Number(cost)]
  const start = Date.now()
  for (let counter = 0; algorithm === 'PBKDF2/SHA-256' && counter < mostTries; counter++) {
    const count = [24, 16, 8, 0].map((shift) => (counter >>> shift) & 255)
    const password = Uint8Array.from([...bytesOf(String(nonce)), ...count])
    const derivedKey = hexOf(await derive({ password, salt: bytesOf(String(salt)), iterations }))
    if (!derivedKey.startsWith(prefix)) continue
    const text = JSON.stringify({ challenge, solution: { counter, derivedKey, time: Date.now() - start } })
    return padded(base64url(Uint8Array.from(text, (letter) => letter.charCodeAt(0))))
  }
  throw new NativeError({ error: 'invalid_answer' })
}

/** The same for platforms that have none: one block, which is all that is asked for. */
function pbkdf2({ password, salt, iterations }: Parameters<Pbkdf2>[0]): Uint8Array {
  const [inner, outer] = [keyed(password, 0x36), keyed(password, 0x5c)]
  const message = blockOf(32)
  const first = blockOf(salt.length + 4)
  for (let at = 0; at < salt.length; at++) put(first, at, salt[at] as number)
  put(first, salt.length + 3, 1)
  const hash = new Int32Array(8)
  const mac = (block: Int32Array) => {
    hash.set(inner)
    compress(hash, block)
    message.set(hash)
    hash.set(outer)
    compress(hash, message)
  }
  mac(first)
  const key = Int32Array.from(hash)
  for (let round = 1; round < iterations; round++) {
    message.set(hash)
    mac(message)
    for (let at = 0; at < 8; at++) key[at] = (key[at] as number) ^ (hash[at] as number)
  }
  return Uint8Array.from({ length: 32 }, (_, at) => ((key[at >> 2] as number) >>> (24 - (at & 3) * 8)) & 255)
}

/** The state of SHA-256 after the key of an HMAC, RFC 2104. */
function keyed(key: Uint8Array, pad: number): Int32Array {
  const block = new Int32Array(16)
  for (let at = 0; at < 64; at++) put(block, at, (key[at] ?? 0) ^ pad)
  const hash = Int32Array.from(initialHash)
  compress(hash, block)
  return hash
}

/** The last block of what begins with 64 bytes of a key, with room for so many more. */
function blockOf(length: number): Int32Array {
  const block = new Int32Array(16)
  put(block, length, 0x80)
  block[15] = (64 + length) * 8
  return block
}

function put(block: Int32Array, at: number, byte: number): void {
  block[at >> 2] = (block[at >> 2] as number) | (byte << (24 - (at & 3) * 8))
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) => Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16))
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte < 16 ? '0' : '') + byte.toString(16)).join('')
}

/** RFC 4648 §4. */
function padded(text: string): string {
  return text.replace(/-/g, '+').replace(/_/g, '/') + '==='.slice(0, (4 - (text.length % 4)) % 4)
}

/** One exchange, as `fetch`, `uni.request` and `wx.request` can all do it. */
export interface WireRequest {
  readonly url: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

/** What the server answered to one request. */
export interface WireAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** Every status is an answer; rejects where there was none. */
export type Transport = (request: WireRequest) => Promise<WireAnswer>

type Fetch = (
  url: string,
  options: { method: string; headers: Record<string, string>; body?: string },
) => Promise<{
  readonly status: number
  readonly headers: { forEach(each: (value: string, name: string) => void): void }
  text(): Promise<string>
}>

/** For apps with the Fetch API: `fetchTransport(fetch)`. */
export function fetchTransport(fetch: Fetch): Transport {
  return async ({ url, method, headers, body }) => {
    const options = { method, headers: { ...headers }, ...(body === undefined ? {} : { body }) }
    const answer = await fetch(url, options)
    const names: Record<string, string> = {}
    answer.headers.forEach((value, name) => {
      names[name] = value
    })
    return { status: answer.status, headers: names, text: await answer.text() }
  }
}

interface CallbackOptions {
  url: string
  method: WireRequest['method']
  header: Record<string, string>
  data?: string
  /** Anything but `json` leaves the text alone. */
  dataType: string
  success(answer: { data: unknown; statusCode: number; header: object }): void
  fail(failure: { errMsg?: string }): void
}

interface CallbackPlatform {
  request(options: CallbackOptions): unknown
}

const callbackTransport =
  (platform: CallbackPlatform): Transport =>
  ({ url, method, headers, body }) =>
    new Promise((resolve, reject) => {
      platform.request({
        ...{ url, method, header: { ...headers }, dataType: 'text' },
        ...(body === undefined ? {} : { data: body }),
        success({ data, statusCode, header }) {
          const names = Object.entries(header).map(([name, value]) => [name.toLowerCase(), String(value)])
          const text = typeof data === 'string' ? data : JSON.stringify(data ?? null)
          resolve({ status: statusCode, headers: Object.fromEntries(names), text })
        },
        fail: ({ errMsg }) => reject(new Error(errMsg ?? 'request:fail')),
      })
    })

/** For uni-app: `uniTransport(uni)`. */
export const uniTransport = callbackTransport

/** For mini programs: `wxTransport(wx)`. The `request` of both takes the same. */
export const wxTransport = callbackTransport

/** Where one text is kept for this installation, out of reach of other apps. */
export interface TextStorage {
  read(): string | undefined | Promise<string | undefined>
  write(text: string): void | Promise<void>
}

/** A login that waits for its next request. */
export interface Begun {
  readonly verifier: string
  readonly nonce: string
  /** For the next request and no other. */
  readonly authSession: string
}

/** What an installation keeps. */
export interface Saved {
  /** Stands for whoever is signed in; a login that begins uses it up. */
  readonly authSession?: string | undefined
  readonly begun?: Begun | undefined
  readonly refreshToken?: string | undefined
  /** Of an ID token for the whole scope. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** Access tokens by the scope they were asked with. */
  readonly access?: Readonly<Record<string, string>>
}

/** Work that must not overlap: each piece begins when the one before it has ended, however it ended. */
export class Queue {
  #tail: Promise<unknown> = Promise.resolve()

  add<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work)
    this.#tail = turn.catch(() => undefined)
    return turn
  }
}

/**
 * Keeps `Saved`. A change begins with what the one before it wrote, however long the storage takes; none waits for the
 * network.
 */
export class Keeper {
  readonly #storage: TextStorage
  readonly #queue = new Queue()

  constructor(storage: TextStorage) {
    this.#storage = storage
  }

  read(): Promise<Saved> {
    return this.#queue.add(() => this.#load())
  }

  /** Answers what was there before. Where `changed` throws, nothing changes. */
  change(changed: (saved: Saved) => Saved): Promise<Saved> {
    return this.#queue.add(async () => {
      const before = await this.#load()
      await this.#storage.write(JSON.stringify(changed(before)))
      return before
    })
  }

  async #load(): Promise<Saved> {
    const text = (await this.#storage.read()) || '{}'
    try {
      return JSON.parse(text) as Saved
    } catch {
      // Half written, or of another installation: nobody is signed in.
      return {}
    }
  }
}

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
