// Whether one proof has ever led to two users is looked up before an identity is moved by hand. Built beside the server that runs; what
// an interrupted run has left is no index, and goes first.
import type { Knex } from 'knex'

export const transaction = false

export async function up(knex: Knex): Promise<void> {
  await knex.raw('drop index concurrently if exists audit_events_conflicts_idx')
  await knex.raw(`create index concurrently audit_events_conflicts_idx on audit_events using gin (detail jsonb_path_ops)
    where event = 'identity.conflicted'`)
}
