// Each login notes its time in an identity, and once a day in a known device. A page that imports and registrations have filled to the
// brim has no room for the changed row, which then goes elsewhere, with a new entry in every index.
import type { Knex } from 'knex'

/** Counts for pages that are filled from now on; an old page gets room when a row of it has left. */
export async function up(knex: Knex): Promise<void> {
  for (const table of ['identities', 'known_devices']) await knex.raw(`alter table ${table} set (fillfactor = 90)`)
}
