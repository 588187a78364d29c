import type { Clock } from '../base/clock.ts'
import type { Database } from './postgres.ts'

/** A table whose rows each stand for something to be sent; it has `id`, `due_at` and `attempts`. */
export interface DueTable {
  readonly table: string
  /** What a row is read by, beside its id and attempts. */
  readonly columns: readonly string[]
  /** Seconds before the second attempt, the third …; after the last one it is given up, or tried at that pause. */
  readonly pausesSeconds: readonly number[]
  /** Of rows that are alike in these columns, one is not sent before those with a lower `id` are over. */
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
  const alike = inOrderOf?.map((column) => `earlier.${column} = due.${column}`).join(' and ')
  const isFirst =
    alike === undefined ? 'true' : `not exists (select from ${table} earlier where ${alike} and earlier.id < due.id)`
  const { rows } = await database.knex.raw<{ rows: readonly Row[] }>(
    `update ${table} set due_at = :until, attempts = attempts + 1
     where id in (select id from ${table} due where due_at <= :now and ${isFirst}
       order by due_at limit ${batch} for update skip locked)
     returning ${['id', 'attempts', ...columns].join(', ')}`,
    { now: new Date(startedMs), until: new Date(startedMs + leaseSeconds * 1000) },
  )
  await Promise.all(
    rows.map(async (row) => {
      const outcome = await send(row)
      const own = database.knex(table).where({ id: row.id })
      if (outcome === 'over') return own.delete()
      const pause = pausesSeconds[row.attempts - 1] ?? pausesSeconds.at(-1) ?? 0
      // Only while nobody else has taken it since, because this attempt took longer than it may.
      return own.where({ attempts: row.attempts }).update({ due_at: new Date(startedMs + pause * 1000) })
    }),
  )
  return rows.length
}

/** Whether a row that failed again is to be given up. */
export function isLastAttempt({ attempts }: DueRow, { pausesSeconds }: DueTable): boolean {
  return attempts > pausesSeconds.length
}
