import type { EphemeralStore } from './ephemeral.ts'

/**
 * The same store, with each key replaced by one that the caller computes, so that nobody can read from the store what a
 * key stands for (a phone number).
 */
export function keyedStore(store: EphemeralStore, keyOf: (key: string) => string): EphemeralStore {
  return {
    ...store,
    get: (key) => store.get(keyOf(key)),
    set: (key, value, ttlSeconds) => store.set(keyOf(key), value, ttlSeconds),
    add: (key, value, ttlSeconds) => store.add(keyOf(key), value, ttlSeconds),
    release: (key, text) => store.release(keyOf(key), text),
    take: (key) => store.take(keyOf(key)),
    increment: (key, ttlSeconds) => store.increment(keyOf(key), ttlSeconds),
    count: (counters) => store.count(counters.map((each) => ({ ...each, key: keyOf(each.key) }))),
    delete: (...keys) => store.delete(...keys.map(keyOf)),
  }
}
