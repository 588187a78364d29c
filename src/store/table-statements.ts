/** A statement of the table store; the values come with each call, the time among them. */
export interface Statement {
  readonly name: string
  readonly text: string
}

export const get: Statement = {
  name: 'ephemeral_get',
  text: 'select value from ephemeral where key = $1 and expires_at_ms > $2',
}

export const set: Statement = {
  name: 'ephemeral_set',
  text: `insert into ephemeral (key, value, expires_at_ms) values ($1, $2, $3)
    on conflict (key) do update set value = excluded.value, expires_at_ms = excluded.expires_at_ms`,
}

/** A row is returned only to the caller whose value was stored. */
export const add: Statement = {
  name: 'ephemeral_add',
  text: `insert into ephemeral as kept (key, value, expires_at_ms) values ($1, $2, $3)
    on conflict (key) do update set value = excluded.value, expires_at_ms = excluded.expires_at_ms
    where kept.expires_at_ms <= $4
    returning value`,
}

export const take: Statement = {
  name: 'ephemeral_take',
  text: 'delete from ephemeral where key = $1 and expires_at_ms > $2 returning value',
}

export const increment: Statement = {
  name: 'ephemeral_increment',
  text: `insert into ephemeral as kept (key, value, expires_at_ms) values ($1, '1', $2)
    on conflict (key) do update set
      value = case when kept.expires_at_ms > $3 then (kept.value::bigint + 1)::text else '1' end,
      expires_at_ms = case when kept.expires_at_ms > $3 then kept.expires_at_ms else excluded.expires_at_ms end
    returning value`,
}

/**
 * The value is the wait of the latest call and, after a bar, the times of the counted events: the row is written even by a refused
 * call, so that its lock makes read, decision and answer one step. A window of max events is full while the event that lies max
 * places back is still inside it.
 */
export const hit: Statement = {
  name: 'ephemeral_hit',
  text: `insert into ephemeral as kept (key, value, expires_at_ms) values ($1, '0|' || $2::bigint, $2::bigint + $5::bigint)
    on conflict (key) do update set (value, expires_at_ms) = (
      select
        wait || '|' || array_to_string(case when wait > 0 then events else (events || $2::bigint)[cardinality(events) + 2 - $6::int :] end, ','),
        case when wait > 0 then kept.expires_at_ms else $2::bigint + $5::bigint end
      from (select string_to_array(split_part(kept.value, '|', 2), ',')::bigint[] as events) as known,
        lateral (
          select greatest(0, max(events[cardinality(events) + 1 - max_events] + span - $2::bigint)) as wait
          from unnest($3::int[], $4::bigint[]) as windows (max_events, span)
        ) as decided
    )
    returning split_part(value, '|', 1) as value`,
}

/** Time, then keys, most events, lengths and amounts of the counters → whether they were taken, and what each says. */
export const count: Statement = {
  name: 'ephemeral_count',
  text: 'select is_taken, used, wait_ms from take_counters($1, $2, $3, $4, $5)',
}

export const remove: Statement = { name: 'ephemeral_delete', text: 'delete from ephemeral where key = $1' }

/** Rows somebody is writing are left for the next sweep. */
export const sweep: Statement = {
  name: 'ephemeral_sweep',
  text: `delete from ephemeral where key in (
    select key from ephemeral where expires_at_ms <= $1 order by expires_at_ms limit $2 for update skip locked
  )`,
}
