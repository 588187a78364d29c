import { createHash, randomUUID } from 'node:crypto'
import { createRemoteJWKSet, exportJWK, generateKeyPair, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { refusal, step, success } from '../../interactions/native/answers.ts'
import { codeChallenge, codeVerifier } from './login.ts'
import type { World } from './world.ts'

export const nativeClients = [
  {
    client_id: 'ios',
    client_name: '茶铺',
    first_party: true,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['com.example.shop:/callback'],
    default_resource: 'https://api.example.com',
    scope: 'openid profile phone identities offline_access orders:read',
  },
  {
    client_id: 'mp',
    first_party: true,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['https://app.example.com/mp'],
    scope: 'openid profile phone identities offline_access',
  },
]

export const agreements = 'terms@sample privacy@sample'

type Form = Readonly<Record<string, string>>
export interface NativeAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown> & { readonly auth_session?: string; readonly authorization_code?: string }
}

export interface Tokens {
  readonly access_token: string
  readonly id_token: string
  readonly refresh_token: string
}

/** An installation of an app: keeps its `auth_session`, and a key if it has one; checks every answer against the description. */
export class NativeApp {
  #world: Pick<World, 'issuer' | 'port'>
  readonly #clientId: string
  #key: Awaited<ReturnType<typeof generateKeyPair>> | undefined
  authSession: string | undefined

  constructor(world: Pick<World, 'issuer' | 'port'>, clientId = 'ios') {
    this.#world = world
    this.#clientId = clientId
  }

  /** The same installation, talking to another process behind the same address. */
  through(world: Pick<World, 'issuer' | 'port'>): void {
    this.#world = world
  }

  async withKey(): Promise<this> {
    this.#key = await generateKeyPair('ES256')
    return this
  }

  /** The same installation beginning another login: it has the same key. */
  again(): NativeApp {
    const again = new NativeApp(this.#world, this.#clientId)
    again.#key = this.#key
    return again
  }

  /** A proof of the key for one request. */
  async proof(method: string, path: string, accessToken?: string): Promise<Form> {
    if (!this.#key) return {}
    const ath = accessToken && createHash('sha256').update(accessToken).digest('base64url')
    const claims = { htm: method, htu: `${this.#world.issuer}${path}`, jti: randomUUID(), ...(ath ? { ath } : {}) }
    const jwk = await exportJWK(this.#key.publicKey)
    const proof = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt(Math.floor(Date.now() / 1000))
      .sign(this.#key.privateKey)
    return { dpop: proof }
  }

  /** One request of a login; the first brings the authorization parameters, all bring the agreements. */
  async challenge(form: Form, headers: Form = {}): Promise<NativeAnswer> {
    const begins = this.authSession === undefined
    const authorization = { response_type: 'code', code_challenge: codeChallenge, code_challenge_method: 'S256' }
    const fields = {
      client_id: this.#clientId,
      agreements,
      ...(begins ? { ...authorization, scope: 'openid phone offline_access' } : {}),
      ...(this.authSession === undefined ? {} : { auth_session: this.authSession }),
      ...form,
    }
    const proof = await this.proof('POST', '/authorize-challenge')
    const answer = await this.send('POST', '/authorize-challenge', fields, { ...proof, ...headers })
    this.authSession = answer.body.auth_session
    if (answer.status === 200) success.parse(answer.body)
    else refusal.parse(answer.body)
    if (answer.body['step'] !== undefined) step.parse(answer.body)
    return answer
  }

  /** A form, or nothing, to a path of the server. */
  async send(method: string, path: string, form?: Form, headers: Form = {}): Promise<NativeAnswer> {
    const response = await fetch(`http://localhost:${this.#world.port}${path}`, {
      method,
      headers: { ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}), ...headers },
      ...(form ? { body: new URLSearchParams(form).toString() } : {}),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
  }

  /** Exchanges a code. */
  async exchange(answer: NativeAnswer, more: Form = {}): Promise<Tokens> {
    if (!answer.body.authorization_code) throw new Error(`no code: ${JSON.stringify(answer.body)}`)
    return this.token({
      grant_type: 'authorization_code',
      code: answer.body.authorization_code,
      code_verifier: codeVerifier,
      ...more,
    })
  }

  async refresh({ refresh_token }: Tokens, more: Form = {}): Promise<Tokens> {
    return this.token({ grant_type: 'refresh_token', refresh_token, ...more })
  }

  async token(form: Form): Promise<Tokens> {
    const { status, body } = await this.tryToken(form)
    if (status !== 200) throw new Error(`no tokens: ${status} ${JSON.stringify(body)}`)
    return body as unknown as Tokens
  }

  async tryToken(form: Form): Promise<NativeAnswer> {
    return this.send('POST', '/token', { client_id: this.#clientId, ...form }, await this.proof('POST', '/token'))
  }

  /** The claims of an ID token, verified with the keys the server publishes. */
  async claims({ id_token }: Pick<Tokens, 'id_token'>): Promise<JWTPayload> {
    const { issuer, port } = this.#world
    const keys = createRemoteJWKSet(new URL(`http://localhost:${port}/jwks`))
    const { payload } = await jwtVerify(id_token, keys, {
      issuer,
      audience: this.#clientId,
      currentDate: new Date(Date.now()),
    })
    return payload
  }
}

/** Logs in by SMS. */
export async function nativeSms(
  world: Pick<World, 'otp'>,
  app: NativeApp,
  phone: string,
  more: Form = {},
): Promise<NativeAnswer> {
  const asked = await app.challenge({ method: 'sms', phone, ...more })
  if (asked.body['step'] !== 'otp') throw new Error(`no code was sent: ${JSON.stringify(asked.body)}`)
  return app.challenge({ otp: await world.otp(`+86${phone}`) })
}

/** Says yes to the question whether what waits becomes part of the account. Throws when that is not what was asked. */
export async function nativeBind(app: NativeApp, asked: NativeAnswer): Promise<NativeAnswer> {
  if (asked.body['step'] !== 'bind_identity') throw new Error(`not asked to bind: ${JSON.stringify(asked.body)}`)
  return app.challenge({ choice: 'bind' })
}
