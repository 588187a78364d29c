import { openDatabase } from '../src/store/postgres.ts'
import { startChild } from './child.ts'
import type { LoadCalls } from './load.ts'
import { describeMachine } from './machine.ts'
import { startServer } from './measure.ts'
import { type IdleCost, measureCost, measureIdle, type OperationCost } from './operation-costs.ts'
import { measureSizes, type RowSize } from './row-sizes.ts'
import { type ScenarioName, scenarios } from './scenarios.ts'
import { startStores } from './stores.ts'
import { measureSweep, type SweepSpeed } from './sweep-speed.ts'
import { figure, table } from './table.ts'

/** The operations that docs/scale.md counts with. */
const measured = [
  'login',
  'code',
  'refresh',
  'refresh_jwt',
  'userinfo',
  'introspection',
] as const satisfies readonly ScenarioName[]

const isQuick = process.argv.includes('--quick')
const seconds = isQuick ? 0.5 : 8
const copies = isQuick ? 1000 : 50_000

const print = (text: string) => process.stdout.write(`${text}\n\n`)

/** Prints what a user, a login and a refresh cost the server, PostgreSQL and Redis, part by part: `npm run capacity`. */
async function capacity(): Promise<void> {
  const stores = await startStores()
  const load = startChild<LoadCalls>('./load.ts')
  const server = await startServer('redis', stores, { database: 'capacity' })
  const database = openDatabase({ url: stores.addressOf('bench_redis_capacity'), poolSize: 2 })
  try {
    const { cpu, cpus, node, loadAverage } = await describeMachine(true)
    const where = `${cpus} x ${cpu}, node ${node}, PostgreSQL ${stores.postgresVersion}, Redis ${stores.redisVersion}`
    print(`${where}, load average ${figure(loadAverage)} at the start`)
    const guests = Array.from({ length: 200 }, (_, n) => ({
      phone: `+86139${10_000_000 + n}`,
      githubId: 100_000_000 + n,
    }))
    await server.child.call('welcome', { guests })
    const common = { server, stores, load, knex: database.knex, connections: isQuick ? 2 : 16 }
    print(idleText(await measureIdle({ ...common, seconds: 2 * seconds })))
    const costs: OperationCost[] = []
    for (const scenario of measured) {
      costs.push(await measureCost(scenario, { ...common, seconds: scenario === 'login' ? 3 * seconds : seconds }))
    }
    print(costText(costs))
    print(sizeText(await database.maintenance((knex) => measureSizes(knex, copies))))
    print(sweepText(await measureSweep(database, stores, copies)))
  } finally {
    await database.close()
    await Promise.all([server.child.stop(), load.stop()])
    await stores.stop()
  }
}

function costText(costs: readonly OperationCost[]): string {
  const head = [
    'operation',
    'server µs',
    'PostgreSQL µs',
    'Redis µs',
    'Redis commands',
    'WAL bytes',
    'transactions',
    'rows added',
    'a second',
  ]
  const rows = costs.map((cost) => [
    scenarios[cost.scenario].title,
    ...[
      cost.serverMicros,
      cost.databaseMicros,
      cost.redisMicros,
      cost.redisCommands,
      cost.walBytes,
      cost.transactions,
    ].map(figure),
    Object.entries(cost.rows)
      .map(([kind, count]) => `${kind}: ${figure(count)}`)
      .join(', '),
    figure(cost.perSecond),
  ])
  return table(head, rows)
}

function idleText({ serverMicros, databaseMicros, transactions }: IdleCost): string {
  const [own, theirs] = [serverMicros, databaseMicros].map(figure)
  return `a process that nobody asks: ${own} µs of its own and ${theirs} of the database a second, ${figure(transactions)} transactions that write`
}

function sizeText(sizes: readonly RowSize[]): string {
  const rows = sizes.map(({ kind, tableBytes, indexBytes }) => [
    kind,
    ...[tableBytes, indexBytes, tableBytes + indexBytes].map(figure),
  ])
  return table(['row', 'bytes', 'bytes of indexes', 'together'], rows)
}

function sweepText({ rows, perSecond, perDatabaseCoreSecond }: SweepSpeed): string {
  return `sweep of ${rows} sessions: ${figure(perSecond)} rows/s, ${figure(perDatabaseCoreSecond)} for each core-second of the database`
}

await capacity()
