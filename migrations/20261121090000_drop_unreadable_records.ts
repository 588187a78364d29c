// A row whose text is no `jsonb` stops the sweep, the list of devices and every end of its user's logins. None is written any more.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(String.raw`delete from oidc_records where payload ~* '\\u(0000|d[89a-f])'`)
}
