// Somebody who has lost their number may have it replaced without a code to it, but only after a while, in which everybody who can be
// reached at the account is told and can stop it.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table identity_changes (
      identity_id text constraint identity_changes_pkey primary key
        constraint identity_changes_identity_id_fkey references identities (id) on delete cascade,
      user_id text not null,
      subject text not null,
      label text not null,
      ip text not null,
      locale text,
      proved_at timestamptz not null,
      asked_at timestamptz not null,
      due_at timestamptz not null
    )
  `)
  await knex.raw('create index identity_changes_due_at_idx on identity_changes (due_at)')
  await knex.raw('create index identity_changes_user_id_idx on identity_changes (user_id)')
  await knex.raw(
    `comment on table identity_changes is 'numbers and addresses that wait to take the place of an identity'`,
  )
  await knex.raw(
    `comment on column identity_changes.subject is 'the new number or address, sealed under the master key'`,
  )
  await knex.raw(`comment on column identity_changes.label is 'the same, masked'`)
  await knex.raw(`comment on column identity_changes.proved_at is 'when a code to the new one came back'`)
  await knex.raw(`comment on column identity_changes.due_at is 'from when on it is done'`)
}
