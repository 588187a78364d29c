// Whoever has changed their profile before has chosen their name; the audit alone remembers it.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    update users set nickname_chosen = true
    where id in (select user_id from audit_events where event = 'profile.changed')`)
}
