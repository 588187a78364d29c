import type { Child } from './child.ts'
import type { LoadCalls } from './load.ts'
import { measureSlice, type Server, type ServerName, startServer } from './measure.ts'
import type { ScenarioName } from './scenarios.ts'
import { median } from './statistics.ts'
import type { Stores } from './stores.ts'

/** What an operation costs PostgreSQL while its tables grow from nothing, and nobody tells it how large they are. */
export interface GrowthRow {
  readonly scenario: ScenarioName
  readonly server: ServerName
  /** Rows of `oidc_records` at the end. */
  readonly records: number
  /** CPU time of PostgreSQL for one operation, in the first and in the last quarter of the run. */
  readonly firstMicros: number
  readonly lastMicros: number
  /** The last over the first; 1 is a cost that stays. */
  readonly times: number
}

interface GrowthInput {
  readonly stores: Stores
  readonly load: Child<LoadCalls>
  readonly connections: number
  /** How long it grows, both servers together. */
  readonly seconds: number
}

const asked: readonly ScenarioName[] = ['refresh', 'code', 'introspection', 'client_credentials']
const rounds = 8

/**
 * Servers on databases of their own, whose statements are planned while the tables are empty. Autovacuum is off meanwhile: it would
 * count the rows after a minute, and a plan that only holds with statistics would look good.
 */
export async function measureGrowth({ stores, load, connections, seconds }: GrowthInput): Promise<GrowthRow[]> {
  const servers: Server[] = []
  const costs = new Map<string, number[]>()
  await setAutovacuum(stores, 'off')
  try {
    for (const name of ['redis', 'tables'] as const) {
      servers.push(await startServer(name, stores, { database: 'growth' }))
    }
    const sliceSeconds = seconds / rounds / servers.length / asked.length
    for (let round = 0; round < rounds; round++) {
      for (const server of servers) {
        for (const scenario of asked) {
          const slice = await measureSlice({ scenario, server, load, stores, connections, seconds: sliceSeconds })
          const key = `${scenario} ${server.name}`
          costs.set(key, [...(costs.get(key) ?? []), slice.databaseMicros ?? Number.NaN])
        }
      }
    }
    const rows: GrowthRow[] = []
    for (const { name } of servers) {
      const counted = await stores.administer(`bench_${name}_growth`, 'select count(*) as records from oidc_records')
      const records = Number(counted.rows[0].records)
      for (const scenario of asked) {
        rows.push({ scenario, server: name, records, ...growthOf(costs.get(`${scenario} ${name}`) ?? []) })
      }
    }
    return rows
  } finally {
    await Promise.all(servers.map(({ child }) => child.stop()))
    await setAutovacuum(stores, 'on')
  }
}

/** The middle cost of the first quarter of the slices beside that of the last. */
export function growthOf(costs: readonly number[]): Pick<GrowthRow, 'firstMicros' | 'lastMicros' | 'times'> {
  const quarter = Math.max(1, Math.floor(costs.length / 4))
  const [firstMicros, lastMicros] = [median(costs.slice(0, quarter)), median(costs.slice(-quarter))]
  return { firstMicros, lastMicros, times: lastMicros / firstMicros }
}

async function setAutovacuum(stores: Stores, to: 'on' | 'off'): Promise<void> {
  await stores.administer('postgres', `alter system set autovacuum = ${to}`)
  await stores.administer('postgres', 'select pg_reload_conf()')
}
