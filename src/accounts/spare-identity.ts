import type { Account, Identity } from './user.ts'

/**
 * Whether the account can still log in without this identity: a user name is a way in only beside a password, an
 * unproved identity never. What a page read may have changed since, so `AccountDirectory.unbind` asks again under the
 * lock of the user.
 */
export function isSpare({ identities }: Account, { id }: Identity, hasPassword: boolean): boolean {
  return isWayIn(
    identities.filter((other) => other.id !== id),
    hasPassword,
  )
}

/** Whether the account can still log in once what a proof names leads to another one. */
export function canSpare(
  { identities }: Account,
  { provider, subjects }: Pick<Identity, 'provider' | 'subjects'>,
  hasPassword: boolean,
): boolean {
  const left = identities.filter(
    (identity) => identity.provider !== provider || identity.subjects.some((each) => !subjects.includes(each)),
  )
  return isWayIn(left, hasPassword)
}

/** Whether somebody gets in by these identities. */
export function isWayIn(identities: readonly Identity[], hasPassword: boolean): boolean {
  return identities.some(
    ({ provider, verifiedAt }) => verifiedAt !== undefined && (provider !== 'username' || hasPassword),
  )
}
