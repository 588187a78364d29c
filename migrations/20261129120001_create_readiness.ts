// Whether the database takes writes is only known by writing: one row, over and over, in a table that is logged like those that matter.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table readiness (
      id smallint constraint readiness_pkey primary key constraint readiness_id_check check (id = 1),
      written_at timestamptz not null
    ) with (fillfactor = 10)
  `)
}
