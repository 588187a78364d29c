// Limits of one decision are taken all or none: counters are read, judged and written under their locks, in one call.
import type { Knex } from 'knex'

/**
 * A counter is a row of `ephemeral` whose value lists `time:events`. A window of more than 60 events is kept in 60 parts, each
 * counted until the end of the part has left the window, so that no row grows with its limit. `amounts` says 1 to count, 0 to
 * look, -1 to give back. The first statement locks, in an order that is the same for every caller; the second sees what those
 * who held the locks before have written.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`create function take_counters(now_ms bigint, keys text[], most bigint[], spans bigint[], amounts bigint[])
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
    from given join ephemeral using (key), string_to_table(value, ',') as entry
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
}
