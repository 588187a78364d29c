import type { Clock } from '../base/clock.ts'
import { deleteInBatches } from './batches.ts'
import { besides, type Counter, countOf, type EphemeralStore } from './ephemeral.ts'
import { olderValues } from './older-time.ts'
import type { Database } from './postgres.ts'
import * as statements from './table-statements.ts'

interface Options {
  readonly database: Database
  readonly clock: Clock
}

/** The store in PostgreSQL; expired values stay in it until somebody sweeps. */
export interface TableStore extends EphemeralStore {
  /** Deletes what has expired, in batches small enough not to be noticed. */
  sweep(): Promise<void>
}

/** The store over an UNLOGGED table, for installations without Redis. Every operation is one statement. */
export function tableStore({ database, clock }: Options): TableStore {
  const end = (ttlSeconds: number) => Math.ceil(clock() + ttlSeconds * 1000)
  const write = async (statement: statements.Statement, values: readonly unknown[]) =>
    (await database.commitQuery<{ value: string }>({ ...statement, values })).rows[0]?.value

  return {
    async get<T>(key: string) {
      const { rows } = await database.readQuery<{ value: string }>({ ...statements.get, values: [key, clock()] })
      return parse<T>(rows[0]?.value)
    },
    async set(key, value, ttlSeconds) {
      await write(statements.set, [key, text(value), end(ttlSeconds)])
    },
    async add(key, value, ttlSeconds) {
      return (await write(statements.add, [key, text(value), end(ttlSeconds), clock()])) !== undefined
    },
    async release(key, released) {
      await write(statements.release, [key, text(released)])
    },
    async take<T>(key: string) {
      return parse<T>(await write(statements.take, [key, clock()]))
    },
    async increment(key, ttlSeconds) {
      return Number(await write(statements.increment, [key, end(ttlSeconds), clock()]))
    },
    async count(counters) {
      const beside = besides(counters)
      const columns = [
        counters.map(({ key }) => key),
        counters.map(({ max }) => max),
        counters.map(({ seconds }) => seconds * 1000),
        counters.map(({ amount = 1 }) => amount),
        beside.map(({ other }) => other),
        beside.map(({ share }) => share),
        beside.map(({ first }) => first),
        counters.map(({ newSeconds = 0 }) => newSeconds * 1000),
      ]
      const { rows } = await database.commitQuery<{ is_taken: boolean; used: number; wait_ms: number; recent: number }>(
        {
          ...statements.count,
          values: [clock(), ...columns],
        },
      )
      const counts = rows.map(({ used, wait_ms: waitMs, recent }, index) =>
        countOf(counters[index] as Counter, { used, waitMs, recent }),
      )
      return { isCounted: rows.every(({ is_taken }) => is_taken), counts }
    },
    async delete(...keys) {
      await write(statements.remove, [keys])
    },
    async sweep() {
      await deleteInBatches(async (limit) => {
        const values = [...olderValues(clock), limit]
        const { rows } = await database.commitQuery<{ count: number }>({ ...statements.sweep, values })
        return rows[0]?.count ?? 0
      })
    },
    async ping() {
      await write(statements.set, ['ping', '', end(pingSeconds)])
    },
    /** The database is closed by whoever opened it. */
    async close() {},
  }
}

/** How long the value stays that shows whether any can be stored. */
const pingSeconds = 60

/** JSON has no word for undefined, and the column wants one. */
function text(value: unknown): string {
  return JSON.stringify(value) ?? ''
}

function parse<T>(value: string | undefined): T | undefined {
  return value === undefined || value === '' ? undefined : (JSON.parse(value) as T)
}
