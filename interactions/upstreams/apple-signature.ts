import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { AppError } from '../../src/base/errors.ts'

interface Expected {
  readonly keys: JWTVerifyGetKey
  /** As the settings say it. */
  readonly issuer: string
  /** Our client ids; the token must be made for one of them. */
  readonly audience: readonly string[]
  readonly requiredClaims: readonly string[]
  /** Seconds since the epoch. */
  readonly now: number
  /** The error for a token that is refused, by a word for the log. */
  readonly refuse: (word: string) => AppError
}

/** How far Apple's clock and ours may be apart. */
export const skewSeconds = 60

/**
 * What a token says that Apple has signed for one of our clients. Throws `refuse`, and what fetching the keys throws.
 */
export async function signedByApple(token: string, expected: Expected): Promise<JWTPayload> {
  const { keys, issuer, audience, requiredClaims, now, refuse } = expected
  const verified = await jwtVerify(token, keys, {
    algorithms: ['RS256'],
    issuer: issuerNames(issuer),
    audience: [...audience],
    requiredClaims: [...requiredClaims],
    clockTolerance: skewSeconds,
    currentDate: new Date(now * 1000),
  }).catch((error: unknown) => {
    throw error instanceof AppError ? error : refuse(joseCode(error))
  })
  return verified.payload
}

const appleNames = ['https://appleid.apple.com', 'https://account.apple.com']

/**
 * What tokens may call their issuer. Apple's discovery said `account.apple.com` for some hours in June 2025. SECURITY:
 * both are names of Apple, and the keys that must have signed come from the configured address alone.
 */
function issuerNames(issuer: string): string[] {
  return appleNames.includes(issuer.replace(/\/$/, '')) ? appleNames : [issuer]
}

// SECURITY: the error itself contains the claims, so only its code is passed on.
function joseCode(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired) {
    return `id_token:${error.claim}`
  }
  return error instanceof errors.JOSEError ? error.code : 'id_token_unverifiable'
}
