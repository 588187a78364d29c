// What was spent too long ago to be counted is found by when its part of a window ended. Built beside the server that runs; what an
// interrupted run has left is no index, and goes first.
import type { Knex } from 'knex'

export const transaction = false

export async function up(knex: Knex): Promise<void> {
  await knex.raw('drop index concurrently if exists money_spent_until_ms_idx')
  await knex.raw('create index concurrently money_spent_until_ms_idx on money_spent (until_ms)')
}
