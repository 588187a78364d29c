// A picture that a person chose stays, as a nickname does, also when they chose to have none. So it has to be known.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table users add column picture_chosen boolean not null default false')
  await knex.raw(`comment on column users.picture_chosen is 'set by the person, maybe to none: no login changes it'`)
}
