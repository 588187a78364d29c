// Where operators ask for it, two of them have to want a merge: the first one leaves what they want here, and another one confirms it
// within a day.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table merge_requests (
      into_user text not null constraint merge_requests_into_user_fkey references users (id),
      from_user text not null constraint merge_requests_from_user_fkey references users (id),
      choices jsonb not null,
      evidence text not null,
      operator text not null,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      constraint merge_requests_pkey primary key (into_user, from_user)
    )
  `)
  await knex.raw('create index merge_requests_expires_at_idx on merge_requests (expires_at)')
  await knex.raw(`comment on table merge_requests is 'merges that another operator has to confirm'`)
}
