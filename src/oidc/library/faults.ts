import { errors, type KoaContextWithOIDC } from 'oidc-provider'

/** The errors of the protocol, which the library throws and we do. */
export { errors }

/** What the library notes when a code or token that is good for one use comes again, by the model it is kept as. */
export const secondUse = {
  AuthorizationCode: 'authorization code already consumed',
  RefreshToken: 'refresh token already used',
  DeviceCode: 'device code already consumed',
} as const

/** Whether a refusal of the library, by its private reason, means that something came a second time. */
export function isSecondUse(detail: string | undefined): boolean {
  return Object.values(secondUse).some((text) => text === detail)
}

/**
 * Whether the library refuses a token at introspection or revocation because it is a JWT: it knows only what it has
 * stored. It says so once the client is authenticated.
 */
export function isJwtFault(error: Error): boolean {
  return error instanceof errors.UnsupportedTokenType
}

/** Whether that is what a request was answered. */
export function isAboutJwt({ body, oidc }: Pick<KoaContextWithOIDC, 'body' | 'oidc'>): boolean {
  const isAsked = oidc.route === 'introspection' || oidc.route === 'revocation'
  return isAsked && (body as { readonly error?: unknown } | undefined)?.error === 'unsupported_token_type'
}

/** The reason of a refusal that the library keeps from the client; undefined where it has said everything. */
export function privateReason(error: Error): string | undefined {
  return (error as { readonly error_detail?: string }).error_detail
}

/** What the library says of every token it refuses. */
export const unexplained = 'invalid token provided'

const over = 'the access token is unknown, has expired or was revoked'
const ended = 'the login that the access token comes from has ended'

/** Why userinfo refuses a token, by the private reason of the library. */
const userinfoFaults: Readonly<Record<string, string>> = {
  'access token not found': over,
  'associated client not found': ended,
  'associated account not found': ended,
  'grant not found': ended,
  'grant is expired': ended,
  'clientId mismatch': ended,
  'accountId mismatch': ended,
  'token audience prevents accessing the userinfo endpoint': 'the access token is for an API and not for userinfo',
  'failed jkt verification': 'the access token is bound to a DPoP key, and this request does not prove it',
  'access token is not sender-constrained but proof of possession was provided':
    'the access token is bound to no key; send it as Bearer and without a proof',
}

/** Why userinfo refuses a token, in words for the client; undefined where the library has said it. */
export function userinfoFault(error: Error): string | undefined {
  return error instanceof errors.InvalidToken ? userinfoFaults[privateReason(error) ?? ''] : undefined
}

/** A refusal of a token that tells its holder why. */
export function invalidToken(reason: string): errors.InvalidToken {
  return Object.assign(new errors.InvalidToken(reason), { error_description: reason })
}

/**
 * Whether the library could not read a body because it is over the limit; it tells the client only that it is
 * unreadable.
 */
export function isBodyTooLarge({ cause }: Error): boolean {
  return cause instanceof Error && cause.message === 'request entity too large'
}

/** Whether an interaction, or the session it was made for, is over. */
export function isInteractionOver(error: unknown): boolean {
  return error instanceof errors.SessionNotFound
}

/** What the library says of a form that came without the session it was made for, or with the token of another. */
const formsOver: ReadonlySet<string | undefined> = new Set([
  'could not find device form details',
  'could not find logout details',
  'xsrf token invalid',
])

/** Whether a refusal, by what it tells the client, means that a form of the library is over and is to be had anew. */
export function isFormOver(description: string | undefined): boolean {
  return formsOver.has(description)
}

/** What can be wrong with a code that a person types for a device (RFC 8628 §3.3), or the person declined. */
export type UserCodeFault = 'required' | 'expired' | 'used' | 'unknown' | 'aborted'

const userCodeFaults: Readonly<Record<string, UserCodeFault>> = {
  NoCodeError: 'required',
  ExpiredError: 'expired',
  AlreadyUsedError: 'used',
  NotFoundError: 'unknown',
  AbortedError: 'aborted',
}

/** What is wrong with a typed code; undefined for an error that is no matter of the code. */
export function userCodeFault(error: Error | undefined): UserCodeFault | undefined {
  return error && userCodeFaults[error.name]
}

/** The code that a person typed, to be shown again with what is wrong with it. */
export function typedUserCode(error: Error | undefined): string | undefined {
  return (error as { readonly userCode?: string } | undefined)?.userCode
}

/** What the library refuses about the metadata of a client. */
export interface ClientFault {
  /** The member its text begins with, which mostly is the one that is wrong; empty where the text begins otherwise. */
  readonly field: string
  /** What is wrong with that member. */
  readonly message: string
  /** The whole text. */
  readonly text: string
}

/**
 * Reads a refusal of `Client.validate`; undefined for any other error. Of a key it names the place, and never the
 * value.
 */
export function clientFault(error: unknown): ClientFault | undefined {
  if (!(error instanceof errors.InvalidClientMetadata)) return undefined
  const text = error.error_description ?? error.message
  if (text === 'client JSON Web Key Set is invalid') return { field: 'jwks', message: keyFault(error) ?? text, text }
  const field = /^[a-z_]+(?= )/.exec(text)?.[0] ?? ''
  const rest = text.slice(field.length + 1)
  return { field, message: field === '' || /^(and|or) /.test(rest) ? text : rest, text }
}

function keyFault({ cause }: Error): string | undefined {
  return cause instanceof Error ? cause.message.replace(/^jwks\./, '') : undefined
}
