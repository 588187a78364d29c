import { randomUUID } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'

const key = 'counters-mark'
const markSeconds = 7 * 86_400
const renewMs = 86_400_000

interface Dependencies {
  readonly store: Pick<EphemeralStore, 'get' | 'set' | 'add'>
  readonly clock: Clock
  /** Called once by every process that knew the store before it came back empty. */
  readonly onLost: () => void
}

/**
 * Makes what looks, from time to time, whether the store still has what it has counted. It leaves a mark there: when
 * that has gone, or is another one, everything else has gone with it.
 */
export function countersWatch({ store, clock, onLost }: Dependencies): () => Promise<void> {
  let seen: string | undefined
  let renewedAt = Number.NEGATIVE_INFINITY

  return async () => {
    const found = (await store.get<string>(key)) ?? (await left())
    // A mark that nobody has renewed for so long, as while this machine slept, has ended by itself.
    const couldLast = clock() - renewedAt < markSeconds * 1000
    if (seen !== undefined && found !== seen && couldLast) onLost()
    seen = found
    if (clock() - renewedAt < renewMs) return
    await store.set(key, found, markSeconds)
    renewedAt = clock()
  }

  /** The mark of this process, or that of another one which was faster. */
  async function left(): Promise<string> {
    const own = randomUUID()
    if (await store.add(key, own, markSeconds)) return own
    return (await store.get<string>(key)) ?? own
  }
}
