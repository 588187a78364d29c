import type { Account, Identity } from './user.ts'

/**
 * Whether the account can still log in without this identity: a user name is a way in only beside a password, an
 * unproved identity never. What a page read may have changed since, so `AccountDirectory.unbind` asks again under the
 * lock of the user.
 */
export function isSpare({ identities }: Account, { id }: Identity, hasPassword: boolean): boolean {
  return identities.some(
    (other) => other.id !== id && other.verifiedAt !== undefined && (other.provider !== 'username' || hasPassword),
  )
}
