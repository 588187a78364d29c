import type { Knex } from 'knex'
import type { UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import type { UserStatus } from './user.ts'

/** The deletion of an account that was asked for. */
export interface AccountDeletion {
  readonly userId: UserId
  readonly askedAt: Date
  /** Until then it may be taken back. */
  readonly leavesAt: Date
}

interface Row {
  readonly user_id: UserId
  readonly asked_at: Date
  readonly leaves_at: Date
}

/** The deletion that was asked for; undefined: none. */
export async function findDeletion(
  knex: Database['knex'] | Knex.Transaction,
  userId: UserId,
): Promise<AccountDeletion | undefined> {
  const row: Row | undefined = await knex('account_deletions').where({ user_id: userId }).first()
  return row && { userId, askedAt: row.asked_at, leavesAt: row.leaves_at }
}

/** The status of a user whose row is locked to the end of the transaction; undefined: no such user, or deleted. */
export async function lockedStatus(
  transaction: Knex.Transaction,
  userId: UserId,
): Promise<Exclude<UserStatus, 'deleted'> | undefined> {
  const found = await transaction('users')
    .where({ id: userId })
    .forNoKeyUpdate()
    .first<{ status: UserStatus }>('status')
  return found && found.status !== 'deleted' ? found.status : undefined
}

/**
 * Puts an account on its way out. A locked one stays locked, so that its owner cannot take it back; of others the
 * status says it. The caller holds the lock on the user's row and ends the records.
 */
export async function beginDeletion(
  transaction: Knex.Transaction,
  { userId, askedAt, leavesAt }: AccountDeletion,
): Promise<void> {
  const row = { user_id: userId, asked_at: askedAt, leaves_at: leavesAt, due_at: leavesAt }
  await transaction('account_deletions').insert(row)
  await transaction('users').where({ id: userId, status: 'active' }).update({ status: 'leaving', updated_at: askedAt })
}

/** Takes it back; false where nothing was asked for. The caller holds the lock on the user's row. */
export async function dropDeletion(
  transaction: Knex.Transaction,
  { userId, at }: { readonly userId: UserId; readonly at: Date },
): Promise<boolean> {
  const dropped = await transaction('account_deletions').where({ user_id: userId }).delete()
  await transaction('users').where({ id: userId, status: 'leaving' }).update({ status: 'active', updated_at: at })
  return dropped > 0
}
