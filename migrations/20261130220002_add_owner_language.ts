// Messages to the owner of an account are written in the language they used last, and those they do not want are not sent.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table identities add column last_used_locale text')
  await knex.raw(
    `comment on column identities.last_used_locale is 'language of the page or app it was used in last; null: not known'`,
  )
  await knex.raw(`alter table users add column muted_messages text[] not null default '{}'`)
  await knex.raw(
    `comment on column users.muted_messages is 'events that the owner does not want to be told of, among those that may be muted'`,
  )
}
