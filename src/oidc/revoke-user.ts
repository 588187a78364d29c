import type { UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'

/**
 * Ends every session, grant, code and token of a user, in every process at once; only JWT access tokens that are out already
 * live to their end, some minutes.
 */
export async function revokeUser(database: Database, userId: UserId): Promise<number> {
  return database.knex('oidc_records').where({ user_id: userId }).delete()
}
