import type { IdentityId, UserId } from '../base/ids.ts'
import type { Locale } from '../base/languages.ts'
import type { Account, IdentityClaim } from './user.ts'

/** Whom the subjects of a claim belong to. */
export type Resolution =
  | { readonly kind: 'known'; readonly account: Account; readonly identityId: IdentityId }
  | { readonly kind: 'unknown' }
  /** The subjects belong to several users, here in the order of the claim. */
  | { readonly kind: 'conflict'; readonly users: readonly UserId[] }
  /** It is this user's, but was proved for the last time before `provedSince`. Nothing was noted. */
  | { readonly kind: 'stale'; readonly userId: UserId }

/** Where an identity was proved from, and in which language. */
export interface IdentityUse {
  readonly ip: string
  readonly locale?: Locale | undefined
  /** Whether only its name was given, beside a password: that proves nothing about who holds a number now. */
  readonly isNameOnly?: boolean
  /** Whoever proved it before this for the last time may not be the one who does now. */
  readonly provedSince?: Date | undefined
}

/** How a user is made. */
export interface RegisterOptions {
  /** Throw `identity.taken` instead of answering the account that is already there. */
  readonly mustBeNew?: boolean
  /** Stored together with the user, and only when this call creates the user. */
  readonly passwordHash?: string
  /** The invitation that it takes, which is used up together with the user; throws `registration.invite_invalid`. */
  readonly invite?: { readonly digest: string; readonly clientId: string | undefined }
  /** A second identity of the same person, made in the same statement or not at all. */
  readonly also?: IdentityClaim
}

/** `isNew` is false when the identity was this user's already. */
export interface Binding {
  readonly identityId: IdentityId
  readonly isNew: boolean
}

/** What the use of an identity answers: everybody its subjects lead to, and the account where that is one. */
export interface UsedRow {
  readonly users: readonly UserId[]
  readonly identity_id: IdentityId | null
  readonly used_id: IdentityId | null
  readonly changes: string
  readonly account: string | null
}
