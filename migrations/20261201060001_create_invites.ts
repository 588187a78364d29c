// Where a client asks for it, an account is made with an invitation only: a code that an operator has made, that is good once and of
// which nothing but a digest is kept.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table invites (
      id text not null constraint invites_pkey primary key,
      digest text not null constraint invites_digest_key unique,
      client_id text,
      note text,
      created_by text not null,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      revoked_at timestamptz,
      used_at timestamptz,
      used_by text constraint invites_used_by_fkey references users (id)
    )
  `)
  await knex.raw('create index invites_created_at_idx on invites (created_at, id)')
  await knex.raw('create index invites_used_by_idx on invites (used_by) where used_by is not null')
  await knex.raw(`comment on table invites is 'invitations to make an account'`)
}
