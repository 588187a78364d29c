import pg from 'pg'
import type { Clock } from '../base/clock.ts'
import { Secret } from '../base/secret.ts'
import type { EphemeralStore } from './ephemeral.ts'
import { type Link, type LinkEvents, listener } from './listener.ts'
import type { Database } from './postgres.ts'
import { storeError } from './postgres-errors.ts'
import * as statements from './table-statements.ts'
import { unavailable } from './unavailable.ts'
import { settledAnswer, waitSeconds, windowSet } from './windows.ts'

interface Options {
  readonly database: Database
  readonly clock: Clock
  /** Of the same database: messages are heard on a connection of their own. */
  readonly url: Secret | string
}

/** The store in PostgreSQL has to be swept by somebody. */
export interface TableStore extends EphemeralStore {
  /** Deletes what has expired, in batches small enough not to be noticed; answers how many rows. */
  sweep(): Promise<number>
}

const notifyChannel = 'menshen'
const longestPayloadBytes = 7999
const sweepBatch = 1000

/** The store over an UNLOGGED table, for installations without Redis. Every operation is one statement. */
export function tableStore({ database, clock, url }: Options): TableStore {
  const connectionString = url instanceof Secret ? url.reveal() : url
  const messages = listener((events) => link(connectionString, events))
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
    async take<T>(key: string) {
      return parse<T>(await write(statements.take, [key, clock()]))
    },
    async increment(key, ttlSeconds) {
      return Number(await write(statements.increment, [key, end(ttlSeconds), clock()]))
    },
    async hit(key, windows) {
      const settled = settledAnswer(windows)
      if (settled !== undefined) return settled
      const { longestMs, mostEvents, maxes, spansMs } = windowSet(windows)
      const waitMs = await write(statements.hit, [key, clock(), maxes, spansMs, longestMs, mostEvents])
      return waitSeconds(Number(waitMs))
    },
    async delete(key) {
      await write(statements.remove, [key])
    },
    async publish(channel, message) {
      const payload = JSON.stringify([channel, message])
      if (Buffer.byteLength(payload) > longestPayloadBytes) throw new RangeError('a message must stay under 8000 bytes')
      await write(statements.notify, [notifyChannel, payload])
    },
    async subscribe(channel, onMessage, onGap) {
      try {
        return await messages.subscribe(channel, onMessage, onGap)
      } catch (error) {
        throw unavailable(error)
      }
    },
    async sweep() {
      for (let total = 0; ; ) {
        const { rowCount } = await database.commitQuery({ ...statements.sweep, values: [clock(), sweepBatch] })
        total += rowCount ?? 0
        if ((rowCount ?? 0) < sweepBatch) return total
      }
    },
    async ping() {
      await database.readQuery({ ...statements.ping, values: [] })
    },
    close: () => messages.close(),
  }
}

async function link(connectionString: string, events: LinkEvents): Promise<Link> {
  const client = new pg.Client({
    connectionString,
    application_name: 'menshen messages',
    keepAlive: true,
    connectionTimeoutMillis: 3000,
    query_timeout: 3000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(`listen ${notifyChannel}`)
  } catch (error) {
    client.connection.stream.destroy()
    throw storeError(error)
  }
  client.on('end', events.lost)
  client.on('notification', ({ payload = '' }) => {
    const [channel, message] = JSON.parse(payload) as [string, string]
    events.message(channel, message)
  })
  return {
    async listen() {},
    async check() {
      await client.query('select 1')
    },
    close: () => client.connection.stream.destroy(),
  }
}

/** JSON has no word for undefined, and the column wants one. */
function text(value: unknown): string {
  return JSON.stringify(value) ?? ''
}

function parse<T>(value: string | undefined): T | undefined {
  return value === undefined || value === '' ? undefined : (JSON.parse(value) as T)
}
