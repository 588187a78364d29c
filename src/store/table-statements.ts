import { sweepMinuteSql, sweepParts } from './sweep-minute.ts'

/** A statement of the table store; the values come with each call, the time among them. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/** Parameters: key, time. */
export const get: Statement = {
  name: 'ephemeral_get',
  text: 'select value from ephemeral where key = $1 and expires_at_ms > $2',
}

/** From when on a value may be deleted, in seconds, from its end in milliseconds, as SQL. */
const endSeconds = (endMs: string) => `(cast(${endMs} as float8) / 1000)`
/** Later writes leave the minute alone in which the sweep first looks at a value. */
const given = (value: string, endMs: string) =>
  `(key, value, expires_at_ms, sweep_minute)
    values ($1, ${value}, ${endMs}, ${sweepMinuteSql(endSeconds(`${endMs}::bigint`))})`

/** Parameters: key, value, end. */
export const set: Statement = {
  name: 'ephemeral_set',
  text: `insert into ephemeral ${given('$2', '$3')}
    on conflict (key) do update set value = excluded.value, expires_at_ms = excluded.expires_at_ms`,
}

/** A row is returned only to the caller whose value was stored. */
export const add: Statement = {
  name: 'ephemeral_add',
  text: `insert into ephemeral as kept ${given('$2', '$3')}
    on conflict (key) do update set value = excluded.value, expires_at_ms = excluded.expires_at_ms
    where kept.expires_at_ms <= $4
    returning value`,
}

/** Parameters: key, value. */
export const release: Statement = {
  name: 'ephemeral_release',
  text: 'delete from ephemeral where key = $1 and value = $2',
}

/** Parameters: key, time. */
export const take: Statement = {
  name: 'ephemeral_take',
  text: 'delete from ephemeral where key = $1 and expires_at_ms > $2 returning value',
}

/** Parameters: key, end of a window that begins now, time. */
export const increment: Statement = {
  name: 'ephemeral_increment',
  text: `insert into ephemeral as kept ${given("'1'", '$2')}
    on conflict (key) do update set
      value = case when kept.expires_at_ms > $3 then (kept.value::bigint + 1)::text else '1' end,
      expires_at_ms = case when kept.expires_at_ms > $3 then kept.expires_at_ms else excluded.expires_at_ms end
    returning value`,
}

/**
 * Time, then keys, most events, lengths and amounts of the counters, places of those beside them and the shares these
 * must have, places of those of a single thing, and for how long events are new → whether they were taken, and what
 * each says.
 */
export const count: Statement = {
  name: 'ephemeral_count',
  text: 'select is_taken, used, wait_ms, recent from take_counters($1, $2, $3, $4, $5, $6, $7, $8, $9)',
}

/** Parameter: keys. The rows are locked in one order, so that two of these cannot wait for each other. */
export const remove: Statement = {
  name: 'ephemeral_delete',
  text: `delete from ephemeral where key in (
    select key from ephemeral where key = any($1::text[]) order by key for update
  )`,
}

const { gone, kept } = sweepParts({
  table: 'ephemeral',
  endSeconds: endSeconds('expires_at_ms'),
  parameters: ['$1', '$2', '$3'],
})

/** Parameters: the clocks, most rows → how many were looked at. */
export const sweep: Statement = {
  name: 'ephemeral_sweep',
  text: `${gone}, ${kept} select count(*)::int as count from due`,
}
