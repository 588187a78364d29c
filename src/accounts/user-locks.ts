import type { Knex } from 'knex'
import type { UserId } from '../base/ids.ts'
import { accountFromJson, accountJson } from './account-json.ts'
import type { Account } from './user.ts'

/** An account whose row is locked, as it was when the lock was there. */
export interface Locked {
  readonly account: Account
  readonly hasPassword: boolean
}

/** In the order of the ids, so that two of these cannot wait for each other. */
const lockUsers = `
  select id from users where id = any(:userIds) and status <> 'deleted' order by id for no key update`

/** A statement after the lock, because it has to see what the last holder of the lock committed. */
const readUsers = `
  select ${accountJson('users.id')} as account,
    exists (select from passwords where passwords.user_id = users.id) as has_password
  from users where id = any(:userIds) and status <> 'deleted'`

/** Locks several users to the end of a transaction, and answers the accounts of those that are not deleted. */
export async function lockAll(
  transaction: Knex.Transaction,
  userIds: readonly UserId[],
): Promise<ReadonlyMap<UserId, Locked>> {
  await transaction.raw(lockUsers, { userIds })
  const { rows } = await transaction.raw<{ rows: readonly { account: string; has_password: boolean }[] }>(readUsers, {
    userIds,
  })
  return new Map(
    rows.map(({ account: json, has_password: hasPassword }) => {
      const account = accountFromJson(json)
      return [account.user.id, { account, hasPassword }]
    }),
  )
}
