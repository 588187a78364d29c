// Operators count the people of an upstream and file them under another name, and a new master key is for the few identities that
// keep something of an upstream's: neither reads those of everybody. Built beside the server that runs; what an interrupted run has
// left is no index, and goes first.
import type { Knex } from 'knex'

export const transaction = false

const indexes = {
  identities_upstream_idx: `identities (provider) where provider not in ('phone', 'email', 'username')`,
  identities_credential_idx: 'identities (id) where upstream_credential is not null',
}

export async function up(knex: Knex): Promise<void> {
  for (const [name, on] of Object.entries(indexes)) {
    await knex.raw(`drop index concurrently if exists ${name}`)
    await knex.raw(`create index concurrently ${name} on ${on}`)
  }
}
