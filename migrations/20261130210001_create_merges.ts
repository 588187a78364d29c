// Two accounts of one person become one, and for seven days they can be taken apart again: what the one brought along, and what
// both were like before, waits here until then. The row itself stays, so that support knows what became of an account.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table merges (
      id text constraint merges_pkey primary key,
      into_user text not null constraint merges_into_user_fkey references users (id),
      from_user text not null constraint merges_from_user_fkey references users (id),
      merged_at timestamptz not null,
      undo_until timestamptz not null,
      undone_at timestamptz,
      kept jsonb
    )
  `)
  await knex.raw('create index merges_into_user_idx on merges (into_user)')
  await knex.raw('create index merges_from_user_idx on merges (from_user)')
  await knex.raw('create index merges_undo_until_idx on merges (undo_until) where kept is not null')
  await knex.raw('create index users_merged_into_idx on users (merged_into) where merged_into is not null')
  await knex.raw(`comment on table merges is 'accounts that became part of another one'`)
  await knex.raw(
    `comment on column merges.kept is 'what taking them apart needs; emptied when that is done, or can be done no more'`,
  )
}
