// Everybody may take along what is kept about them. Collecting it takes a while, so it is asked for, made in the background by any
// server, kept sealed for some days, and gone then.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table data_export_requests (
      id bigint generated always as identity constraint data_export_requests_pkey primary key,
      user_id text not null constraint data_export_requests_user_id_key unique
        constraint data_export_requests_user_id_fkey references users (id),
      locale text not null,
      requested_at timestamptz not null,
      attempts integer not null default 0,
      due_at timestamptz not null
    )
  `)
  await knex.raw('create index data_export_requests_due_at_idx on data_export_requests (due_at)')
  await knex.raw(`
    create table data_exports (
      user_id text constraint data_exports_pkey primary key constraint data_exports_user_id_fkey references users (id),
      archive text not null,
      made_at timestamptz not null,
      expires_at timestamptz not null
    )
  `)
  await knex.raw('create index data_exports_expires_at_idx on data_exports (expires_at)')
  await knex.raw(`comment on table data_export_requests is 'archives that are to be made, one a user'`)
  await knex.raw(`comment on column data_exports.archive is 'sealed: a ZIP in base64'`)
}
