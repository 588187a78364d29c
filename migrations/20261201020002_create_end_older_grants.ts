// A login of an app takes the place of the one that this app had on the same device, and of the oldest one where there are too many.
import type { Knex } from 'knex'

/**
 * Ends the older grants of a user for one client with what hangs on them, and answers the rows that were deleted: those of the
 * same device (`key` in what is noted of the login), and beside `kept` all but the newest `most - 1`. Two logins at once wait for
 * each other, and each statement in here sees what the one before has written, which the statement that calls this does not.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`create function end_older_grants(kept text, who text, client text, device text, most integer, now_at timestamptz)
returns setof oidc_records
language plpgsql as $$
declare
  ended text[];
begin
  perform pg_advisory_xact_lock(20261201, hashtext(who || ' ' || client));
  select array_agg(other.id) into ended from (
    select g.id, cast(g.about as jsonb) ->> 'key' = device as is_same,
      row_number() over (
        order by coalesce(cast(g.about as jsonb) ->> 'key' = device, false), g.since desc nulls last, g.id
      ) as place
    from oidc_records g
    where g.model = 2 and g.user_id = who and g.id <> kept and g.expires_at > now_at
      and cast(g.payload as jsonb) ->> 'clientId' = client
  ) other where other.is_same or other.place >= most;
  if ended is null then
    return;
  end if;
  perform from oidc_records r where (r.model = 2 and r.id = any(ended)) or r.grant_id = any(ended)
    order by r.model, r.id for update;
  return query delete from oidc_records r where (r.model = 2 and r.id = any(ended)) or r.grant_id = any(ended) returning r.*;
end
$$`)
}
