// Support asks what happened under a request id; without an index that is every line of half a year.
// Built beside the server that runs; what an interrupted run has left is no index, and goes first.
import type { Knex } from 'knex'

export const transaction = false

export async function up(knex: Knex): Promise<void> {
  await knex.raw('drop index concurrently if exists audit_events_request_id_idx')
  await knex.raw(`create index concurrently audit_events_request_id_idx on audit_events (request_id)
    where request_id is not null`)
}
