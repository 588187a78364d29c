// An app of ours keeps data of its own about people, and has to learn that an account is going, gone or another one now, however
// often its server has to be asked: what it is to be told waits here.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table client_events (
      id bigint generated always as identity constraint client_events_pkey primary key,
      jti uuid not null default gen_random_uuid(),
      client_id text not null,
      user_id text not null,
      event text not null,
      detail jsonb not null,
      attempts integer not null default 0,
      created_at timestamptz not null,
      due_at timestamptz not null
    )
  `)
  await knex.raw('create index client_events_due_at_idx on client_events (due_at)')
  await knex.raw('create index client_events_order_idx on client_events (client_id, user_id, id)')
  await knex.raw(`comment on table client_events is 'security event tokens on their way to clients'`)
  await knex.raw(`comment on column client_events.user_id is 'the sub that the client knows'`)
  await knex.raw(
    `comment on column client_events.due_at is 'of the next attempt; moved on by the process that makes it'`,
  )
}
