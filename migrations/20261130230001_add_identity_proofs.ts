// A number goes to somebody else some months after it was given up. `last_used_at` does not say who has it: a password beside the
// number counts as a use, too.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('identities', (table) => {
    table.timestamp('proved_at')
  })
}
