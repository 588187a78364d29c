// Who did what, kept after the user or client is gone: no foreign keys; rows are only ever added, or aged out by time.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table audit_events (
      id bigint generated always as identity constraint audit_events_pkey primary key,
      at timestamptz not null,
      event text not null constraint audit_events_event_check check (event ~ '^[a-z_]+[.][a-z_]+$'),
      user_id text,
      client_id text,
      identity_provider text,
      ip inet,
      request_id text,
      detail jsonb not null default '{}'
    )
  `)
  await knex.raw('create index audit_events_user_id_at_idx on audit_events (user_id, at) where user_id is not null')
  await knex.raw('create index audit_events_at_idx on audit_events (at)')
  await knex.raw(`comment on column audit_events.event is 'noun.past_verb'`)
  await knex.raw(`comment on column audit_events.ip is 'of the person; null when an operator acted'`)
  await knex.raw(`comment on column audit_events.detail is 'small facts; no phone number, code or token'`)
}
