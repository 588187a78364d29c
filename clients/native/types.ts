import type { TextStorage } from './storage.ts'
import type { Transport, WireRequest } from './transports.ts'

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
