// What messages have cost is the one counter that must not be lost: it lies in a table that is logged, and not beside
// the limits, in a Redis that may come back empty.
import type { Knex } from 'knex'

/**
 * One row for each sixtieth of an hour and of a day. `open`, `member` and `total` are parts of one pot: what is spent
 * for a stranger is counted in all three. `take_money` counts in all of what it is given or, where one has no room, in
 * none: amounts above 0 are spent, 0 looks for room for one, below 0 is given back, of the latest. Whoever spends in a
 * country waits for whoever does so at the moment, so that together they never spend more than there is; whoever looks
 * waits for nobody.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table money_spent (
      country text not null,
      per text not null,
      until_ms bigint not null,
      open bigint not null,
      member bigint not null,
      total bigint not null,
      constraint money_spent_pkey primary key (country, per, until_ms)
    )
  `)
  await knex.raw(`comment on table money_spent is 'what messages have cost'`)
  await knex.raw(`create function take_money(
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
    from given join money_spent using (country, per)
    where until_ms + span > now_ms
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
