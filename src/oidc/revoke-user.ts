import type { UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import { durableModels } from './records.ts'

/**
 * Ends every session, grant, code and token of a user, in every process at once; only JWT access tokens that are out already
 * live to their end, some minutes.
 */
export async function revokeUser(database: Database, userId: UserId): Promise<number> {
  return database.knex('oidc_records').where({ user_id: userId }).delete()
}

/**
 * The same for everything but one session and what its apps hold: whoever has just changed a password stays in this browser, and
 * whoever knew the old one is out everywhere else (RFC 9700 §4.14.2).
 */
export async function endOtherSessions(database: Database, userId: UserId, keptSessionUid: string): Promise<void> {
  await database.knex.raw(
    `with kept as (
      select jsonb_path_query(payload::jsonb, '$.authorizations.*.grantId') #>> '{}' as id
      from oidc_records where uid = :keptSessionUid and user_id = :userId
    )
    delete from oidc_records o where user_id = :userId and uid is distinct from :keptSessionUid
      and not exists (select 1 from kept where id = o.grant_id or (id = o.id and o.model = ${durableModels.Grant}))`,
    { userId, keptSessionUid },
  )
}
