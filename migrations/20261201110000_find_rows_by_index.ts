// A connection keeps the plans of a function that it made when the tables were small, so they must be those of large tables.
import type { Knex } from 'knex'

/**
 * As before, but each row is found by its whole key: PostgreSQL takes what is behind a limit that it cannot know for few rows, and
 * cannot join what is behind `offset 0` in another way than for one row after the other.
 */
export async function up(knex: Knex): Promise<void> {
  const ofGrants = `(
    select found.model, found.id from (select unnest(ended) limit (select null::bigint)) as one (grant_id)
    cross join lateral (
      select g.model, g.id from oidc_records g where g.model = 2 and g.id = one.grant_id
      union all select t.model, t.id from oidc_records t where t.grant_id = one.grant_id
    ) found limit (select null::bigint)
  ) o`
  await knex.raw(`create or replace function end_older_grants(kept text, who text, client text, device text, most integer, now_at timestamptz)
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
  perform from ${ofGrants} join oidc_records r on r.model = o.model and r.id = o.id order by r.model, r.id for update of r;
  return query delete from oidc_records r using ${ofGrants} where r.model = o.model and r.id = o.id returning r.*;
end
$$`)
  await knex.raw(`create or replace function take_counters(now_ms bigint, keys text[], most bigint[], spans bigint[], amounts bigint[])
returns table (is_taken boolean, used bigint, wait_ms bigint)
language plpgsql as $$
#variable_conflict use_column
begin
  perform pg_advisory_xact_lock(20261129, hash)
    from (select distinct hashtext(key) as hash from unnest(keys) as key order by 1) as ordered;
  return query
  with given as (
    select n, key, room, span, amount, case when room > 60 then span / 60 else 1 end as step
    from unnest(keys, most, spans, amounts) with ordinality as asked (key, room, span, amount, n)
  ), kept as (
    select n, split_part(entry, ':', 1)::bigint as at, split_part(entry, ':', 2)::bigint as events
    from given
      cross join lateral (select value from ephemeral e where e.key = given.key offset 0) as counter,
      string_to_table(value, ',') as entry
    where split_part(entry, ':', 1)::bigint + span > now_ms
  ), decided as (
    select bool_and(amount < 0 or coalesce(total, 0) < room) as fits
    from given left join (select n, sum(events) as total from kept group by n) as totals using (n)
  ), changed as (
    select n, at, sum(events)::bigint as events
    from (
      select n, at, events from kept
      union all
      select n, case when amount > 0 then (now_ms + step - 1) / step * step
        else (select max(at) from kept where kept.n = given.n) end, amount
      from given, decided where fits and amount <> 0
    ) as entries
    group by n, at having sum(events) > 0
  ), written as (
    insert into ephemeral (key, value, expires_at_ms)
    select key, coalesce(string_agg(at || ':' || events, ',' order by at), ''), coalesce(max(at), now_ms) + span
    from decided, given left join changed using (n)
    where fits and amount <> 0 group by key, span
    on conflict (key) do update set value = excluded.value, expires_at_ms = excluded.expires_at_ms
  ), running as (
    select n, at, sum(events) over (partition by n) as total, sum(events) over (partition by n order by at) as gone
    from changed
  )
  select fits, coalesce(max(total), 0)::bigint, case when coalesce(max(total), 0) < room then 0
      else coalesce(min(at + span - now_ms) filter (where total - gone < room), span) end
  from decided, given left join running using (n)
  group by fits, n, room, span order by n;
end
$$`)
  await knex.raw(`create or replace function take_counters(
  now_ms bigint, keys text[], most bigint[], spans bigint[], amounts bigint[], others bigint[], shares bigint[])
returns table (is_taken boolean, used bigint, wait_ms bigint)
language plpgsql as $$
#variable_conflict use_column
begin
  perform pg_advisory_xact_lock(20261129, hash)
    from (select distinct hashtext(key) as hash from unnest(keys) as key order by 1) as ordered;
  return query
  with given as (
    select n, key, room, span, amount, greatest(amount, 1) as need, other, share,
      case when room > 60 then span / 60 else 1 end as step
    from unnest(keys, most, spans, amounts, others, shares)
      with ordinality as asked (key, room, span, amount, other, share, n)
  ), kept as (
    select n, split_part(entry, ':', 1)::bigint as at, split_part(entry, ':', 2)::bigint as events
    from given
      cross join lateral (select value from ephemeral e where e.key = given.key offset 0) as counter,
      string_to_table(value, ',') as entry
    where split_part(entry, ':', 1)::bigint + span > now_ms
  ), before as (
    select n, coalesce(sum(events), 0)::bigint as total from given left join kept using (n) group by n
  ), decided as (
    select bool_and(amount < 0 or own.total + need <= room or coalesce(beside.total * 100 >= share * own.total, false)) as fits
    from given join before as own using (n) left join before as beside on beside.n = other
  ), changed as (
    select n, at, sum(events)::bigint as events
    from (
      select n, at, events from kept
      union all
      select n, case when amount > 0 then (now_ms + step - 1) / step * step
        else (select max(at) from kept where kept.n = given.n) end, amount
      from given, decided where fits and amount <> 0
    ) as entries
    group by n, at having sum(events) > 0
  ), written as (
    insert into ephemeral (key, value, expires_at_ms)
    select key, coalesce(string_agg(at || ':' || events, ',' order by at), ''), coalesce(max(at), now_ms) + span
    from decided, given left join changed using (n)
    where fits and amount <> 0 group by key, span
    on conflict (key) do update set value = excluded.value, expires_at_ms = excluded.expires_at_ms
  ), after as (
    select n, coalesce(sum(events), 0)::bigint as total from given left join changed using (n) group by n
  ), running as (
    select n, at, sum(events) over (partition by n order by at) as gone from changed
  )
  select fits, own.total, case
      when own.total + need <= room or coalesce(beside.total * 100 >= share * own.total, false) then 0
      else coalesce(min(at + span - now_ms) filter (where own.total - gone + need <= room), span) end
  from decided, given join after as own using (n) left join after as beside on beside.n = other
    left join running on running.n = given.n
  group by fits, given.n, room, span, need, share, own.total, beside.total order by given.n;
end
$$`)
}
