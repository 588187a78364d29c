import { randomUUID } from 'node:crypto'
import { type Clock, epochSeconds } from '../../src/base/clock.ts'
import type { SigningKeys } from './signing-keys.ts'

/** What Apple tells of its own accord (developer.apple.com: Processing changes for Sign in with Apple accounts). */
export const appleEvents = ['consent-revoked', 'account-delete', 'email-disabled', 'email-enabled'] as const

/** Who is meant, and what has happened. */
export interface AppleEvent {
  /** The App ID, or the Services ID. */
  readonly clientId: string
  readonly type: string
  readonly subject: string
  readonly email: string
}

/** What a notice can have that is not as usual; what is absent is as Apple writes it. */
export interface AppleNoticeBent {
  /** Claims in place of the usual ones; undefined leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** The same of the event. */
  readonly event?: Readonly<Record<string, unknown>>
  /** The event as an object, as the sample in Apple's document has it. */
  readonly isObject?: boolean
  readonly key?: 'unpublished' | 'false'
}

/**
 * The body of a notice: `{"payload": JWT}` under the keys of the ID tokens, without `exp`. Not documented by the
 * vendor: how long and how often it tries again.
 */
export function appleNotice(
  { keys, issuer, clock }: { readonly keys: SigningKeys; readonly issuer: string; readonly clock: Clock },
  { clientId, type, subject, email }: AppleEvent,
  { claims = {}, event = {}, isObject = false, key }: AppleNoticeBent = {},
): string {
  const mail = type.startsWith('email-') ? { email, is_private_email: 'true' } : {}
  const told = { type, sub: subject, event_time: clock(), ...mail, ...event }
  const events = isObject ? told : JSON.stringify(told)
  const signed = { iss: issuer, aud: clientId, iat: epochSeconds(clock), jti: randomUUID(), events, ...claims }
  const sign = { unpublished: keys.signUnpublished, false: keys.signFalsely, good: keys.sign }[key ?? 'good']
  return JSON.stringify({ payload: sign.call(keys, signed) })
}
