// A subject is one person only within its issuer, so the database remembers whose people each name stands for: an address that
// changes in the configuration must not hand the accounts of one server's people to those of another. Empty at first: what is
// there stays filed as it is, and the next start of the server notes whose it is.
import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table identity_issuers (
      provider text constraint identity_issuers_pkey primary key,
      issuer text not null,
      apps text[] not null,
      since timestamptz not null
    )
  `)
  await knex.raw(`comment on column identity_issuers.provider is 'as in identities and identity_subjects'`)
  await knex.raw(
    `comment on column identity_issuers.issuer is 'server, or server and team, that vouches for the subjects'`,
  )
  await knex.raw(
    `comment on column identity_issuers.apps is 'every app of the account so far, where only they tell accounts apart'`,
  )
}
