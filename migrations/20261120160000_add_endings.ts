// A list of devices says when each was last used; whoever is logged out learns why, for as long as the audit is kept; and every
// client of a session that ends is told, however often its server has to be asked.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table oidc_records add column used_at timestamptz')
  await knex.raw(
    `comment on column oidc_records.used_at is 'of sessions and tokens that slide: about when last used; null: not since it was made'`,
  )
  await knex.raw('alter table users add column signed_out_at timestamptz')
  await knex.raw(
    `comment on column users.signed_out_at is 'everything ended then: a login that was proved before, but not finished, is worth nothing'`,
  )
  await knex.raw(`
    create index audit_events_endings_idx on audit_events using gin (detail jsonb_path_ops)
    where event in ('session.ended', 'grant.revoked', 'grant.expired')
  `)
  await knex.raw(`
    create table logout_notices (
      id bigint generated always as identity constraint logout_notices_pkey primary key,
      client_id text not null,
      user_id text not null,
      sid text,
      attempts integer not null default 0,
      created_at timestamptz not null,
      due_at timestamptz not null
    )
  `)
  await knex.raw('create index logout_notices_due_at_idx on logout_notices (due_at)')
  await knex.raw(`comment on table logout_notices is 'back-channel logout tokens on their way to clients'`)
  await knex.raw(
    `comment on column logout_notices.due_at is 'of the next attempt; moved on by the process that makes it'`,
  )
}
