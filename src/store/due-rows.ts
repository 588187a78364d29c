import type { Clock } from '../base/clock.ts'
import type { Database } from './postgres.ts'

/** A table whose rows each stand for something to be sent; it has `id`, `due_at` and `attempts`. */
export interface DueTable {
  readonly table: string
  /** What a row is read by, beside its id and attempts. */
  readonly columns: readonly string[]
  /** Seconds before the second attempt, the third …; after the last one it is given up, or tried at that pause. */
  readonly pausesSeconds: readonly number[]
  /**
   * Of rows that are alike in these columns, one is not sent before those with a lower `id` are over. An index by these
   * columns and the id finds those.
   */
  readonly inOrderOf?: readonly string[]
}

/** A row that this process has taken for one attempt. */
export interface DueRow {
  readonly id: number | string
  /** This attempt included. */
  readonly attempts: number
}

/** Seconds for which a process reserves the rows it has taken; should it die, another one tries after that. */
const leaseSeconds = 60
const batch = 20

/**
 * Sends what is due, each row by one process, which takes it by one conditional write. A row that was sent, or given
 * up, goes; one that failed comes again after a pause. Answers how many were tried.
 */
export async function sendDue<Row extends DueRow>(
  { database, clock }: { readonly database: Database; readonly clock: Clock },
  { table, columns, pausesSeconds, inOrderOf }: DueTable,
  send: (row: Row) => Promise<'failed' | 'over'>,
): Promise<number> {
  const startedMs = clock()
  const text = inOrderOf ? inOrderText(table, columns, inOrderOf) : takeText(table, columns)
  const times = { now: new Date(startedMs), until: new Date(startedMs + leaseSeconds * 1000) }
  const { rows } = await database.knex.raw<{ rows: readonly Row[] }>(text, times)
  await Promise.all(
    rows.map(async (row) => {
      const outcome = await send(row)
      const own = database.knex(table).where({ id: row.id })
      if (outcome === 'over') {
        if (inOrderOf === undefined) return own.delete()
        return database.knex.raw(overText(table, inOrderOf), { id: row.id, now: new Date(clock()) })
      }
      const pause = pausesSeconds[row.attempts - 1] ?? pausesSeconds.at(-1) ?? 0
      // Only while nobody else has taken it since, because this attempt took longer than it may.
      return own.where({ attempts: row.attempts }).update({ due_at: new Date(startedMs + pause * 1000) })
    }),
  )
  return rows.length
}

type Columns = readonly string[]

const takeText = (table: string, columns: Columns) => `
  update ${table} set due_at = :until, attempts = attempts + 1
  where id in (select id from ${table} due where due_at <= :now
    order by due_at limit ${batch} for update skip locked)
  returning ${['id', 'attempts', ...columns].join(', ')}`

const alikeText = (inOrderOf: Columns, [one, other]: readonly [string, string]) =>
  inOrderOf.map((column) => `${one}.${column} = ${other}.${column}`).join(' and ')

/**
 * The same, but what is behind another row becomes due with that one: a receiver that is away for a week would have
 * everything that waits for it looked at every second.
 */
const inOrderText = (table: string, columns: Columns, inOrderOf: Columns) => `
  with due as (
    select id, (select earlier.due_at from ${table} earlier where ${alikeText(inOrderOf, ['earlier', 'looked'])}
      and earlier.id < looked.id order by ${inOrderOf.map((column) => `earlier.${column}, `).join('')}earlier.id limit 1) as behind
    from ${table} looked where due_at <= :now order by due_at limit ${batch} for update of looked skip locked
  ), held as (
    update ${table} held set due_at = greatest(due.behind, cast(:now as timestamptz) + interval '1 second')
    from due where held.id = due.id and due.behind is not null
  )
  update ${table} set due_at = :until, attempts = attempts + 1
  where id in (select id from due where behind is null)
  returning ${['id', 'attempts', ...columns].join(', ')}`

/** A row that is over goes, and the next one of its order is due at once. */
const overText = (table: string, inOrderOf: Columns) => `
  with over as (delete from ${table} where id = :id returning *)
  update ${table} next set due_at = least(next.due_at, :now)
  from over cross join lateral (
    select id from ${table} later where ${alikeText(inOrderOf, ['later', 'over'])} and later.id > over.id
    order by ${inOrderOf.map((column) => `later.${column}, `).join('')}later.id limit 1
  ) first where next.id = first.id`

/** Whether a row that failed again is to be given up. */
export function isLastAttempt({ attempts }: DueRow, { pausesSeconds }: DueTable): boolean {
  return attempts > pausesSeconds.length
}
