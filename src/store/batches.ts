import { setTimeout as delay } from 'node:timers/promises'

const mostRows = 500
/** Nothing is deleted for so many times as long as a batch took: requests have the database to themselves mostly. */
const pauses = 3

/**
 * Deletes in batches small enough not to be noticed, until one is not full. `deleteSome` takes as many rows as it is
 * told at most, and answers how many those were.
 */
export async function deleteInBatches(deleteSome: (limit: number) => Promise<number>): Promise<void> {
  for (;;) {
    const beganAtMs = performance.now()
    if ((await deleteSome(mostRows)) < mostRows) return
    await delay((performance.now() - beganAtMs) * pauses)
  }
}

/**
 * The places of so many rows of a table that a condition names, the oldest first, as SQL with one parameter. PostgreSQL
 * does not know a time that it works out itself when it plans, and takes a third of all rows for older: without the
 * order it would read the table from its beginning in search of some.
 */
export function oldestSql(table: string, column: string, condition: string): string {
  return `any(array(select ctid from ${table} where ${condition} order by ${column} limit ? for update skip locked))`
}
