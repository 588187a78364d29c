import type { IdentityId, UserId } from '../base/ids.ts'

/**
 * Whether a user may log in. `leaving`: deletion was asked for, and its owner may take it back at a login; a deleted
 * one stays as a row without identities.
 */
export type UserStatus = 'active' | 'locked' | 'leaving' | 'deleted'

/** Whether whoever proves that an account is theirs gets an answer, be it the question whether to stay. */
export function isAnswered({ status }: Pick<User, 'status'>): boolean {
  return status === 'active' || status === 'leaving'
}

/** For display only; never matched on. */
export interface Profile {
  readonly nickname?: string
  readonly picture?: string
}

/** A row of the table of users. */
export interface User {
  readonly id: UserId
  readonly status: UserStatus
  readonly profile: Profile
  /** The id of our copy of the picture, where there is one. */
  readonly pictureCopy?: string
  readonly createdAt: Date
  /** When the row was changed last: profile or status. */
  readonly updatedAt: Date
  /** When everything of this user was ended last. */
  readonly signedOutAt?: Date
  /** A proof from before this moment that is not a session yet no longer lets anybody in. */
  readonly proofsEndedAt?: Date
}

/** One way a user proves who they are. The first subject is canonical, the rest are aliases of the same person. */
export interface Identity {
  readonly id: IdentityId
  readonly provider: string
  readonly subjects: readonly string[]
  readonly verifiedAt: Date | undefined
  readonly createdAt: Date
  readonly lastUsedAt: Date
}

/** A user with all its identities; claims are made from it. */
export interface Account {
  readonly user: User
  readonly identities: readonly Identity[]
}

/**
 * Whether everything of a user was ended after a moment, in milliseconds since the epoch: what was proved then lets
 * nobody in any more.
 */
export function isEndedSince({ user }: Account, provedAt: number): boolean {
  return provedAt < (user.signedOutAt?.getTime() ?? 0)
}

/**
 * Whether an account still has what a login came by: the id of an identity, or `password`. SECURITY: what was taken
 * away takes along whoever came by it.
 */
export function stillHas({ identities }: Account, cameBy: string): boolean {
  return cameBy === 'password' || identities.some(({ id }) => id === cameBy)
}

/** Whether the account has a proved phone number. */
export function hasPhone({ identities }: Account): boolean {
  return identities.some(({ provider, verifiedAt }) => provider === 'phone' && verifiedAt !== undefined)
}

/**
 * A claim to one identity that was proved just now. Provider `phone`: the subject is E.164; `email` and `username`:
 * lower case.
 */
export interface IdentityClaim {
  readonly provider: string
  readonly subjects: readonly [string, ...string[]]
  readonly profile: Profile
}

/** The account with one identity used, and proved, at a moment. */
export function withUse(account: Account, identityId: IdentityId, usedAt: Date): Account {
  const identities = account.identities.map((identity) =>
    identity.id === identityId
      ? { ...identity, lastUsedAt: usedAt, verifiedAt: identity.verifiedAt ?? usedAt }
      : identity,
  )
  return { ...account, identities }
}
