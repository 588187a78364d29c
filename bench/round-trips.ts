import type { Core } from '../src/build/core.ts'

/**
 * Counts from now on, by kind, how often the running server waits for a store. Where the ephemeral store is made of tables, its
 * calls are already among those of the database. Costs little, but is kept out of measured slices.
 */
export function countRoundTrips(
  { database, store }: Pick<Core, 'database' | 'store'>,
  storeIsTables: boolean,
): Record<string, number> {
  const counts: Record<string, number> = { read: 0, commit: 0, knex: 0, store: 0 }
  wrap(database, 'readQuery', () => count('read'))
  wrap(database, 'commitQuery', () => count('commit'))
  database.knex.on('query', () => count('knex'))
  if (storeIsTables) return counts
  for (const name of ['get', 'set', 'add', 'take', 'increment', 'count', 'delete'] as const) {
    wrap(store, name, () => count('store'))
  }
  return counts

  function count(kind: string): void {
    counts[kind] = (counts[kind] ?? 0) + 1
  }
}

function wrap<T extends object>(target: T, name: keyof T & string, before: () => void): void {
  const original = target[name] as (...args: unknown[]) => unknown
  Object.assign(target, {
    [name]: (...args: unknown[]) => {
      before()
      return original.apply(target, args)
    },
  })
}
