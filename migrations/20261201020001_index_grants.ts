// Whoever logs in looks at the grants of their account, not at every token: of a person who refreshes often those are thousands.
// Built beside the server that runs; what an interrupted run has left is no index, and goes first. Who does not ask for a user must
// not be led here: read for one grant by its id it is the whole of it.
import type { Knex } from 'knex'

export const transaction = false

export async function up(knex: Knex): Promise<void> {
  await knex.raw('drop index concurrently if exists oidc_records_grants_idx')
  await knex.raw(
    'create index concurrently oidc_records_grants_idx on oidc_records (user_id) where model = 2 and user_id is not null',
  )
}
