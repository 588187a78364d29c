// That money runs out is told to a system of the operator's, which may be away: an alarm waits until it was taken.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table alarms (
      id uuid not null default gen_random_uuid() constraint alarms_pkey primary key,
      about text not null,
      used_percent integer not null,
      text text not null,
      attempts integer not null default 0,
      happened_at timestamptz not null,
      due_at timestamptz not null
    )
  `)
  await knex.raw('create index alarms_due_at_idx on alarms (due_at)')
  await knex.raw(`comment on table alarms is 'alarms on their way to the operator'`)
}
