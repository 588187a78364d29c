import type { Knex } from 'knex'
import type { UserId } from '../../base/ids.ts'

/** Locks the sessions, grants, codes and tokens of a user, in the order in which everybody locks them. */
export async function lockRecordsOf(trx: Knex.Transaction, userId: UserId): Promise<void> {
  await trx.raw('select 1 from oidc_records where user_id = ? order by model, id for update', [userId])
}
