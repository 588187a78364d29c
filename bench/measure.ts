import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type Child, startChild } from './child.ts'
import type { ServerCalls, ServerInput } from './fixture.ts'
import type { LoadCalls } from './load.ts'
import { type Scenario, type ScenarioName, scenarios } from './scenarios.ts'
import type { Slice } from './statistics.ts'
import type { Stores } from './stores.ts'

export const serverNames = ['floor', 'redis', 'tables'] as const
/** Our servers of another checkout. */
export const besideNames = ['redis_beside', 'tables_beside'] as const
/** Ours, with a million accounts and records in the tables. */
export const fullNames = ['redis_full', 'tables_full'] as const
export type ServerName = (typeof serverNames | typeof besideNames | typeof fullNames)[number]

export interface Server {
  readonly name: ServerName
  readonly port: number
  readonly child: Child<ServerCalls>
  /** Absent for the floor. */
  readonly databaseUrl: string | undefined
}

/** 19 MiB and two passes, the product's default; 7 MiB and five, Keycloak's. */
export const argon2 = {
  ours: { memory_kib: 19_456, time_cost: 2, parallelism: 1 },
  keycloak: { memory_kib: 7168, time_cost: 5, parallelism: 1 },
} as const

export const stormLogins = 64
/** The most connections that any row opens; each has an account of its own. */
export const mostConnections = 256

interface ServerOptions {
  readonly hash?: keyof typeof argon2
  /** What its database is named after. */
  readonly database?: string
  /** The database it is a copy of. */
  readonly template?: string
  /** A database that is there already. */
  readonly databaseUrl?: string
  readonly env?: Readonly<Record<string, string>>
  /** The checkout it comes from; this one when absent. */
  readonly checkout?: string | undefined
}

/** Starts one server process: the bare library, or ours with PostgreSQL and Redis, or with PostgreSQL alone. */
export async function startServer(
  name: ServerName,
  stores: Stores,
  { hash = 'ours', database = hash, template, databaseUrl: given, env = {}, checkout }: ServerOptions = {},
): Promise<Server> {
  const own = checkout === undefined ? './ours.ts' : pathToFileURL(resolve(checkout, 'bench/ours.ts')).href
  const child = startChild<ServerCalls>(name === 'floor' ? './floor.ts' : own)
  try {
    const own = () => stores.createDatabase(`bench_${name}_${database}`, template)
    const databaseUrl = name === 'floor' ? undefined : (given ?? (await own()))
    const input: ServerInput = {
      databaseUrl,
      redisUrl: name.startsWith('redis') ? stores.redisUrl : undefined,
      folder: stores.folder,
      users: mostConnections,
      argon2: argon2[hash],
      env,
    }
    const { port } = await child.call('open', input)
    return { name, port, child, databaseUrl }
  } catch (error) {
    await child.stop()
    throw error
  }
}

interface SliceInput {
  readonly scenario: ScenarioName
  readonly server: Server
  readonly load: Child<LoadCalls>
  readonly stores: Pick<Stores, 'databaseCpuSeconds'>
  readonly connections: number
  readonly seconds: number
  readonly profile?: string | undefined
}

/** The first operations of a slice are not measured: caches and the branch predictor remember the server before. */
const warmShare = 0.4
const longestWarmMs = 300

/** Keeps one server busy for a while. Throws when an operation failed: figures of refusals mean nothing. */
export async function measureSlice(input: SliceInput): Promise<Slice> {
  const { scenario, server, load, stores, connections, seconds, profile } = input
  const { client, stretch = 1 }: Scenario = scenarios[scenario]
  const lengthMs = seconds * stretch * 1000
  const seats = await server.child.call('seed', { clientId: client, count: connections })
  await load.call('begin', { scenario, port: server.port, seats })
  await delay(Math.min(lengthMs * warmShare, longestWarmMs))
  if (profile !== undefined) await server.child.call('startProfile')
  const look = () => Promise.all([server.child.call('sample'), load.call('mark'), stores.databaseCpuSeconds()])
  const [before, markBefore, databaseBefore] = await look()
  await delay(lengthMs)
  const [after, markAfter, databaseAfter] = await look()
  if (profile !== undefined) {
    await server.child.call('stopProfile', join(profile, `${scenario}-${server.name}.cpuprofile`))
  }
  const { p50Ms, p99Ms, failures } = await load.call('end')
  const [failure] = Object.keys(failures)
  if (failure !== undefined) throw new Error(`${scenario} on ${server.name}: ${failure}`)

  // Both rates are per second of the process they were read in, so it does not matter that the two reads are not simultaneous.
  const operations = markAfter.operations - markBefore.operations
  if (operations === 0) throw new Error(`${scenario} on ${server.name}: nothing was answered`)
  const operationsPerSecond = (operations / (markAfter.atMs - markBefore.atMs)) * 1000
  const cpuMicrosPerSecond = ((after.cpuMicros - before.cpuMicros) / (after.atMs - before.atMs)) * 1000
  const cpuMicros = cpuMicrosPerSecond / operationsPerSecond
  const databaseMicros = ((databaseAfter - databaseBefore) * 1e6) / operations
  return { operations, cpuMicros, databaseMicros, operationsPerSecond, p50Ms, p99Ms }
}

/** A server that has run for a while has its hot code compiled; half a second is not enough for that. */
const longestWarmUpSeconds = 1.5

function warmSeconds({ scenario, seconds }: Omit<SliceInput, 'server' | 'profile'>): number {
  const { stretch = 1, warmUpSeconds = longestWarmUpSeconds }: Scenario = scenarios[scenario]
  return (warmUpSeconds * Math.min((seconds * 4) / longestWarmUpSeconds, 1)) / stretch
}

/** Slices of several servers in turn, after each has been busy for a while. */
export async function alternate(
  servers: readonly Server[],
  pairs: number,
  input: Omit<SliceInput, 'server' | 'profile'>,
  profile: string | undefined,
): Promise<Map<ServerName, Slice[]>> {
  const slices = new Map<ServerName, Slice[]>(servers.map(({ name }) => [name, []]))
  for (const server of servers) await measureSlice({ ...input, server, seconds: warmSeconds(input) })
  for (let pair = 0; pair < pairs; pair++) {
    for (const server of servers) {
      const last = pair === pairs - 1 ? profile : undefined
      slices.get(server.name)?.push(await measureSlice({ ...input, server, profile: last }))
    }
  }
  return slices
}
