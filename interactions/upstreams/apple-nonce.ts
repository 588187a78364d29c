import { createHash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { AppError } from '../../src/base/errors.ts'

/** Judges the claim `nonce` and what the token says of its platform. */
export interface NonceRule {
  isRight(claim: string | undefined): boolean
  /** Whether a token is good that says that its platform could not carry a nonce. */
  readonly mayBeUnsupported: boolean
}

/** The nonce that we sent to Apple with the browser. */
export function webNonce(sent: string): NonceRule {
  return { isRight: (claim) => claim === sent, mayBeUnsupported: false }
}

/**
 * The nonce of an app. An app that brings none takes the way of the code alone, and its token must have none either.
 * SECURITY: else whoever stole token and code of an app that uses nonces would leave the nonce out. `orNone` is for the
 * token that a code was redeemed for.
 */
export function appNonce(rawNonce: string | undefined): NonceRule & { readonly orNone: NonceRule } {
  if (!rawNonce) {
    const none = { isRight: (claim?: string) => claim === undefined, mayBeUnsupported: true }
    return { ...none, orNone: none }
  }
  const isRight = (claim: string | undefined) => claim === hashed(rawNonce) || (claim === rawNonce && !isHash(claim))
  const orNone = { isRight: (claim?: string) => claim === undefined || isRight(claim), mayBeUnsupported: true }
  return { isRight, mayBeUnsupported: false, orNone }
}

/**
 * Throws `request.invalid`, before anybody is asked, if a token has a nonce and the app does not bring it. What the
 * token says is not checked yet and decides nothing else.
 */
export function requireRawNonce(token: string, rawNonce: string | undefined): void {
  if (!rawNonce && (claimsOf(token)['nonce'] ?? undefined) !== undefined)
    throw new AppError('request.invalid', { field: 'raw_nonce' })
}

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    return decodeJwt(token)
  } catch {
    return {}
  }
}

function hashed(rawNonce: string): string {
  return createHash('sha256').update(rawNonce).digest('hex')
}

/**
 * Some SDKs hand on the nonce as the app gave it. SECURITY: not so if it may be a hash, because then whoever reads the
 * token, and does not know what was hashed, would bring the hash itself.
 */
function isHash(nonce: string): boolean {
  return /^[0-9a-f]{64}$/i.test(nonce)
}
