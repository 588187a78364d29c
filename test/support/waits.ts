import type { World } from './world.ts'

/** Counts every wait for a store, whoever asks: named statements, knex, and each operation on short-lived values. */
export function countWaits(world: World, names: readonly string[] = everything): () => number {
  let waits = 0
  const { database, store } = world.app.core
  const wrap = <T extends object>(target: T, name: keyof T) => {
    const original = target[name] as (...values: unknown[]) => unknown
    target[name] = ((...values: unknown[]) => {
      waits += 1
      return original.apply(target, values)
    }) as T[keyof T]
  }
  for (const name of ['readQuery', 'commitQuery'] as const) if (names.includes(name)) wrap(database, name)
  for (const name of ['get', 'set', 'add', 'take', 'increment', 'count', 'delete'] as const) {
    if (names.includes(name)) wrap(store, name)
  }
  database.knex.on('query', (query: { sql: string }) => {
    if (
      names.includes('knex') &&
      !/catalog_versions|into servers|logout_notices|upstream_revocations|update owner_messages|update account_deletions set due_at|update data_export_requests|update client_events|update alarms|from "identity_changes"|clock_timestamp/.test(
        query.sql,
      )
    )
      waits += 1
  })
  return () => {
    const counted = waits
    waits = 0
    return counted
  }
}

const everything = ['readQuery', 'commitQuery', 'get', 'set', 'add', 'take', 'increment', 'count', 'delete', 'knex']
