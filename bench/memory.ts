import { setTimeout as delay } from 'node:timers/promises'
import type { Child } from './child.ts'
import type { LoadCalls } from './load.ts'
import { argon2, type ServerName, startServer } from './measure.ts'
import { type Scenario, type ScenarioName, scenarios } from './scenarios.ts'
import { type Served, serve, shippedHeapCap } from './served.ts'
import { settingsOfOurs } from './settings.ts'
import { median } from './statistics.ts'
import type { Stores } from './stores.ts'

/** What a process of ours takes, with the heap cap that the image sets. */
export interface MemoryRow {
  readonly server: ServerName
  readonly requests: number
  /** Resident, in MiB: before the first request, and at most. */
  readonly idleMiB: number
  readonly mostMiB: number
  /** In the last tenth of the requests over that in the second tenth. */
  readonly growth: number
  /** Resident in each tenth of the requests, in MiB. */
  readonly tenths: readonly number[]
}

export interface MemoryInput {
  readonly stores: Stores
  readonly load: Child<LoadCalls>
  readonly connections: number
  /** How long one kind of request is asked at a time. */
  readonly seconds: number
  /** The load goes on until so many requests were answered, and every kind was asked at least this often. */
  readonly requests: number
  readonly rounds: number
}

/** What is asked in turn. */
const mixed: readonly ScenarioName[] = [
  'refresh',
  'introspection',
  'client_credentials_jwt',
  'code',
  'userinfo',
  'client_credentials',
]

interface Moment {
  readonly requests: number
  readonly residentMiB: number
}

/** Both stores, one after the other: a real process under requests of every kind. Another process makes the sessions. */
export async function measureMemory(input: MemoryInput): Promise<MemoryRow[]> {
  const rows: MemoryRow[] = []
  const { stores } = input
  for (const name of ['redis', 'tables'] as const) {
    const seeder = await startServer(name, stores, { database: `memory_${input.requests}` })
    try {
      const { databaseUrl } = seeder
      const redisUrl = name === 'redis' ? stores.redisUrl : undefined
      const own = { databaseUrl, redisUrl, folder: stores.folder, argon2: argon2.ours }
      const heap = { NODE_OPTIONS: shippedHeapCap() }
      const served = await serve((port) => settingsOfOurs({ ...own, env: heap }, port), stores.folder)
      try {
        const idleMiB = served.usage().ownResidentMiB
        rows.push({ server: name, idleMiB, ...memoryOf(await keepAsking(input, served, seeder.child)) })
      } finally {
        await served.stop()
      }
    } finally {
      await seeder.child.stop()
    }
  }
  return rows
}

async function keepAsking(
  { load, connections, seconds, requests, rounds }: MemoryInput,
  served: Served,
  seeder: Awaited<ReturnType<typeof startServer>>['child'],
): Promise<Moment[]> {
  const moments: Moment[] = []
  let answered = 0
  for (let round = 0; round < rounds || answered < requests; round++) {
    for (const scenario of mixed) {
      const { client, requests: each }: Scenario = scenarios[scenario]
      const seats = await seeder.call('seed', { clientId: client, count: connections })
      await load.call('begin', { scenario, port: served.port, seats })
      const before = await load.call('mark')
      await delay(seconds * 1000)
      const after = await load.call('mark')
      moments.push({ requests: answered, residentMiB: served.usage().ownResidentMiB })
      const { failures } = await load.call('end')
      const [failure] = Object.keys(failures)
      if (failure !== undefined) throw new Error(`${scenario} under load: ${failure}`)
      answered += (after.operations - before.operations) * each
    }
  }
  return [...moments, { requests: answered, residentMiB: served.usage().ownResidentMiB }]
}

/** What is said of a process that was looked at again and again. */
export function memoryOf(moments: readonly Moment[]): Pick<MemoryRow, 'requests' | 'mostMiB' | 'growth' | 'tenths'> {
  const requests = moments.at(-1)?.requests ?? 0
  const tenths = Array.from({ length: 10 }, (_, tenth) =>
    median(
      moments
        .filter(({ requests: at }) => at * 10 >= tenth * requests && at * 10 <= (tenth + 1) * requests)
        .map(({ residentMiB }) => residentMiB),
    ),
  )
  const mostMiB = Math.max(...moments.map(({ residentMiB }) => residentMiB))
  return { requests, mostMiB, growth: (tenths[9] ?? 0) / (tenths[1] ?? 0), tenths }
}
