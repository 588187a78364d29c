import { createHash } from 'node:crypto'
import { type Clock, epochSeconds } from '../../src/base/clock.ts'
import { Issued } from './issued.ts'
import type { OidcAsk, OidcClient } from './oidc-authorize.ts'
import { halfHash, type SigningAlg, SigningKeys } from './signing-keys.ts'
import type { Answer, ReceivedRequest } from './simulator.ts'
import { formOf, jsonAnswer, liveOf, type Refusal } from './web-vendor.ts'

/** Somebody with an account at the simulated provider. */
export interface OidcPerson {
  /** The subject. */
  readonly id: string
  readonly name: string
  readonly email: string
  readonly emailVerified: boolean
  readonly picture?: string
}

/** What the provider does wrong. */
export type OidcMisbehaviour =
  | 'wrong_discovery_issuer'
  | 'wrong_iss'
  | 'wrong_aud'
  /** The client's id and another one. */
  | 'extra_aud'
  | 'wrong_nonce'
  | 'missing_nonce'
  | 'expired'
  | 'unknown_key'
  /** An unknown key under the kid of a published one. */
  | 'false_signature'
  | 'alg_none'
  | 'no_id_token'
  | 'userinfo_sub_mismatch'
  /** RFC 9207, although discovery announces it. */
  | 'callback_iss_missing'
  | 'callback_iss_wrong'
  /** The claims say that the address is not verified, whatever is known of the person. */
  | 'unverified_email'

/** A person's consent to one request. */
export interface OidcGrant {
  readonly ask: OidcAsk
  readonly person: OidcPerson
  /** Seconds since the epoch. */
  readonly authTime: number
}

interface OidcTokensOptions {
  readonly clock: Clock
  readonly clients: readonly OidcClient[]
  readonly issuer: string
  readonly alg: SigningAlg
  /** Puts the claims of the scopes into the id_token too, as some providers do. */
  readonly claimsInIdToken: boolean
  readonly misbehaviours: ReadonlySet<OidcMisbehaviour>
}

const codeSeconds = 60
const accessTokenSeconds = 3600
const idTokenSeconds = 300
const somebodyElse = 'somebody-else'

/** The provider's codes and tokens, and the endpoints that take and give them. */
export class OidcTokens {
  readonly keys: SigningKeys
  readonly codes: Issued<OidcGrant>
  readonly #accessTokens: Issued<OidcGrant>
  readonly #options: OidcTokensOptions

  constructor(options: OidcTokensOptions) {
    this.#options = options
    this.keys = new SigningKeys({ owner: 'oidc', alg: options.alg, count: 2 })
    const { clock } = options
    this.codes = new Issued({ clock, kind: 'oidc code', ttlSeconds: codeSeconds })
    this.#accessTokens = new Issued({ clock, kind: 'oidc access token', ttlSeconds: accessTokenSeconds })
  }

  /** POST /token. A code that comes again ends the token it gave (RFC 6749 section 4.1.2). */
  token(request: ReceivedRequest, refuse: Refusal | undefined): Answer {
    const form = formOf(request)
    const credentials = credentialsOf(request, form)
    if (form === undefined || credentials === 'ambiguous') return failure(400, 'invalid_request')
    const { clients } = this.#options
    const client = clients.find(({ clientId, secret, authMethod }) => {
      const { id, secret: given, method } = credentials
      return clientId === id && secret === given && authMethod === method
    })
    if (client === undefined) return unauthenticated(request)
    if (form.get('grant_type') === undefined) return failure(400, 'invalid_request')
    if (form.get('grant_type') !== 'authorization_code') return failure(400, 'unsupported_grant_type')
    const code = form.get('code')
    if (code === undefined) return failure(400, 'invalid_request')
    if (refuse !== undefined) return failure(400, refuse.code, refuse.message)

    const found = this.codes.find(code)
    if (found === undefined || found.state === 'expired' || found.about.ask.client !== client)
      return failure(400, 'invalid_grant')
    const { about: grant, state } = found
    if (state === 'used') this.#accessTokens.useAll((each) => each === grant)
    if (state === 'used' || form.get('redirect_uri') !== grant.ask.redirectUri) return failure(400, 'invalid_grant')
    this.codes.use(code)
    if (!isVerifier(form.get('code_verifier') ?? '', grant.ask.challenge)) return failure(400, 'invalid_grant')

    const access_token = this.#accessTokens.issue(grant)
    const id_token = this.#options.misbehaviours.has('no_id_token') ? undefined : this.#idToken(grant, access_token)
    const scope = grant.ask.scopes.join(' ')
    return jsonAnswer(200, { access_token, token_type: 'Bearer', expires_in: accessTokenSeconds, scope, id_token })
  }

  /** GET and POST /userinfo. */
  userinfo({ headers }: ReceivedRequest, refuse: Refusal | undefined): Answer {
    const [, token = ''] = /^Bearer (\S+)$/i.exec(headers.authorization ?? '') ?? []
    if (token === '') return jsonAnswer(401, '', { 'www-authenticate': 'Bearer' })
    const grant = liveOf(this.#accessTokens, token)
    const error = grant === undefined ? 'invalid_token' : refuse?.code
    if (grant === undefined || error !== undefined) {
      return jsonAnswer(error === 'insufficient_scope' ? 403 : 401, '', {
        'www-authenticate': `Bearer error="${error}"`,
      })
    }
    const isMismatch = this.#options.misbehaviours.has('userinfo_sub_mismatch')
    return jsonAnswer(200, { sub: isMismatch ? somebodyElse : grant.person.id, ...this.#claims(grant) })
  }

  #idToken(grant: OidcGrant, accessToken: string): string {
    const { clock, issuer, misbehaviours, claimsInIdToken } = this.#options
    const does = (misbehaviour: OidcMisbehaviour) => misbehaviours.has(misbehaviour)
    const { clientId } = grant.ask.client
    const aud = does('extra_aud') ? [clientId, somebodyElse] : does('wrong_aud') ? somebodyElse : clientId
    const nonce = does('wrong_nonce') ? 'another-nonce' : grant.ask.nonce
    const iat = epochSeconds(clock) - (does('expired') ? 2 * idTokenSeconds : 0)
    const claims = {
      iss: does('wrong_iss') ? `${issuer}/other` : issuer,
      aud,
      sub: grant.person.id,
      iat,
      exp: iat + idTokenSeconds,
      auth_time: grant.authTime,
      ...(!does('missing_nonce') && { nonce }),
      at_hash: halfHash(accessToken),
      ...(claimsInIdToken && this.#claims(grant)),
    }
    if (does('alg_none')) return this.keys.unsigned(claims)
    if (does('unknown_key')) return this.keys.signUnpublished(claims)
    return does('false_signature') ? this.keys.signFalsely(claims) : this.keys.sign(claims)
  }

  #claims({ ask, person }: OidcGrant): Readonly<Record<string, unknown>> {
    const { name, picture, email, emailVerified } = person
    const email_verified = emailVerified && !this.#options.misbehaviours.has('unverified_email')
    return {
      ...(ask.scopes.includes('profile') && { name, ...(picture !== undefined && { picture }) }),
      ...(ask.scopes.includes('email') && { email, email_verified }),
    }
  }
}

interface Credentials {
  readonly id: string
  readonly secret: string
  readonly method: OidcClient['authMethod']
}

/** RFC 6749 section 2.3.1: one way at a time, and both parts of Basic are form-encoded. */
function credentialsOf(
  { headers }: ReceivedRequest,
  form: ReadonlyMap<string, string> | undefined,
): Credentials | 'ambiguous' {
  const [, basic] = /^Basic (\S+)$/i.exec(headers.authorization ?? '') ?? []
  const [postedId, postedSecret] = [form?.get('client_id'), form?.get('client_secret')]
  if (basic === undefined) return { id: postedId ?? '', secret: postedSecret ?? '', method: 'client_secret_post' }
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString('utf8').split(/:(.*)/s).map(formDecoded)
  if (postedSecret !== undefined || (postedId ?? id) !== id) return 'ambiguous'
  return { id, secret, method: 'client_secret_basic' }
}

function formDecoded(text: string): string {
  return new URLSearchParams(`x=${text.replaceAll('&', '%26')}`).get('x') ?? ''
}

function isVerifier(verifier: string, challenge: string): boolean {
  const hash = createHash('sha256').update(verifier).digest('base64url')
  return /^[A-Za-z0-9\-._~]{43,128}$/.test(verifier) && hash === challenge
}

function failure(status: number, error: string, error_description = error): Answer {
  return jsonAnswer(status, { error, error_description })
}

function unauthenticated({ headers }: ReceivedRequest): Answer {
  const challenge: Readonly<Record<string, string>> =
    headers.authorization === undefined ? {} : { 'www-authenticate': 'Basic realm="oidc"' }
  return jsonAnswer(401, { error: 'invalid_client' }, challenge)
}
