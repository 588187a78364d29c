import type { Clock } from '../../base/clock.ts'
import type { UserId } from '../../base/ids.ts'
import type { Database } from '../../store/postgres.ts'
import { durableModels } from '../library/stored-models.ts'

type Queries = Pick<Database, 'knex'>

/** How many rows of a user an ending of everything would take, whether they have expired or not. */
export async function countRecords({ knex }: Queries, userId: UserId): Promise<number> {
  const [row] = await knex('oidc_records').where({ user_id: userId }).count('* as count')
  return Number(row?.['count'] ?? 0)
}

/** How many refresh tokens of a user can be used now. */
export async function countRefreshTokens(
  { database: { knex }, clock }: { readonly database: Queries; readonly clock: Clock },
  userId: UserId,
): Promise<number> {
  const [row] = await knex('oidc_records')
    .where({ user_id: userId, model: durableModels.RefreshToken })
    .where('expires_at', '>', new Date(clock()))
    .whereNull('consumed_at')
    .count('* as count')
  return Number(row?.['count'] ?? 0)
}
