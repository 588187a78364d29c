// Whoever is deleted is looked for at both ends of a merge that an operator has asked for. Built beside the server that runs; what an
// interrupted run has left is no index, and goes first.
import type { Knex } from 'knex'

export const transaction = false

export async function up(knex: Knex): Promise<void> {
  await knex.raw('drop index concurrently if exists merge_requests_from_user_idx')
  await knex.raw('create index concurrently merge_requests_from_user_idx on merge_requests (from_user)')
}
