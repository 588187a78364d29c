import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'

/** What is to be heard, and who is told. */
export interface Listening {
  /** A plain word: PostgreSQL takes no parameter there. */
  readonly channel: string
  /** Called for all that is told there, and whenever listening begins, because something may have been missed. */
  readonly onTold: () => void
  /** Told why nothing is heard, once until it is heard again. */
  readonly onDeaf: (error: unknown) => void
}

/** Hears until it is closed. */
export interface Listener {
  close(): Promise<void>
}

const [shortestPauseMs, longestPauseMs] = [100, 60_000]
/** Shorter than what firewalls and poolers give a connection that says nothing. */
const pingMs = 30_000

/**
 * Listens (LISTEN) over a connection of its own, which is made again after pauses that grow: a pooler may refuse the
 * statement, or take it and tell nothing. So nobody may depend on being told.
 */
export function channelListener(newClient: () => pg.Client, { channel, onTold, onDeaf }: Listening): Listener {
  const closing = new AbortController()
  const { signal } = closing
  const pause = (ms: number) => delay(ms, undefined, { ref: false, signal })
  const over = listen()

  async function listen(): Promise<void> {
    let [pauseMs, isDeaf] = [shortestPauseMs, false]
    const onHearing = () => {
      pauseMs = shortestPauseMs
      isDeaf = false
    }
    while (!signal.aborted) {
      try {
        await hear(newClient(), onHearing)
      } catch (error) {
        if (signal.aborted) return
        if (!isDeaf) onDeaf(error)
        isDeaf = true
        // Not all servers at the same moment after the database was away.
        await pause(randomInt(pauseMs / 2, pauseMs)).catch(() => {})
        pauseMs = Math.min(2 * pauseMs, longestPauseMs)
      }
    }
  }

  const tell = () => {
    if (!signal.aborted) onTold()
  }

  /** Throws what ended it. */
  async function hear(client: pg.Client, onHearing: () => void): Promise<never> {
    const lost = new Promise<Error>((resolve) => {
      client.on('error', resolve)
      client.on('end', () => resolve(new Error('the connection was ended')))
    })
    try {
      await client.connect()
      client.on('notification', () => {
        onHearing()
        tell()
      })
      await client.query(`listen ${channel}`)
      tell()
      for (;;) {
        const error = await Promise.race([lost, pause(pingMs)])
        if (error) throw error
        await client.query('select 1')
        onHearing()
      }
    } finally {
      if (signal.aborted) await client.end().catch(() => {})
      else client.connection.stream.destroy()
    }
  }

  return {
    async close() {
      closing.abort()
      await over
    },
  }
}
