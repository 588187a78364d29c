import type pg from 'pg'
import { breaksConnection, storeError } from './postgres-errors.ts'
import type { NamedStatement, QueryResult } from './statement.ts'

/** Sends reads over one connection without waiting for the answer of the one before. */
export interface Reader {
  query<Row extends object>(statement: NamedStatement): Promise<QueryResult<Row>>
  close(): Promise<void>
}

/**
 * One pipelined connection, made at the first read and again after it is lost. Reads that were under way fail and may
 * be repeated.
 */
export function pipelinedReader(newClient: () => pg.Client, onError: (error: Error) => void): Reader {
  let current: Promise<pg.Client> | undefined
  let closed = false

  function connect(): Promise<pg.Client> {
    const client = newClient()
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

  return {
    async query<Row extends object>(statement: NamedStatement) {
      try {
        if (closed) throw new Error('Client was closed and is not queryable')
        current ??= connect()
        const used = current
        const client = await used
        sendTogether(client)
        return await client.query<Row>(statement as pg.QueryConfig).catch((error) => {
          if (breaksConnection(error) && current === used) {
            current = undefined
            client.end().catch(() => {})
          }
          throw error
        })
      } catch (error) {
        throw storeError(error)
      }
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
