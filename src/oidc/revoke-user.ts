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
 * Ends every other browser session of a user and every token and code, those of apps opened from this browser too: what was
 * taken from them must not outlive a change of the password. The session given stays, and so do the consents it rests on.
 * Answers how many sessions ended.
 */
export async function revokeOthers(database: Database, userId: UserId, sessionUid: string): Promise<number> {
  const { rows } = await database.knex.raw<{ rows: readonly { model: number }[] }>(revokeOthersText, {
    userId,
    sessionUid,
  })
  return rows.filter(({ model }) => model === durableModels.Session).length
}

const revokeOthersText = `
  with present as (
    select payload from oidc_records where model = ${durableModels.Session} and uid = :sessionUid
  ), granted as (
    select entry.value ->> 'grantId' as id
    from present, jsonb_each(coalesce(cast(payload as jsonb) -> 'authorizations', '{}')) entry
  )
  delete from oidc_records
  where user_id = :userId
    and not (model = ${durableModels.Session} and uid = :sessionUid)
    and not (model = ${durableModels.Grant} and id in (select id from granted where id is not null))
  returning model`
