import type { Knex } from 'knex'
import type { UserId } from '../base/ids.ts'

/**
 * Members of `detail` that say what happened and nothing about who it was: words of ours, ids, times, and what an
 * operator wrote about their own act. SECURITY: every other member goes with the account. One that is added later goes,
 * too, until somebody has said here that it names nobody.
 */
const impersonal = [
  ...['method', 'amr', 'agreements', 'begun_at', 'login_at', 'error', 'connection', 'vendor_code', 'action'],
  ...['type', 'outcome', 'clients', 'attempts', 'reason', 'identity', 'from', 'to', 'users', 'login', 'fields'],
  ...['granted', 'refused', 'grant', 'session', 'tokens', 'ended_records', 'operator', 'why', 'deletion_at'],
]

/**
 * Takes out of the audit where and on what a user was: the rows stay with the id, for the law and whoever has to
 * explain them, and no address, device or masked number is left in them.
 */
export async function anonymiseAudit(transaction: Knex.Transaction, userId: UserId): Promise<void> {
  await transaction.raw(
    `update audit_events set ip = null, detail = coalesce(
       (select jsonb_object_agg(key, value) from jsonb_each(detail) where key = any(:impersonal)), '{}')
     where user_id = :userId`,
    { userId, impersonal },
  )
}
