// A counter ends later with everything it counts. Its end was in an index, by which the sweep found it, so that each count got new
// entries in both indexes of the table. The sweep now looks at a value at a minute that later writes leave alone.
import type { Knex } from 'knex'

/**
 * A server of the version before writes values without it: those the sweep looks at next. Its own sweep reads the table
 * without the index, which is small. `take_counters` is as before but for that minute.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table ephemeral add column sweep_minute integer not null default 0')
  await knex.raw(
    `comment on column ephemeral.sweep_minute is 'minutes since 1970 at which the sweep looks whether the value can go; later writes leave it alone'`,
  )
  await knex.raw('create index ephemeral_sweep_minute_idx on ephemeral (sweep_minute)')
  await knex.raw('drop index ephemeral_expiry')
  await knex.raw(`create or replace function take_counters(
  now_ms bigint, keys text[], most bigint[], spans bigint[], amounts bigint[], others bigint[], shares bigint[],
  firsts bigint[], fresh bigint[])
returns table (is_taken boolean, used bigint, wait_ms bigint, recent bigint)
language plpgsql as $$
#variable_conflict use_column
begin
  perform pg_advisory_xact_lock(20261129, hash)
    from (select distinct hashtext(key) as hash from unnest(keys) as key order by 1) as ordered;
  return query
  with asked as (
    select n, key, room, span, amount, greatest(amount, 1) as need, other, share, first, fresh,
      case when room > 60 then span / 60 else 1 end as step
    from unnest(keys, most, spans, amounts, others, shares, firsts, fresh)
      with ordinality as asked (key, room, span, amount, other, share, first, fresh, n)
  ), kept as (
    select n, split_part(entry, ':', 1)::bigint as at, split_part(entry, ':', 2)::bigint as events
    from asked
      cross join lateral (select value from ephemeral e where e.key = asked.key offset 0) as counter,
      string_to_table(value, ',') as entry
    where split_part(entry, ':', 1)::bigint + span > now_ms
  ), before as (
    select n, coalesce(sum(events), 0)::bigint as total,
      coalesce(sum(events) filter (where fresh > 0 and at > now_ms - fresh), 0)::bigint as recent
    from asked left join kept using (n) group by n
  ), given as (
    select asked.*, coalesce(asked.first <> asked.n and single.total + least(one.amount, 0) > 0, false) as again
    from asked left join before as single on single.n = asked.first left join asked as one on one.n = asked.first
  ), decided as (
    select bool_and(amount < 0 or again or own.total + need <= room
      or coalesce(beside.total * 100 >= share * (own.total - least(own.recent, beside.recent)), false)) as fits
    from given join before as own using (n) left join before as beside on beside.n = other
  ), changed as (
    select n, at, sum(events)::bigint as events
    from (
      select n, at, events from kept
      union all
      select n, case when amount <= 0 then (select max(at) from kept where kept.n = given.n)
        else coalesce((select min(at) from kept where first = given.n and kept.n = given.n),
          (now_ms + step - 1) / step * step) end, amount
      from given, decided where fits and amount <> 0 and not again
    ) as entries
    group by n, at having sum(events) > 0
  ), written as (
    insert into ephemeral (key, value, expires_at_ms, sweep_minute)
    select key, coalesce(string_agg(at || ':' || events, ',' order by at), ''), coalesce(max(at), now_ms) + span,
      cast((coalesce(max(at), now_ms) + span) / 60000 + 1 as integer)
    from decided, given left join changed using (n)
    where fits and amount <> 0 and not again group by key, span
    on conflict (key) do update set value = excluded.value, expires_at_ms = excluded.expires_at_ms
  ), after as (
    select n, coalesce(sum(events), 0)::bigint as total,
      coalesce(sum(events) filter (where fresh > 0 and at > now_ms - fresh), 0)::bigint as recent
    from given left join changed using (n) group by n
  ), running as (
    select n, at, sum(events) over (partition by n order by at) as gone from changed
  )
  select fits, own.total, case
      when again or own.total + need <= room then 0
      when coalesce(beside.total * 100 >= share * (own.total - least(own.recent, beside.recent)), false) then 0
      else coalesce(min(at + span - now_ms) filter (where own.total - gone + need <= room), span) end, own.recent
  from decided, given join after as own using (n) left join after as beside on beside.n = other
    left join running on running.n = given.n
  group by fits, given.n, room, span, need, share, again, own.total, own.recent, beside.total, beside.recent order by given.n;
end
$$`)
}
