// What the protocol must remember: sessions, grants, codes and tokens in one table, found by digest, so that a copy of the
// database gives no usable value; clients, resources and keys beside it; and a counter that tells running servers of a change.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table oidc_records (
      model smallint not null,
      id text not null,
      payload text not null,
      grant_id text,
      uid text,
      user_code text,
      session_uid text,
      user_id text,
      expires_at timestamptz not null,
      consumed_at timestamptz,
      successor text,
      constraint oidc_records_pkey primary key (model, id)
    ) with (fillfactor = 80)
  `)
  await knex.raw(`create index oidc_records_grant_id_idx on oidc_records (grant_id) where grant_id is not null`)
  await knex.raw(`create unique index oidc_records_uid_key on oidc_records (uid) where uid is not null`)
  await knex.raw(
    `create unique index oidc_records_user_code_key on oidc_records (user_code) where user_code is not null`,
  )
  await knex.raw(`create index oidc_records_user_id_idx on oidc_records (user_id) where user_id is not null`)
  await knex.raw(`create index oidc_records_expires_at_idx on oidc_records (expires_at)`)
  await knex.raw(`comment on column oidc_records.model is 'number of the model in src/oidc/records.ts'`)
  await knex.raw(
    `comment on column oidc_records.successor is 'refresh token that replaced this one, readable with this one only'`,
  )
  await knex.raw(`comment on column oidc_records.id is 'SHA-256 of a bearer value; the plain id of a grant'`)

  await knex.raw(`
    create table clients (
      client_id text constraint clients_pkey primary key,
      metadata jsonb not null,
      secret text,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )
  `)
  await knex.raw(`comment on column clients.secret is 'client_secret, sealed under the master key'`)
  await knex.raw(`
    create table resources (
      resource text constraint resources_pkey primary key,
      settings jsonb not null,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )
  `)
  await knex.raw(`
    create table keys (
      id text constraint keys_pkey primary key,
      use text not null constraint keys_use_check check (use in ('sig', 'cookie')),
      alg text not null,
      state text not null constraint keys_state_check check (state in ('next', 'current', 'previous')),
      secret text not null,
      created_at timestamptz not null
    )
  `)
  await knex.raw(`comment on column keys.secret is 'private JWK or cookie key, sealed under the master key'`)
  await knex.raw(`
    create table catalog_versions (
      name text constraint catalog_versions_pkey primary key,
      version bigint not null
    )
  `)
  await knex.raw(`insert into catalog_versions (name, version) values ('oidc', 1)`)
}
