// A name that a person chose stays, also when they chose to have none; a picture follows the identity it came from, because
// vendors' addresses of pictures die. So both have to be known.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table users add column nickname_chosen boolean not null default false, add column picture_from text
  `)
  await knex.raw(`comment on column users.nickname_chosen is 'set by the person, maybe to none: no login fills it'`)
  await knex.raw(`comment on column users.picture_from is
    'identity that told the picture; null: the one the user was made with'`)
}
