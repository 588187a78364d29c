import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Child } from './child.ts'
import type { LoadCalls } from './load.ts'
import { argon2, type ServerName, startServer } from './measure.ts'
import { type Scenario, type ScenarioName, scenarios } from './scenarios.ts'
import { type Served, serve } from './served.ts'
import { settingsOfOurs } from './settings.ts'
import type { Stores } from './stores.ts'

/** What a second process adds. */
export interface ScalingRow {
  readonly scenario: ScenarioName
  readonly server: ServerName
  /** Operations a second, the most of several rounds, with `WORKERS=1` and `WORKERS=2`. */
  readonly one: number
  readonly two: number
  readonly times: number
}

interface ScalingInput {
  readonly stores: Stores
  readonly load: Child<LoadCalls>
  readonly connections: number
  readonly seconds: number
  readonly rounds: number
}

const asked: readonly ScenarioName[] = ['introspection', 'refresh']
/** Two for the servers, one that makes the load, one for the database. */
const coresForTwo = 4

/** Why the goal cannot be judged on this machine; undefined where it can. */
export function whyNotScaled(cores = availableParallelism()): string | undefined {
  return cores >= coresForTwo ? undefined : `${cores === 2 ? 'two' : cores} cores`
}

/** Both stores in turn: `WORKERS=1` and `WORKERS=2` on one database, in alternation. */
export async function measureScaling({
  stores,
  load,
  connections,
  seconds,
  rounds,
}: ScalingInput): Promise<ScalingRow[]> {
  const rows: ScalingRow[] = []
  for (const name of ['redis', 'tables'] as const) {
    const seeder = await startServer(name, stores, { database: 'scaling' })
    const running: Served[] = []
    try {
      for (const workers of ['1', '2']) {
        const redisUrl = name === 'redis' ? stores.redisUrl : undefined
        const own = { databaseUrl: seeder.databaseUrl, redisUrl, folder: stores.folder, argon2: argon2.ours }
        const env = { WORKERS: workers }
        running.push(await serve((port) => settingsOfOurs({ ...own, env }, port), stores.folder))
      }
      for (const scenario of asked) {
        const { client }: Scenario = scenarios[scenario]
        const most = running.map(() => 0)
        for (let round = 0; round <= rounds; round++) {
          for (const [index, { port }] of running.entries()) {
            const seats = await seeder.child.call('seed', { clientId: client, count: connections })
            await load.call('begin', { scenario, port, seats })
            await delay(Math.min(seconds * 400, 300))
            const before = await load.call('mark')
            await delay(seconds * 1000)
            const after = await load.call('mark')
            const { failures } = await load.call('end')
            const [failure] = Object.keys(failures)
            if (failure !== undefined) throw new Error(`${scenario} on several processes: ${failure}`)
            const perSecond = ((after.operations - before.operations) * 1000) / (after.atMs - before.atMs)
            // The first round warms up.
            if (round > 0) most[index] = Math.max(most[index] ?? 0, perSecond)
          }
        }
        const [one = 0, two = 0] = most
        rows.push({ scenario, server: name, one, two, times: two / one })
      }
    } finally {
      await Promise.all(running.map((served) => served.stop()))
      await seeder.child.stop()
    }
  }
  return rows
}
