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
