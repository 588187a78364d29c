import { createHash } from 'node:crypto'
import { type Clock, epochSeconds } from '../../src/base/clock.ts'
import { type AppleAsk, type AppleTeam, findClient } from './apple-authorize.ts'
import { isAppleSecret } from './apple-secret.ts'
import { Issued } from './issued.ts'
import { type Claims, halfHash, SigningKeys } from './signing-keys.ts'
import type { Answer, ReceivedRequest } from './simulator.ts'
import { foreverSeconds, formOf, jsonAnswer, liveOf, type Refusal } from './web-vendor.ts'

/** Somebody with an Apple account. */
export interface ApplePerson {
  readonly id: string
  readonly firstName: string
  readonly lastName: string
  readonly email: string
  /** Apple says it in two ways: a boolean for some people, a string for others. */
  readonly emailVerified: boolean | 'true' | 'false'
  readonly isPrivateEmail: boolean | 'true' | 'false'
}

/** What an id_token can have wrong. */
export type AppleMisbehaviour =
  | 'wrong_aud'
  | 'wrong_iss'
  | 'expired'
  | 'wrong_nonce'
  /** The token says that the platform could not carry the nonce. */
  | 'nonce_unsupported'
  | 'unpublished_key'
  /** An unpublished key signs, under the kid of a published one. */
  | 'false_signature'

/** A person's consent to one request. */
export interface AppleGrant {
  readonly ask: AppleAsk
  readonly person: ApplePerson
  /** Seconds since the epoch. */
  readonly authTime: number
}

interface AppleTokensOptions {
  readonly clock: Clock
  readonly teams: readonly AppleTeam[]
  readonly issuer: string
  readonly misbehaviours: ReadonlySet<AppleMisbehaviour>
}

const codeSeconds = 300
const accessTokenSeconds = 3600
const idTokenSeconds = 600

/** Apple's codes and tokens, and the endpoints that take and give them. */
export class AppleTokens {
  readonly keys = new SigningKeys({ owner: 'apple', alg: 'RS256', count: 3 })
  readonly codes: Issued<AppleGrant>
  readonly #accessTokens: Issued<AppleGrant>
  readonly #refreshTokens: Issued<AppleGrant>
  readonly #options: AppleTokensOptions

  constructor(options: AppleTokensOptions) {
    const { clock } = options
    this.#options = options
    this.codes = new Issued({ clock, kind: 'apple code', ttlSeconds: codeSeconds })
    this.#accessTokens = new Issued({ clock, kind: 'apple access token', ttlSeconds: accessTokenSeconds })
    this.#refreshTokens = new Issued({ clock, kind: 'apple refresh token', ttlSeconds: foreverSeconds })
  }

  /** POST /auth/token. */
  token(request: ReceivedRequest, refuse: Refusal | undefined): Answer {
    const form = formOf(request)
    const grantType = form?.get('grant_type')
    if (form === undefined || grantType === undefined) return failure('invalid_request')
    if (grantType !== 'authorization_code' && grantType !== 'refresh_token') return failure('unsupported_grant_type')
    const value = form.get(grantType === 'refresh_token' ? 'refresh_token' : 'code')
    if (value === undefined) return failure('invalid_request')
    const clientId = this.#authenticated(form)
    if (clientId === undefined) return failure('invalid_client')
    if (refuse !== undefined) return failure(refuse.code)

    const issued = grantType === 'refresh_token' ? this.#refreshTokens : this.codes
    const grant = liveOf(issued, value)
    if (grant === undefined || grant.ask.client.clientId !== clientId) return failure('invalid_grant')
    const token_type = 'Bearer'
    const expires_in = accessTokenSeconds
    if (grantType === 'refresh_token') {
      const access_token = this.#accessTokens.issue(grant)
      const id_token = this.idToken(grant, { at_hash: halfHash(access_token) })
      return jsonAnswer(200, { access_token, token_type, expires_in, id_token })
    }
    if (form.get('redirect_uri') !== grant.ask.redirectUri) return failure('invalid_grant')
    issued.use(value)
    const access_token = this.#accessTokens.issue(grant)
    const refresh_token = this.#refreshTokens.issue(grant)
    const id_token = this.idToken(grant, { nonce: grant.ask.nonce, at_hash: halfHash(access_token) })
    return jsonAnswer(200, { access_token, token_type, expires_in, refresh_token, id_token })
  }

  /** POST /auth/revoke: ends whatever came from the same consent; a token it does not know is as good as ended. */
  revoke(request: ReceivedRequest, refuse: Refusal | undefined): Answer {
    const form = formOf(request)
    const token = form?.get('token')
    if (form === undefined || token === undefined) return failure('invalid_request')
    const clientId = this.#authenticated(form)
    if (clientId === undefined) return failure('invalid_client')
    if (refuse !== undefined) return failure(refuse.code)
    const grant = this.grantOf(token)
    if (grant?.ask.client.clientId === clientId) this.takeBack((each) => each === grant)
    return jsonAnswer(200, '')
  }

  /** What a living access or refresh token stands for. */
  grantOf(token: string): AppleGrant | undefined {
    return liveOf(this.#refreshTokens, token) ?? liveOf(this.#accessTokens, token)
  }

  takeBack(matches: (grant: AppleGrant) => boolean): void {
    this.#accessTokens.useAll(matches)
    this.#refreshTokens.useAll(matches)
  }

  /** Signs who the person is for the client that asked; the nonce and the hashes come from the caller. */
  idToken({ ask, person, authTime }: AppleGrant, { nonce, ...hashes }: Claims): string {
    const { clock, issuer, misbehaviours } = this.#options
    const does = (misbehaviour: AppleMisbehaviour) => misbehaviours.has(misbehaviour)
    const iat = epochSeconds(clock) - (does('expired') ? 2 * idTokenSeconds : 0)
    const claims = {
      iss: does('wrong_iss') ? 'https://appleid.example.com' : issuer,
      aud: does('wrong_aud') ? 'com.example.of-somebody-else' : ask.client.clientId,
      sub: appleSubject(ask.team.teamId, person.id),
      iat,
      exp: iat + idTokenSeconds,
      auth_time: authTime,
      nonce_supported: !does('nonce_unsupported'),
      ...(nonce !== undefined &&
        !does('nonce_unsupported') && { nonce: does('wrong_nonce') ? 'another-nonce' : nonce }),
      ...(ask.scopes.includes('email') && {
        email: person.email,
        email_verified: person.emailVerified,
        is_private_email: person.isPrivateEmail,
      }),
      ...hashes,
    }
    if (does('unpublished_key')) return this.keys.signUnpublished(claims)
    return does('false_signature') ? this.keys.signFalsely(claims) : this.keys.sign(claims)
  }

  /** The client whose secret the form carries; nothing else counts as one. */
  #authenticated(form: ReadonlyMap<string, string>): string | undefined {
    const { teams, issuer, clock } = this.#options
    const clientId = form.get('client_id')
    const found = findClient(teams, clientId)
    if (found === undefined || clientId === undefined) return undefined
    const { teamId, keyId, publicKeyPem: publicKey } = found.team
    const expected = { publicKey, keyId, teamId, clientId, issuer, now: epochSeconds(clock) }
    return isAppleSecret(form.get('client_secret') ?? '', expected) ? clientId : undefined
  }
}

/** A person has one subject for all applications of a team, and another subject for each other team. */
export function appleSubject(teamId: string, personId: string): string {
  const hash = createHash('sha256').update(`${teamId} ${personId}`).digest('hex')
  return `001999.${hash.slice(0, 32)}.1200`
}

function failure(error: string): Answer {
  return jsonAnswer(400, { error })
}
