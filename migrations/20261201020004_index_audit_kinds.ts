// Support reads the audit by event and by client, the newest lines first. One index serves a client alone and a client with an event,
// because the events of a client are few.
// Built beside the server that runs; what an interrupted run has left is no index, and goes first.
import type { Knex } from 'knex'

export const transaction = false

export async function up(knex: Knex): Promise<void> {
  await knex.raw('drop index concurrently if exists audit_events_event_at_idx')
  await knex.raw('create index concurrently audit_events_event_at_idx on audit_events (event, at, id)')
  await knex.raw('drop index concurrently if exists audit_events_client_id_event_at_idx')
  await knex.raw(`create index concurrently audit_events_client_id_event_at_idx on audit_events (client_id, event, at, id)
    where client_id is not null`)
}
