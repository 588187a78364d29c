// Rows of two days stay, and an hour wants sixty of them: the condition must be one that the key of the table answers.
import type { Knex } from 'knex'

/**
 * As before, but only rows of the window are read. Behind `offset 0` PostgreSQL finds them by the key for one pot after
 * the other, whatever it takes the table for when a connection makes its plan.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`create or replace function take_money(
  now_ms bigint, countries text[], pers text[], parts text[], most bigint[], spans bigint[], amounts bigint[])
returns table (is_taken boolean, used bigint, wait_ms bigint)
language plpgsql as $$
#variable_conflict use_column
begin
  if exists (select from unnest(amounts) as amount where amount <> 0) then
    perform pg_advisory_xact_lock(20261201, hash)
      from (select distinct hashtext(country) as hash from unnest(countries) as country order by 1) as ordered;
  end if;
  return query
  with given as (
    select n, country, per, part, room, span, amount, greatest(amount, 1) as need, span / 60 as step
    from unnest(countries, pers, parts, most, spans, amounts)
      with ordinality as asked (country, per, part, room, span, amount, n)
  ), kept as (
    select n, until_ms, case part when 'open' then open when 'member' then member else total end as units
    from given cross join lateral (
      select until_ms, open, member, total from money_spent m
      where m.country = given.country and m.per = given.per and m.until_ms > now_ms - span offset 0
    ) as spent
  ), before as (
    select n, coalesce(sum(units), 0)::bigint as units from given left join kept using (n) group by n
  ), decided as (
    select bool_and(amount < 0 or units + need <= room) as fits from given join before using (n)
  ), paid as (
    insert into money_spent as spent (country, per, until_ms, open, member, total)
    select country, per, (now_ms + step - 1) / step * step, coalesce(sum(amount) filter (where part = 'open'), 0),
      coalesce(sum(amount) filter (where part = 'member'), 0), coalesce(sum(amount) filter (where part = 'total'), 0)
    from given, decided where fits and amount > 0 group by country, per, step
    on conflict (country, per, until_ms) do update set open = spent.open + excluded.open,
      member = spent.member + excluded.member, total = spent.total + excluded.total
  ), back as (
    select country, per, part, amount, max(until_ms) as until_ms
    from given join kept using (n) where amount < 0 and units > 0 group by country, per, part, amount
  ), latest as (
    select country, per, until_ms, coalesce(sum(amount) filter (where part = 'open'), 0) as open,
      coalesce(sum(amount) filter (where part = 'member'), 0) as member,
      coalesce(sum(amount) filter (where part = 'total'), 0) as total
    from back group by country, per, until_ms
  ), returned as (
    update money_spent as spent set open = greatest(spent.open + latest.open, 0),
      member = greatest(spent.member + latest.member, 0), total = greatest(spent.total + latest.total, 0)
    from latest, decided
    where fits and spent.country = latest.country and spent.per = latest.per and spent.until_ms = latest.until_ms
  ), changed as (
    select n, until_ms, greatest(sum(units), 0)::bigint as units
    from (
      select n, until_ms, units from kept
      union all
      select n, case when amount > 0 then (now_ms + step - 1) / step * step
        else (select max(until_ms) from kept where kept.n = given.n and units > 0) end, amount
      from given, decided where fits and amount <> 0
    ) as entries
    group by n, until_ms
  ), after as (
    select n, coalesce(sum(units), 0)::bigint as units from given left join changed using (n) group by n
  ), running as (
    select n, until_ms, sum(units) over (partition by n order by until_ms) as gone from changed
  )
  select fits, after.units, case when after.units + need <= room then 0
      else coalesce(min(until_ms + span - now_ms) filter (where after.units - gone + need <= room), span) end
  from decided, given join after using (n) left join running using (n)
  group by fits, given.n, room, span, need, after.units order by given.n;
end
$$`)
}
