// Whoever moves accounts in may be stopped in the middle, and starts again: what has come is known by its name elsewhere.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table imported_accounts (
      source text not null,
      external_id text not null,
      user_id text not null constraint imported_accounts_user_id_fkey references users (id),
      fingerprint text not null,
      imported_at timestamptz not null,
      constraint imported_accounts_pkey primary key (source, external_id)
    )
  `)
  await knex.raw('create index imported_accounts_user_id_idx on imported_accounts (user_id)')
  await knex.raw(`comment on column imported_accounts.source is 'system that the account came from: logto, wordpress'`)
  await knex.raw(`comment on column imported_accounts.external_id is 'what the account was called there'`)
  await knex.raw(`comment on column imported_accounts.fingerprint is
    'of what the file said, the password left out: tells whether a later file says something else'`)
}
