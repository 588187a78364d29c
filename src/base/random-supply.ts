import { randomBytes } from 'node:crypto'

const together = 256

/** Gives random bytes of one length, of which many are made at once: a few cost as much as many. */
export function randomSupply(length: number): () => Buffer {
  let supply = Buffer.alloc(0)
  let used = 0
  return () => {
    if (used === supply.length) {
      // A new one, because whoever has been given bytes may still hold them.
      supply = randomBytes(length * together)
      used = 0
    }
    used += length
    return supply.subarray(used - length, used)
  }
}
