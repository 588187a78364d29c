import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { EphemeralStore } from './ephemeral.ts'

/** Marks on what may be used once: of all that `add` the same key, one is told that it was first. */
export type ReplayMarks = Pick<EphemeralStore, 'add' | 'set'>

interface Dependencies {
  readonly store: ReplayMarks
  /** Where marks are made while `store` is away. */
  readonly tables: ReplayMarks
  readonly clock: Clock
}

/**
 * Marks that can be made while Redis is away, so that apps which prove a key can refresh. SECURITY: as long as a mark
 * of that time lives, both stores are asked, so that Redis, when it is back, does not let it pass again. What Redis
 * knew before it went away may pass once more, as whenever Redis loses its memory.
 */
export function replayMarks({ store, tables, clock }: Dependencies): ReplayMarks {
  let bothUntilMs = Number.NEGATIVE_INFINITY

  /** What the store says, or undefined where PostgreSQL has to be asked in its place. */
  async function unlessAway<T>(answer: Promise<T>, ttlSeconds: number): Promise<T | undefined> {
    try {
      return await answer
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'server.unavailable') throw error
      bothUntilMs = Math.max(bothUntilMs, clock() + ttlSeconds * 1000)
      return undefined
    }
  }

  return {
    async add(key, value, ttlSeconds) {
      const isFirst = await unlessAway(store.add(key, value, ttlSeconds), ttlSeconds)
      if (isFirst === false || clock() >= bothUntilMs) return isFirst === true
      return tables.add(key, value, ttlSeconds)
    },
    async set(key, value, ttlSeconds) {
      await unlessAway(store.set(key, value, ttlSeconds), ttlSeconds)
      if (clock() < bothUntilMs) await tables.set(key, value, ttlSeconds)
    },
  }
}
