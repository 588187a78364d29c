import { setTimeout as delay } from 'node:timers/promises'
import type { Core } from '../build/core.ts'
import { catalogVersion } from '../oidc/clients/catalog.ts'
import { type LiveServer, liveServers } from '../oidc/live-servers.ts'
import { type CommandContext, waitExits } from './command.ts'
import { cellText } from './output.ts'

const pauseMs = 50
const lateStatus = Number(Object.keys(waitExits)[0])

/**
 * With `--wait`, waits until every running server has what the command has just changed, or what was changed before it
 * where it found nothing to do. Answers the exit status.
 */
export async function awaitServers({ database }: Core, { flags, stderr }: CommandContext): Promise<number> {
  if (flags['wait'] === undefined) return 0
  const seconds = Number(flags['wait'])
  const until = performance.now() + seconds * 1000
  // It may have been raised once more since, and then holds our change too.
  let version: number | undefined
  for (;;) {
    const isOver = performance.now() >= until
    try {
      version ??= await catalogVersion(database.knex)
      const servers = await liveServers(database)
      const late = servers.filter((server) => server.version < (version ?? 0))
      if (late.length === 0) {
        stderr.write(`${haveIt(servers.length)}\n`)
        return 0
      }
      if (isOver) {
        stderr.write(`error: ${lateText(late, servers.length, seconds)}\n`)
        return lateStatus
      }
    } catch (error) {
      // The change is made; a database that is away for a moment is no reason to stop waiting.
      if (isOver) throw error
    }
    await delay(pauseMs)
  }
}

function haveIt(count: number): string {
  if (count === 0) return 'no server is running'
  return count === 1 ? 'the one running server has it' : `all ${count} running servers have it`
}

function lateText(late: readonly LiveServer[], count: number, seconds: number): string {
  const names = late.map(({ name, seenSecondsAgo }) => {
    return `${cellText(name)}, last heard of ${Math.max(0, Math.round(seenSecondsAgo))} s ago`
  })
  const have = late.length === 1 ? 'has' : 'have'
  return `after ${seconds} s ${late.length} of ${count} running servers ${have} not taken it over: ${names.join('; ')}`
}
