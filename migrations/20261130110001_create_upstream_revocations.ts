// What an upstream gave us to keep is given back when the identity it was kept for goes, however often the upstream has
// to be asked: it waits here, so that nobody waits for it and nothing is lost when a process stops.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table upstream_revocations (
      id text constraint upstream_revocations_pkey primary key,
      provider text not null,
      subject_digest text not null,
      user_id text not null,
      credential text not null,
      attempts integer not null default 0,
      created_at timestamptz not null,
      due_at timestamptz not null
    )
  `)
  await knex.raw('create index upstream_revocations_due_at_idx on upstream_revocations (due_at)')
  await knex.raw('create index upstream_revocations_subject_digest_idx on upstream_revocations (subject_digest)')
  await knex.raw(`comment on table upstream_revocations is 'credentials of upstreams that are to be given back'`)
  await knex.raw(
    `comment on column upstream_revocations.subject_digest is 'by which a credential is taken back where the identity is bound again'`,
  )
  await knex.raw(
    `comment on column upstream_revocations.credential is 'sealed under the master key, as it was beside the identity'`,
  )
  await knex.raw(
    `comment on column upstream_revocations.due_at is 'of the next attempt; moved on by the process that makes it'`,
  )
}
