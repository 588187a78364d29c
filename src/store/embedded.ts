import type { Socket } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { Secret } from '../base/secret.ts'
import { prepareFolder } from './embedded-folder.ts'
import { endSession, openSession } from './embedded-session.ts'
import { claimServing, type ServingClaim } from './serving-claim.ts'

/** The PostgreSQL that this program runs itself. */
export interface EmbeddedDatabase {
  readonly url: Secret
  /** Ends our use of it. PostgreSQL is shut down when nobody else is connected; close the pools first. */
  stop(): Promise<void>
}

/** Which data folder it runs on, and for whom. */
export interface EmbeddedOptions {
  readonly dataDir: string
  readonly pid: number
  /** True for the server, of which a data folder has one: a second throws an error with the first one's process id. */
  readonly serve?: boolean
  readonly log?: (line: string) => void
}

const slowestRetryMs = 2000

/**
 * The PostgreSQL inside the data folder, for any number of processes at once: the first to need it starts it, the last
 * to stop ends it. It survives the death of the process that started it and is started again when it dies itself. The
 * use of it is an advisory lock of a connection and the claim to be its only server a listening socket, so both end
 * with their process, however that ends.
 */
export async function openEmbedded({
  dataDir,
  pid,
  serve = false,
  log = () => {},
}: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const folder = resolve(dataDir)
  const place = await prepareFolder(folder)
  const stopped = new AbortController()

  let claim: ServingClaim | undefined

  async function open(): Promise<pg.Client> {
    const opened = await openSession(place, pid)
    try {
      if (serve) claim ??= await claimServing(opened, place.socketFolder, folder, pid)
    } catch (error) {
      await endSession(place, opened)
      throw error
    }
    opened.once('end', () => {
      if (!stopped.signal.aborted) session = reopen()
    })
    socketOf(opened).unref()
    return opened
  }

  async function reopen(): Promise<pg.Client | undefined> {
    log('the embedded PostgreSQL went away and is started again')
    for (let waitMs = 10; !stopped.signal.aborted; waitMs = Math.min(waitMs * 2, slowestRetryMs)) {
      try {
        return await open()
      } catch (error) {
        log(error instanceof Error ? error.message : String(error))
        await delay(waitMs, undefined, { ref: false })
      }
    }
    return undefined
  }

  let session: Promise<pg.Client | undefined> = Promise.resolve(await open())
  const { socketFolder, password } = place
  return {
    // The name after the @ says nothing, `host` decides; without one it is no address by the rules of URLs.
    url: new Secret(`postgres://menshen:${password}@localhost/menshen?host=${encodeURIComponent(socketFolder)}`),
    async stop() {
      if (stopped.signal.aborted) return
      stopped.abort()
      const current = await session
      await claim?.release()
      if (current === undefined) return
      socketOf(current).ref()
      await endSession(place, current)
    },
  }
}

function socketOf(client: pg.Client): Socket {
  return client.connection.stream as Socket
}
