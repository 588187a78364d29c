import { setTimeout as delay } from 'node:timers/promises'
import type { Finished } from './busy.ts'
import type { Child } from './child.ts'
import type { LoadCalls } from './load.ts'
import { type Server, stormLogins } from './measure.ts'

/** What a login storm does to everybody else. */
export interface StormRound {
  readonly idle: Finished
  readonly storm: Finished
  readonly loginsPerSecond: number
  readonly cpuMsPerLogin: number
}

interface StormInput {
  readonly server: Server
  /** One process makes the storm, another the background, so that neither waits for the other. */
  readonly logins: Child<LoadCalls>
  readonly background: Child<LoadCalls>
  readonly seconds: number
  readonly connections: number
}

export const backgroundPerSecond = 80

/** Refreshes and JWT token requests in turn at a fixed rate, first alone, then beside logins that fill the hashing queue. */
export async function measureStorm({
  server,
  logins,
  background,
  seconds,
  connections,
}: StormInput): Promise<StormRound> {
  const { child, port } = server
  const lanes = await Promise.all(
    (['refresh', 'client_credentials_jwt'] as const).map(async (scenario) => {
      const clientId = scenario === 'refresh' ? 'offline' : 'machine-jwt'
      return { scenario, port, seats: await child.call('seed', { clientId, count: connections }) }
    }),
  )
  const paced = { lanes, perSecond: backgroundPerSecond, ms: seconds * 1000 }
  const idle = await background.call('paced', paced)
  const seats = await child.call('seed', { clientId: 'offline', count: stormLogins })
  await logins.call('begin', { scenario: 'login', port, seats })
  await delay(Math.min(seconds * 400, 1000))
  const [before, markBefore] = await Promise.all([child.call('sample'), logins.call('mark')])
  const storm = await background.call('paced', paced)
  const [after, markAfter] = await Promise.all([child.call('sample'), logins.call('mark')])
  const { failures } = await logins.call('end')
  for (const finished of [idle, storm, { failures }]) {
    const [failure] = Object.keys(finished.failures)
    if (failure !== undefined) throw new Error(`storm on ${server.name}: ${failure}`)
  }
  const done = markAfter.operations - markBefore.operations
  return {
    idle,
    storm,
    loginsPerSecond: (done / (markAfter.atMs - markBefore.atMs)) * 1000,
    cpuMsPerLogin: (after.cpuMicros - before.cpuMicros) / done / 1000,
  }
}
