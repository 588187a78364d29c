import type { Knex } from 'knex'
import type { Clock } from '../base/clock.ts'

/** How far apart the clocks of a process and of its database may be. */
export const mostApartMs = 30_000

/**
 * The older of two clocks, this process's and the database's, in milliseconds since the epoch, as SQL over two
 * parameters, which are the values of `olderValues`. As a query of its own it is worked out once, so that PostgreSQL
 * finds by an index what is compared to it; compared to a clock that it reads for each row, it would read the whole
 * table. SECURITY: what cannot be undone goes by it, because a process whose clock has run ahead would delete what
 * everybody else still needs.
 */
export function olderMsText(clock: string, ahead: string): string {
  return `(select least(cast(${clock} as float8), cast(extract(epoch from clock_timestamp()) as float8) * 1000 + cast(${ahead} as float8)))`
}

/** The time of this process without what it was moved ahead on purpose. */
export function olderValues(clock: Clock): readonly [clockMs: number, aheadMs: number] {
  return [clock(), aheadMs(clock)]
}

/**
 * Asks the database for the older of the two clocks, and by how much the process is ahead of the database; negative
 * where it is behind.
 */
export async function olderMs(
  { knex }: { readonly knex: Knex },
  clock: Clock,
): Promise<{ readonly atMs: number; readonly apartMs: number }> {
  const started = performance.now()
  // Both are read at one moment, because the clock may be moved while the database answers.
  const [before, ahead] = olderValues(clock)
  const { rows } = await knex.raw<{ rows: [{ now: number }] }>(
    'select cast(extract(epoch from clock_timestamp()) as float8) * 1000 as now',
  )
  const tookMs = performance.now() - started
  const databaseMs = rows[0].now + ahead
  // The database answered at some moment in between.
  const least = before - databaseMs
  const most = least + tookMs
  const apartMs = Math.max(least, 0) + Math.min(most, 0)
  return { atMs: Math.min(before, databaseMs), apartMs }
}

function aheadMs(clock: Clock): number {
  return clock.aheadMs?.() ?? 0
}

/** The time of this process as the world has it. */
export function worldMs(clock: Clock): number {
  return clock() - aheadMs(clock)
}
