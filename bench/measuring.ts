import { measureArrangements } from './arrangements.ts'
import { type Child, startChild } from './child.ts'
import { measureCrowd } from './crowd.ts'
import { findings, isOurs } from './findings.ts'
import { measureFullness } from './fullness.ts'
import { judge } from './goals.ts'
import { measureGrowth } from './growth.ts'
import type { LoadCalls } from './load.ts'
import { describeMachine } from './machine.ts'
import { alternate, type Server, type ServerName, startServer } from './measure.ts'
import { measureMemory } from './memory.ts'
import { measureImport } from './moving.ts'
import type { Options, RowName } from './options.ts'
import { measurePeers } from './peers.ts'
import type { Found, Report, Row, StormRow, TripsRow } from './rows.ts'
import { measureScaling } from './scaling.ts'
import { type Scenario, type ScenarioName, scenarioNames, scenarios } from './scenarios.ts'
import { measureStarts } from './start-up.ts'
import { leastDisturbed, median, ratioOf, type Slice } from './statistics.ts'
import type { Stores } from './stores.ts'
import { measureStorm, type StormRound } from './storm.ts'
import { measureSweep, type SweepRow } from './sweeping.ts'
import { measureUpstream } from './upstream.ts'

/** What a run has opened. */
export interface Bench {
  readonly options: Options
  readonly stores: Stores
  readonly load: Child<LoadCalls>
  readonly servers: readonly Server[]
}

const progress = (text: string) => process.stderr.write(`${text}\n`)
const ours = (servers: readonly Server[]) => servers.filter(({ name }) => isOurs(name))

/** Measures every row that was asked for, one after the other, and judges what it found. */
export async function measureAll(bench: Bench, versions: Report['versions']): Promise<Report> {
  const { options, stores, load } = bench
  const { seconds, pairs, connections, quick } = options
  const machine = await describeMachine(quick)
  const failures: string[] = []
  async function part<T>(name: RowName, measure: () => Promise<T[]>): Promise<T[]> {
    if (!options.rows.includes(name)) return []
    const startedMs = performance.now()
    try {
      return await measure()
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      return []
    } finally {
      progress(`${name} took ${((performance.now() - startedMs) / 1000).toFixed(0)} s`)
    }
  }
  const rows: Row[] = []
  for (const scenario of scenarioNames) rows.push(...(await part(scenario, () => measureScenario(bench, scenario))))
  rows.push(...(await part('login_keycloak', async () => [await measureKeycloakLogin(bench)])))
  const [rounds, few] = [Math.ceil(pairs / 2), Math.ceil(pairs / 3)]
  const common = { stores, load, connections, seconds }
  const loginsARound = quick ? 4 : 100
  const found: Found = {
    rows,
    storm: await part('storm', () => measureStorms(bench)),
    upstream: await part('upstream', () => measureUpstream({ stores, rounds, loginsARound, connections: 4 })),
    crowd: await part('crowd', () => measureCrowd({ ...common, servers: ours(bench.servers), rounds: few })),
    roundTrips: await part('round_trips', () => countTrips(bench)),
    hashing: await part('hashing', () => measureArrangements(rounds, seconds * 4)),
    growth: await part('growth', () => measureGrowth({ ...common, seconds: seconds * 140 })),
    fullness: await part('full', () => measureFullness({ ...common, pairs: rounds, rows: quick ? 1000 : 1_000_000 })),
    memory: await part('memory', () => measureMemory({ ...common, seconds: seconds * 2, requests: 0, rounds: 2 })),
    million: await part('million', () =>
      measureMemory({ ...common, seconds: seconds * 10, requests: quick ? 100 : 1_000_000, rounds: 1 }),
    ),
    starts: await part('start', () => measureStarts(stores, rounds)),
    scaling: await part('scaling', () => measureScaling({ ...common, connections: connections * 2, rounds: few })),
    peers: await part('peers', async () => [
      await measurePeers({ ...common, seconds: seconds * 2, pairs, cache: options.cache, progress }),
    ]),
    moving: await part('import', async () => [await measureImport(stores, quick ? 1000 : 1_000_000)]),
    sweep: await part('sweep', () => measureSweeping(bench)),
  }
  const goals = quick ? [] : judge(findings(found))
  return { at: new Date().toISOString(), machine, versions, seconds, pairs, connections, ...found, goals, failures }
}

async function measureScenario({ options, stores, servers, load }: Bench, scenario: ScenarioName): Promise<Row[]> {
  const { pairs, seconds, connections, profile } = options
  const slices = await alternate(servers, pairs, { scenario, load, stores, connections, seconds }, profile)
  return rowsOf(scenario, scenario, slices)
}

function rowsOf(scenario: Row['scenario'], like: ScenarioName, slices: ReadonlyMap<ServerName, Slice[]>): Row[] {
  const { requests }: Scenario = scenarios[like]
  const floor = slices.get('floor')
  return [...slices].map(([server, each]) => ({
    scenario,
    server,
    requests,
    best: leastDisturbed(each),
    ratio: server === 'floor' || floor === undefined ? undefined : ratioOf(floor, each),
    slices: each,
  }))
}

/** The same login at the hash cost Keycloak publishes its figures for, on a server of its own. */
async function measureKeycloakLogin({ options, stores, load }: Bench): Promise<Row> {
  const { pairs, seconds, connections } = options
  const server = await startServer('redis', stores, { hash: 'keycloak' })
  try {
    const slices = await alternate(
      [server],
      pairs,
      { scenario: 'login', load, stores, connections, seconds },
      undefined,
    )
    return rowsOf('login_keycloak', 'login', slices)[0] as Row
  } finally {
    await server.child.stop()
  }
}

async function measureSweeping({ options, servers, load }: Bench): Promise<SweepRow[]> {
  const { seconds, connections, quick } = options
  const rows: SweepRow[] = []
  for (const server of ours(servers)) {
    const input = { server, background: load, rows: quick ? 2000 : 1_000_000 }
    rows.push(await measureSweep({ ...input, seconds: seconds * 40, connections: connections / 2 }))
  }
  return rows
}

async function measureStorms({ options, servers, load }: Bench): Promise<StormRow[]> {
  const { seconds, pairs, connections } = options
  const logins = startChild<LoadCalls>('./load.ts')
  try {
    const rounds = new Map<ServerName, StormRound[]>(ours(servers).map(({ name }) => [name, []]))
    for (let round = 0; round < Math.ceil(pairs / 3); round++) {
      for (const server of ours(servers)) {
        const input = { server, logins, background: load, seconds: seconds * 8, connections: connections / 2 }
        rounds.get(server.name)?.push(await measureStorm(input))
      }
    }
    return [...rounds].map(([server, each]) => ({
      server,
      idleP50Ms: median(each.map(({ idle }) => idle.p50Ms)),
      idleP99Ms: median(each.map(({ idle }) => idle.p99Ms)),
      stormP50Ms: median(each.map(({ storm }) => storm.p50Ms)),
      stormP99Ms: median(each.map(({ storm }) => storm.p99Ms)),
      timesIdle: median(each.map(({ idle, storm }) => storm.p99Ms / idle.p99Ms)),
      loginsPerSecond: median(each.map(({ loginsPerSecond }) => loginsPerSecond)),
      cpuMsPerLogin: median(each.map(({ cpuMsPerLogin }) => cpuMsPerLogin)),
      rounds: each,
    }))
  } finally {
    await logins.stop()
  }
}

/** Counted last, because the counting stays on. What a timer of the server asks meanwhile is no part of it, so the least of a few counts. */
async function countTrips({ servers, load }: Bench): Promise<TripsRow[]> {
  const rows: TripsRow[] = []
  for (const { child, port, name } of ours(servers)) {
    await child.call('startCounting')
    for (const scenario of scenarioNames) {
      const tries: Record<string, number>[] = []
      for (let attempt = 0; attempt < 3; attempt++) {
        const [seat] = await child.call('seed', { clientId: scenarios[scenario].client, count: 1 })
        if (!seat) throw new Error('there is no seat')
        await load.call('prepare', { scenario, port, seat })
        const before = await child.call('counted')
        await load.call('once')
        const after = await child.call('counted')
        tries.push(
          Object.fromEntries(Object.entries(after).map(([kind, count]) => [kind, count - (before[kind] ?? 0)])),
        )
      }
      const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((all, one) => all + one, 0)
      const [least = {}] = tries.toSorted((a, b) => sum(a) - sum(b))
      rows.push({ scenario, server: name, counts: least, total: sum(least) })
    }
  }
  return rows
}
