// A user carries no login identifier and no password: whatever proves a person is a row of its own, found by one or more
// subjects. Uniqueness lies on the provider's side only, so a user may hold several identities of one provider.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table users (
      id text constraint users_pkey primary key,
      nickname text,
      picture text,
      status text not null constraint users_status_check check (status in ('active', 'locked', 'deleted')),
      created_at timestamptz not null,
      updated_at timestamptz not null,
      merged_into text constraint users_merged_into_fkey references users (id)
    )
  `)
  await knex.raw(`comment on column users.id is 'usr_…: the sub of tokens; never used again after deletion'`)
  await knex.raw(`comment on column users.nickname is 'for display only; never matched on'`)
  await knex.raw(`comment on column users.picture is 'for display only; never matched on'`)
  await knex.raw(`comment on column users.status is 'a deleted user keeps this row and nothing else'`)
  await knex.raw(`comment on column users.merged_into is 'the user this one was folded into'`)

  await knex.raw(`
    create table identities (
      id text constraint identities_pkey primary key,
      user_id text not null constraint identities_user_id_fkey references users (id),
      provider text not null,
      verified_at timestamptz,
      upstream_credential text,
      created_at timestamptz not null,
      created_ip text not null,
      last_used_at timestamptz not null,
      last_used_ip text not null
    )
  `)
  await knex.raw('create index identities_user_id_idx on identities (user_id)')
  await knex.raw(`comment on column identities.id is 'idn_…'`)
  await knex.raw(`comment on column identities.provider is 'phone, email, username, or the name of an upstream'`)
  await knex.raw(`comment on column identities.verified_at is 'null: claimed by an import, not proved yet'`)
  await knex.raw(`comment on column identities.upstream_credential is 'sealed under the master key'`)

  await knex.raw(`
    create table identity_subjects (
      provider text not null,
      subject text not null,
      identity_id text not null
        constraint identity_subjects_identity_id_fkey references identities (id) on delete cascade,
      position smallint not null,
      created_at timestamptz not null,
      constraint identity_subjects_pkey primary key (provider, subject)
    )
  `)
  await knex.raw('create index identity_subjects_identity_id_idx on identity_subjects (identity_id)')
  await knex.raw(`comment on column identity_subjects.subject is
    'phone: E.164; email, username: lower case; upstream: unionid:…, openid:<appid>:…'`)
  await knex.raw(`comment on column identity_subjects.position is
    'place in the claim that brought it; 0 is canonical, and of several the youngest'`)

  await knex.raw(`
    create table passwords (
      user_id text constraint passwords_pkey primary key constraint passwords_user_id_fkey references users (id),
      hash text not null,
      updated_at timestamptz not null
    )
  `)
  await knex.raw(`comment on table passwords is 'one a user, valid with every local identifier of that user'`)
  await knex.raw(`comment on column passwords.hash is 'PHC string of argon2id'`)
}
