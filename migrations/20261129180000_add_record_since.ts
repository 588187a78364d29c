// The audit notes since when a login lived that has ended. That is decided when a row is written, and kept beside it: a statement
// that ends many rows need not work it out again. Servers of the version before write rows without it.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table oidc_records add column since timestamptz')
  await knex.raw(
    `comment on column oidc_records.since is 'of grants and refresh tokens: since when they, or their family, live'`,
  )
}
