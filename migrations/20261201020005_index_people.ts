// Support finds people by the beginning of a nickname and by what an upstream calls them, and lists them by when they came.
// Built beside the server that runs; what an interrupted run has left is no index, and goes first.
import type { Knex } from 'knex'

export const transaction = false

const indexes = {
  users_created_at_idx: 'users (created_at, id)',
  users_status_created_at_idx: `users (status, created_at, id) where status <> 'active'`,
  // Byte by byte, so that a beginning is a range whatever the language of the database.
  users_nickname_idx: `users ((lower(nickname) collate "C"), id) where nickname is not null`,
  // The subject without its namespace: what stands in a vendor's console and in the log of an app.
  identity_subjects_bare_idx: `identity_subjects ((substring(subject from '[^:]*$')))
    where provider not in ('phone', 'email', 'username')`,
}

export async function up(knex: Knex): Promise<void> {
  for (const [name, on] of Object.entries(indexes)) {
    await knex.raw(`drop index concurrently if exists ${name}`)
    await knex.raw(`create index concurrently ${name} on ${on}`)
  }
}
