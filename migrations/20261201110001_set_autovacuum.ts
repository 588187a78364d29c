// Tables that change all day are cleaned and counted after a fiftieth of their rows, not after a fifth of hundreds of millions.
import type { Knex } from 'knex'

/** What is deleted or only added, in the tables that every login and refresh writes to. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`alter table oidc_records set (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0.1,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500, autovacuum_vacuum_cost_delay = 1)`)
  for (const table of ['audit_events', 'identities', 'known_devices', 'users']) {
    await knex.raw(`alter table ${table} set (
      autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1,
      autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500)`)
  }
}
