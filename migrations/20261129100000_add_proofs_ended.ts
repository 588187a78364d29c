// What was proved for an account is worth nothing once its owner has ended it, and the end has a moment, as the proof has.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table users add column proofs_ended_at timestamptz')
  await knex.raw(
    `comment on column users.proofs_ended_at is 'what was proved before, and is not a session yet, lets nobody in: set by a sign-out, a way in that goes, a status; the time of the password counts too'`,
  )
  await knex.raw('update users set proofs_ended_at = signed_out_at where signed_out_at is not null')
}
