// Where and how somebody signed in is kept beside the grant or session it made, so that a list of devices needs no other table and
// ends with them.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table oidc_records add column about text')
  await knex.raw(
    `comment on column oidc_records.about is 'JSON: method, device, address and agreements of the login; grants and sessions'`,
  )
}
