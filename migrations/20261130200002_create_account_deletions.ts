// Whoever asks for the deletion of an account may take it back for some days; then it is done by whichever server is there, however
// often it has to be tried.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table users drop constraint users_status_check')
  await knex.raw(`
    alter table users add constraint users_status_check check (status in ('active', 'locked', 'leaving', 'deleted'))
  `)
  await knex.raw(`
    create table account_deletions (
      id bigint generated always as identity constraint account_deletions_pkey primary key,
      user_id text not null constraint account_deletions_user_id_key unique
        constraint account_deletions_user_id_fkey references users (id),
      asked_at timestamptz not null,
      leaves_at timestamptz not null,
      attempts integer not null default 0,
      due_at timestamptz not null
    )
  `)
  await knex.raw('create index account_deletions_due_at_idx on account_deletions (due_at)')
  await knex.raw(`comment on table account_deletions is 'accounts whose deletion was asked for'`)
  await knex.raw(`comment on column account_deletions.leaves_at is 'until then it may be taken back'`)
  await knex.raw(
    `comment on column account_deletions.due_at is 'of the next attempt; moved on by the process that makes it'`,
  )
}
