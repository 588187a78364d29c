// Whoever can get into an account can change it, so its owner is told of what matters at every number and address it has. A message
// is written together with what it tells of and waits here, so that none is lost when a vendor is away or a process stops.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table owner_messages (
      id text constraint owner_messages_pkey primary key,
      user_id text not null,
      event text not null,
      channel text not null,
      address text not null,
      detail jsonb not null,
      locale text,
      happened_at timestamptz not null,
      attempts integer not null default 0,
      created_at timestamptz not null,
      due_at timestamptz not null
    )
  `)
  await knex.raw('create index owner_messages_due_at_idx on owner_messages (due_at)')
  await knex.raw(
    `comment on table owner_messages is 'what the owner of an account is to be told, a row for each channel'`,
  )
  await knex.raw(`comment on column owner_messages.channel is 'sms or email'`)
  await knex.raw(`comment on column owner_messages.address is 'number or mail address, sealed under the master key'`)
  await knex.raw(`comment on column owner_messages.detail is 'what the message names; numbers and addresses masked'`)
  await knex.raw(
    `comment on column owner_messages.due_at is 'of the next attempt; moved on by the process that makes it'`,
  )
}
