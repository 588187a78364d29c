import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { type ArrangementRow, measureArrangements } from './arrangements.ts'
import { type Child, startChild } from './child.ts'
import { type Findings, judge } from './goals.ts'
import type { LoadCalls } from './load.ts'
import { describeMachine } from './machine.ts'
import { alternate, besideNames, type Server, type ServerName, serverNames, startServer } from './measure.ts'
import { type ImportRow, measureImport } from './moving.ts'
import { type Options, parseOptions, usage } from './options.ts'
import { type Report, type Row, reportText, type StormRow, type TripsRow } from './report.ts'
import { type Scenario, type ScenarioName, scenarioNames, scenarios } from './scenarios.ts'
import { leastDisturbed, median, ratioOf, type Slice } from './statistics.ts'
import { type Stores, startStores } from './stores.ts'
import { measureStorm, type StormRound } from './storm.ts'
import { measureUpstream, type UpstreamRow } from './upstream.ts'

/** What a run has opened. */
interface Bench {
  readonly options: Options
  readonly stores: Stores
  readonly load: Child<LoadCalls>
  readonly servers: readonly Server[]
}

const progress = (text: string) => process.stderr.write(`${text}\n`)
const isOurs = (name: ServerName) => name === 'redis' || name === 'tables'
const ours = (servers: readonly Server[]) => servers.filter(({ name }) => isOurs(name))

async function measureAll(bench: Bench, versions: Report['versions']): Promise<Report> {
  const { options } = bench
  const { seconds, pairs, connections, quick } = options
  const machine = await describeMachine(quick)
  const rows: Row[] = []
  for (const scenario of scenarioNames) {
    if (!options.rows.includes(scenario)) continue
    progress(scenario)
    rows.push(...(await measureScenario(bench, scenario)))
  }
  if (options.rows.includes('login_keycloak')) {
    progress('login_keycloak')
    rows.push(await measureKeycloakLogin(bench))
  }
  const storm: StormRow[] = []
  if (options.rows.includes('storm')) {
    progress('storm')
    storm.push(...(await measureStorms(bench)))
  }
  const upstream: UpstreamRow[] = []
  if (options.rows.includes('upstream')) {
    progress('upstream')
    const loginsARound = quick ? 4 : 100
    upstream.push(...(await measureUpstream({ stores: bench.stores, rounds: pairs, loginsARound, connections: 4 })))
  }
  const roundTrips: TripsRow[] = []
  if (options.rows.includes('round_trips')) {
    progress('round_trips')
    roundTrips.push(...(await countTrips(bench)))
  }
  const hashing: ArrangementRow[] = []
  if (options.rows.includes('hashing')) {
    progress('hashing')
    hashing.push(...(await measureArrangements(Math.ceil(pairs / 2), seconds * 4)))
  }
  const moving: ImportRow[] = []
  if (options.rows.includes('import')) {
    progress('import')
    moving.push(await measureImport(bench.stores, quick ? 1000 : 1_000_000))
  }
  const goals = quick ? [] : judge(findings({ rows, storm, upstream, trips: roundTrips, moving }))
  const at = new Date().toISOString()
  return {
    at,
    machine,
    versions,
    seconds,
    pairs,
    connections,
    rows,
    storm,
    upstream,
    roundTrips,
    hashing,
    moving,
    goals,
  }
}

async function measureScenario({ options, servers, load }: Bench, scenario: ScenarioName): Promise<Row[]> {
  const { pairs, seconds, connections, profile } = options
  const slices = await alternate(servers, pairs, { scenario, load, connections, seconds }, profile)
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
    const slices = await alternate([server], pairs, { scenario: 'login', load, connections, seconds }, undefined)
    return rowsOf('login_keycloak', 'login', slices)[0] as Row
  } finally {
    await server.child.stop()
  }
}

async function measureStorms({ options, servers, load }: Bench): Promise<StormRow[]> {
  const { seconds, pairs, connections } = options
  const logins = startChild<LoadCalls>('./load.ts')
  try {
    const rounds = new Map<ServerName, StormRound[]>(ours(servers).map(({ name }) => [name, []]))
    for (let round = 0; round < Math.ceil(pairs / 2); round++) {
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

/** Goals are judged on the dearer of our two servers. */
function findings({
  rows,
  storm,
  upstream,
  trips,
  moving,
}: {
  readonly rows: readonly Row[]
  readonly storm: readonly StormRow[]
  readonly upstream: readonly UpstreamRow[]
  readonly trips: readonly TripsRow[]
  readonly moving: readonly ImportRow[]
}): Findings {
  const floorOf = (name: ScenarioName) => rows.find((row) => row.scenario === name && row.server === 'floor')
  const dearest = (name: Row['scenario']) =>
    rows
      .filter((row) => row.scenario === name && isOurs(row.server))
      .toSorted((a, b) => b.best.cpuMicros - a.best.cpuMicros)[0]
  const opaque = floorOf('client_credentials')?.best.cpuMicros
  const jwt = dearest('client_credentials_jwt')?.best.cpuMicros
  const [worst] = storm.toSorted((a, b) => b.stormP99Ms - a.stormP99Ms)
  return {
    scenario(name) {
      const row = dearest(name)
      if (!row) return undefined
      const { cpuMicros, p99Ms } = row.best
      return { cpuMicros, p99Ms, ratio: row.ratio ?? { medianOfPairs: Number.NaN, ofLeastDisturbed: Number.NaN } }
    },
    jwtOverOpaqueFloor: opaque === undefined || jwt === undefined ? undefined : opaque / jwt,
    roundTrips(name) {
      const counted = trips.filter((row) => row.scenario === name).map(({ total }) => total)
      return counted.length === 0 ? undefined : Math.max(...counted)
    },
    upstreamTimesSms: upstream.length === 0 ? undefined : Math.max(...upstream.map(({ timesSms }) => timesSms)),
    imported: moving[0],
    storm: worst && { p99Ms: worst.stormP99Ms, timesIdle: worst.timesIdle },
  }
}

function versionOf(name: string): string {
  const path = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

async function bench(options: Options): Promise<Report> {
  const stores = await startStores()
  const children: Child<never>[] = []
  try {
    const load = startChild<LoadCalls>('./load.ts')
    children.push(load as never)
    const servers: Server[] = []
    const checkout = options.beside
    for (const name of [...serverNames, ...(checkout === undefined ? [] : besideNames)]) {
      const isBeside = besideNames.some((each) => each === name)
      const server = await startServer(name, stores, isBeside ? { checkout } : {})
      servers.push(server)
      children.push(server.child as never)
    }
    if (options.profile !== undefined) await mkdir(options.profile, { recursive: true })
    const versions = {
      node: process.version,
      'oidc-provider': versionOf('oidc-provider'),
      PostgreSQL: stores.postgresVersion,
      Redis: stores.redisVersion,
    }
    return await measureAll({ options, stores, load, servers }, versions)
  } finally {
    await Promise.all(children.map((child) => child.stop()))
    await stores.stop()
  }
}

try {
  const options = parseOptions(process.argv.slice(2))
  const report = await bench(options)
  process.stdout.write(reportText(report))
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n\n${usage}`)
  process.exitCode = 1
}
