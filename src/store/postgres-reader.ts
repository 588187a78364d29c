import type pg from 'pg'
import type { PrimaryClient } from './postgres-client.ts'
import { breaksConnection, storeError } from './postgres-errors.ts'
import type { NamedStatement, QueryResult } from './statement.ts'

/** Sends reads over one connection without waiting for the answer of the one before. */
export interface Reader {
  query<Row extends object>(statement: NamedStatement): Promise<QueryResult<Row>>
  /** Has the next read look whether the host still takes writes: a standby reads on, from a time that has passed. */
  doubt(): void
  close(): Promise<void>
}

/** A proxy may keep a connection to a host that was demoted, so this is looked at without any sign of it too. */
const confirmAfterMs = 60_000

/**
 * One pipelined connection, made at the first read and again after it is lost. Reads that were under way fail and may
 * be repeated.
 */
export function pipelinedReader(newClient: () => PrimaryClient, onError: (error: Error) => void): Reader {
  let current: Promise<PrimaryClient> | undefined
  let closed = false
  let confirmedMs = 0

  function connect(): Promise<PrimaryClient> {
    const client = newClient()
    confirmedMs = performance.now()
    const connecting = client.connect().then(() => client)
    const forget = () => {
      if (current === connecting) current = undefined
    }
    connecting.catch(forget)
    client.on('end', forget)
    client.on('error', (error) => {
      forget()
      onError(error)
    })
    return connecting
  }

  function drop(used: Promise<PrimaryClient>, client: PrimaryClient): void {
    if (current !== used) return
    current = undefined
    client.end().catch(() => {})
  }

  /** Nobody waits for the answer. */
  function confirm(used: Promise<PrimaryClient>, client: PrimaryClient): void {
    confirmedMs = performance.now()
    client.confirm().catch((error) => {
      drop(used, client)
      onError(error)
    })
  }

  return {
    async query<Row extends object>(statement: NamedStatement) {
      try {
        if (closed) throw new Error('Client was closed and is not queryable')
        current ??= connect()
        const used = current
        const client = await used
        sendTogether(client)
        if (performance.now() - confirmedMs > confirmAfterMs) confirm(used, client)
        return await client.query<Row>(statement as pg.QueryConfig).catch((error) => {
          if (breaksConnection(error)) drop(used, client)
          throw error
        })
      } catch (error) {
        throw storeError(error)
      }
    },
    doubt() {
      confirmedMs = Number.NEGATIVE_INFINITY
    },
    async close() {
      closed = true
      const client = await current?.catch(() => undefined)
      await client?.end()
    },
  }
}

/**
 * What is asked in one turn of the event loop leaves in one write; a write for each read would wake PostgreSQL each
 * time.
 */
function sendTogether(client: pg.Client): void {
  const { stream } = client.connection
  if (stream.writableCorked > 0) return
  stream.cork()
  setImmediate(() => stream.uncork())
}
