// Keys change while servers run: when each began and ceased to sign and when it may go, and one successor at a time.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table keys
      add column activated_at timestamptz,
      add column retired_at timestamptz,
      add column remove_at timestamptz
  `)
  await knex.raw(`update keys set activated_at = created_at where state = 'current'`)
  await knex.raw(`create unique index keys_next_key on keys (use, alg) where state = 'next'`)
  await knex.raw(`comment on column keys.created_at is 'a token key is published from this moment on'`)
  await knex.raw(`comment on column keys.activated_at is 'when it became the one that signs'`)
  await knex.raw(`comment on column keys.retired_at is 'when the next one took over'`)
  await knex.raw(`comment on column keys.remove_at is 'when nothing it signed is valid any more'`)
}
