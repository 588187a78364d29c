// A used refresh token is no longer changed but deleted, so the room that pages kept for changed rows is wanted by few: sessions.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table oidc_records set (fillfactor = 95)')
}
