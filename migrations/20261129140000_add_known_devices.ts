// Whoever guesses from outside must not use up the tries of the owner: what logged in to an account before has tries of its own.
// Browsers keep a sealed mark; an app is known by the key that it proves with each request.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table users add column devices_forgotten_at timestamptz')
  await knex.raw(
    `comment on column users.devices_forgotten_at is 'signed out elsewhere then: a browser''s mark with another time than this is worth nothing'`,
  )
  await knex.raw(`
    create table known_devices (
      user_id text not null constraint known_devices_user_id_fkey references users (id),
      key text not null,
      used_at timestamptz not null,
      constraint known_devices_pkey primary key (user_id, key)
    )
  `)
  await knex.raw(`comment on table known_devices is 'apps that have logged in to an account; only a login adds one'`)
  await knex.raw(`comment on column known_devices.key is 'thumbprint of the key the app proved'`)
}
