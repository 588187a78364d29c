// Sessions and device codes of nobody are deleted as soon as they have ended, while others stay readable for a day: without an index
// of their own each sweep would look at everything that ended in that day.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create index oidc_records_anonymous_idx on oidc_records (expires_at) where user_id is null and model in (1, 7)
  `)
}
