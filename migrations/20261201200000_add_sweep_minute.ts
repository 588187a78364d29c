// Use prolongs what it uses. The index by which the sweep finds what has run out had each end in it, so that a row that was used got a
// new entry in every index it is in. The sweep now looks at a row at a minute that use leaves alone.
import type { Knex } from 'knex'

/**
 * A server of the version before writes rows without it: those the sweep looks at next. So it does at a row whose life
 * somebody makes shorter, which no server does.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table oidc_records add column sweep_minute integer not null default 0')
  await knex.raw(
    `comment on column oidc_records.sweep_minute is 'minutes since 1970 at which the sweep looks whether the row can go; use does not change it'`,
  )
  await knex.raw(`create function look_at_shortened() returns trigger language plpgsql as $$
begin
  new.sweep_minute := 0;
  return new;
end
$$`)
  await knex.raw(`create trigger look_at_shortened before update on oidc_records
    for each row when (new.expires_at < old.expires_at) execute function look_at_shortened()`)
}
