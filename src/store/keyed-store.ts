import type { Counter, EphemeralStore } from './ephemeral.ts'

/**
 * The same store, with each key replaced by one that the caller computes, so that nobody can read from the store what a
 * key stands for (a phone number).
 */
export function keyedStore(store: EphemeralStore, keyOf: (key: string) => string): EphemeralStore {
  const named = ({ unless, once, ...counter }: Counter): Counter => ({
    ...{ ...counter, key: keyOf(counter.key) },
    ...(unless && { unless: { ...unless, key: keyOf(unless.key) } }),
    ...(once !== undefined && { once: keyOf(once) }),
  })
  return {
    ...store,
    get: (key) => store.get(keyOf(key)),
    set: (key, value, ttlSeconds) => store.set(keyOf(key), value, ttlSeconds),
    add: (key, value, ttlSeconds) => store.add(keyOf(key), value, ttlSeconds),
    release: (key, text) => store.release(keyOf(key), text),
    take: (key) => store.take(keyOf(key)),
    increment: (key, ttlSeconds) => store.increment(keyOf(key), ttlSeconds),
    count: (counters) => store.count(counters.map(named)),
    delete: (...keys) => store.delete(...keys.map(keyOf)),
  }
}
