// What replaces Redis where none is configured: values that may be lost, so the table writes no WAL and is emptied by a crash.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`create unlogged table ephemeral (
    key text primary key,
    value text not null,
    expires_at_ms bigint not null
  ) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`)
  await knex.raw('create index ephemeral_expiry on ephemeral (expires_at_ms)')
}
