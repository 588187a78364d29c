// Whoever changes clients or keys wants to know when every running server has the change, so servers say which version
// they run.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table servers (
      id text constraint servers_pkey primary key,
      name text not null,
      catalog_version bigint not null,
      seen_at timestamptz not null
    ) with (fillfactor = 10)
  `)
  await knex.raw(
    `comment on table servers is 'processes that serve; one that was stopped by force stays for some minutes'`,
  )
  await knex.raw(`comment on column servers.catalog_version is 'that it runs; 0 before it has read any'`)
  await knex.raw(`comment on column servers.seen_at is 'by the clock of the database'`)
}
