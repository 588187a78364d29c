import type { Knex } from 'knex'
import type { UserId } from '../base/ids.ts'
import { lockedStatus } from './account-deletions.ts'
import { byOperator, queueClientEvent } from './client-events.ts'
import { proofsEndNow } from './directory-statements.ts'
import type { UserStatus } from './user.ts'
import { eraseUser } from './user-erasure.ts'

/** Whoever is let in again and had asked to leave is still on the way out. */
const orLeaving = `case when exists (select from account_deletions where user_id = users.id) then 'leaving' else 'active' end`

/**
 * Gives a user another status, in a transaction. False when there is no such user or it is deleted. Apps of ours are
 * told who is locked, and who is let in again.
 */
export async function setUserStatus(
  transaction: Knex.Transaction,
  {
    userId,
    status,
    at,
  }: { readonly userId: UserId; readonly status: Exclude<UserStatus, 'leaving'>; readonly at: Date },
): Promise<boolean> {
  const before = await lockedStatus(transaction, userId)
  if (before === undefined) return false
  const proofs_ended_at = transaction.raw(proofsEndNow)
  const [changed]: { status: UserStatus }[] = await transaction('users')
    .where({ id: userId })
    .update({ status: status === 'active' ? transaction.raw(orLeaving) : status, updated_at: at, proofs_ended_at }, [
      'status',
    ])
  // SECURITY: whoever had taken an account that is locked may have allowed something to an app of theirs.
  if (status === 'locked') await transaction('consents').where({ user_id: userId }).delete()
  if (status === 'deleted') await eraseUser(transaction, { userId, at })
  const told = { userId, at, detail: byOperator }
  if (status === 'locked' && before !== 'locked') {
    await queueClientEvent(transaction, { ...told, event: 'account-disabled' })
  }
  if (before === 'locked' && changed?.status === 'active') {
    await queueClientEvent(transaction, { ...told, event: 'account-enabled' })
  }
  return true
}
