// What a person allowed an app outlives their logins: whoever logs in again is asked only for what is new, and can take it back.
// The row goes when they take it back, when the client is removed, and when the account is locked or deleted.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table consents (
      user_id text not null constraint consents_user_id_fkey references users (id),
      client_id text not null,
      decisions jsonb not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      used_at timestamptz,
      constraint consents_pkey primary key (user_id, client_id)
    )
  `)
  await knex.raw(`create index consents_client_id_idx on consents (client_id)`)
  await knex.raw(
    `comment on column consents.decisions is 'true: granted, false: refused; by scope, before a scope of an API its resource and a space'`,
  )
  await knex.raw(`comment on column consents.used_at is 'when a login of the app used it last'`)
}
