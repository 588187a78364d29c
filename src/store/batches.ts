import { setTimeout as delay } from 'node:timers/promises'

const mostRows = 500
/** Nothing is deleted for so many times as long as a batch took: requests have the database to themselves mostly. */
const pauses = 3

/**
 * Deletes in batches small enough not to be noticed, until one is not full; answers how many rows. `deleteSome` deletes
 * as many as it is told at most, and answers how many that were.
 */
export async function deleteInBatches(deleteSome: (limit: number) => Promise<number>): Promise<number> {
  for (let total = 0; ; ) {
    const beganAtMs = performance.now()
    const count = await deleteSome(mostRows)
    total += count
    if (count < mostRows) return total
    await delay((performance.now() - beganAtMs) * pauses)
  }
}
