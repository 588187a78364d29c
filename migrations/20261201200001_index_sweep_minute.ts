// With the sweep at a minute of its own, nothing asks for rows by their end. Used refresh tokens leave no rows any more, so that all
// rows of a user are few, and their grants need no index of their own. A server of the version before works without these three: its
// sweep reads the table, until it is gone.
import type { Knex } from 'knex'

export const transaction = false

export async function up(knex: Knex): Promise<void> {
  await knex.raw('drop index concurrently if exists oidc_records_sweep_minute_idx')
  await knex.raw('create index concurrently oidc_records_sweep_minute_idx on oidc_records (sweep_minute)')
  for (const index of ['oidc_records_expires_at_idx', 'oidc_records_anonymous_idx', 'oidc_records_grants_idx'])
    await knex.raw(`drop index concurrently if exists ${index}`)
}
