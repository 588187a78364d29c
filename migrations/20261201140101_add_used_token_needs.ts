// A used refresh token leaves no row from this version on. Servers of versions before answer a token that comes again by its row,
// so rows go only while none of those runs.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table servers add column needs_used_tokens boolean not null default true')
  await knex.raw(`comment on column servers.needs_used_tokens is 'it looks for the rows of used refresh tokens'`)
}
