import { digest } from '../../store/seal.ts'
import type { DurableModel, Payload } from '../library/stored-models.ts'

/** One row on its way into the table. */
export interface RecordRow {
  readonly model: DurableModel
  readonly id: string
  readonly payload: string
  readonly grantId: string | null
  readonly uid: string | null
  readonly userCode: string | null
  readonly sessionUid: string | null
  readonly userId: string | null
  readonly expiresAt: number
  /** Of grants and refresh tokens: since when they live, see `livesSince`. Seconds since the epoch. */
  readonly since: number | null
  /** Who signed in where, JSON; for grants and sessions. */
  readonly about?: string
}

/** A row as the statements read it, with its grant and session. Times are seconds since the epoch. */
export interface StoredRow {
  /** What it was looked up by. */
  readonly key: string
  readonly model: number
  readonly payload: string
  readonly expires: number
  readonly consumed: number | null
  readonly grant_id: string | null
  readonly grant_payload: string | null
  readonly grant_expires: number | null
  readonly grant_about: string | null
  readonly session_uid: string | null
  readonly session_id: string | null
  readonly session_payload: string | null
  readonly session_expires: number | null
  readonly session_used: number | null
  readonly used: number | null
  readonly uid: string | null
  readonly user_id: string | null
  readonly account: string | null
  /** Of a session that was read by itself. */
  readonly about?: string | null
}

/**
 * A row that lives on until `expiresAt`, in seconds since the epoch, because it was used; never shorter than before.
 */
export interface Slide {
  readonly model: DurableModel
  readonly id: string
  readonly expiresAt: number
}

/** The payload of a row. The column says when it ends: use moves that, not the text. */
export function payloadOf(text: string, expires: number): Payload {
  return { ...(JSON.parse(text) as Payload), exp: expires }
}

/** A client to be told that somebody signed out (OIDC Back-Channel Logout). */
export interface LogoutNotice {
  readonly clientId: string
  readonly userId: string
  readonly sid: string
}

/** A session as it was read in this request and as it leaves it: only the difference of `authorizations` is written. */
export interface SessionChange {
  readonly uid: string
  readonly id: string
  readonly payload: string
  readonly removedAuthorizations: readonly string[]
  readonly changedAuthorizations: string
  readonly expiresAt: number
  readonly about?: string
}

/**
 * What a value is stored under. Bearer values are stored as digests, so that a reader of the database cannot use them;
 * they carry 256 bits of their own, so a plain hash is enough.
 */
export function recordId(model: DurableModel, value: string): string {
  return model === 'Grant' ? value : digest(value)
}

/** How old the noted use of a session may be before it is noted again, where the session gains nothing by it. */
export const usedPrecisionSeconds = 3600
