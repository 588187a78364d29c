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
  /** Only for grants and refresh tokens: since when they live, in seconds since the epoch. See `livesSince`. */
  readonly since: number | null
  /** Only for grants and sessions: who signed in and where, as JSON. */
  readonly about?: string
}

/** A row as the statements read it, with its grant and session. Times are seconds since the epoch. */
export interface StoredRow {
  /** What it was looked up by: a value, and for a session with a grant of it, a space and the client of that. */
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
  /** Only for a session that was read by itself. */
  readonly about?: string | null
}

/** The row of a refresh token, read by its grant. */
export interface StoredFamilyRow extends StoredRow {
  readonly id: string
}

/**
 * A row that was used and therefore lives until `expiresAt`, in seconds since the epoch. It never makes the life of a
 * row shorter.
 */
export interface Slide {
  readonly model: DurableModel
  readonly id: string
  readonly expiresAt: number
}

/** The payload of a row. When it ends is taken from the column, because use changes the column and not the text. */
export function payloadOf(text: string, expires: number): Payload {
  return { ...(JSON.parse(text) as Payload), exp: expires }
}

/** A client to be told that somebody signed out (OIDC Back-Channel Logout). */
export interface LogoutNotice {
  readonly clientId: string
  readonly userId: string
  readonly sid: string
}

/**
 * A session as it was read in this request and as the request leaves it. Of `authorizations` only the difference is
 * written.
 */
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
 * The id a value is stored under. Bearer values are stored as digests, so that somebody who reads the database cannot
 * use them. They contain 256 random bits, so a plain hash is enough.
 */
export function recordId(model: DurableModel, value: string): string {
  return model === 'Grant' ? value : digest(value)
}

/**
 * How old the noted use of a session may be before it is noted again, if the new use does not make the session last
 * longer.
 */
export const usedPrecisionSeconds = 3600
