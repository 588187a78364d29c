import type { Account, Identity } from './user.ts'

/** Whether somebody gets in without it. For what is shown; `AccountDirectory.unbind` decides. */
export function isSpare({ identities }: Account, { id }: Identity, hasPassword: boolean): boolean {
  return identities.some(
    (other) => other.id !== id && other.verifiedAt !== undefined && (other.provider !== 'username' || hasPassword),
  )
}
