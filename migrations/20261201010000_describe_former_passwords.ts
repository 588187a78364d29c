// Accounts that are moved in bring the hashes of other systems, so the column holds more than one kind.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`comment on column passwords.hash is
    'PHC string of argon2id, or of another system until the next login; $former$…: argon2id of a digest of theirs'`)
}
