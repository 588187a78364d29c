// What is counted has a weight, as money has, and a counter may be full only while too few of what it counts came to something.
import type { Knex } from 'knex'

/**
 * As `take_counters` with five values, which servers of the version before go on calling. `amounts` above 0 count so much, 0
 * looks for room for one, below 0 gives back, of the latest. `others` names for each counter the place of the one beside it, from
 * 1 (0: none), and `shares` how much of the counter that one must have, in percent, for there to be room whatever is used.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`create function take_counters(
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
    from given join ephemeral using (key), string_to_table(value, ',') as entry
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
