const mostRows = 1000

/**
 * Deletes in batches small enough not to be noticed, until one is not full; answers how many rows. `deleteSome` deletes
 * as many as it is told at most, and answers how many that were.
 */
export async function deleteInBatches(deleteSome: (limit: number) => Promise<number>): Promise<number> {
  for (let total = 0; ; ) {
    const count = await deleteSome(mostRows)
    total += count
    if (count < mostRows) return total
  }
}
