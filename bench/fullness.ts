import { durableModels } from '../src/oidc/library/stored-models.ts'
import { migrateUp } from '../src/store/migrate.ts'
import { openDatabase } from '../src/store/postgres.ts'
import type { Child } from './child.ts'
import type { LoadCalls } from './load.ts'
import { alternate, type Server, type ServerName, startServer } from './measure.ts'
import type { ScenarioName } from './scenarios.ts'
import { better, leastDisturbed, ratioOf } from './statistics.ts'
import type { Stores } from './stores.ts'

/** What an operation costs the server and PostgreSQL with a million accounts and records in the tables, beside hardly any. */
export interface FullnessRow {
  readonly scenario: ScenarioName
  readonly server: ServerName
  readonly emptyMicros: number
  readonly fullMicros: number
  /** The full one over the other, of neighbouring slices or of the least disturbed ones; 1 is no difference. */
  readonly times: number
}

interface FullnessInput {
  readonly stores: Stores
  readonly load: Child<LoadCalls>
  readonly connections: number
  readonly seconds: number
  readonly pairs: number
  readonly rows: number
}

const asked: readonly ScenarioName[] = ['refresh', 'code', 'introspection']

/** Accounts, each with a number; three quarters of the records are sessions, grants and refresh tokens of theirs, the rest access tokens. */
function filling(rows: number): string {
  const from = `from generate_series(1, ${rows}) i`
  const quarter = `from generate_series(1, ${Math.ceil(rows / 4)}) i`
  const record = (model: keyof typeof durableModels, [grant, session, uid]: readonly [string, string, string]) => `
    insert into oidc_records (model, id, payload, grant_id, session_uid, uid, user_id, expires_at, since)
    select ${durableModels[model]}, md5('${model}' || i), '{"filling":"' || repeat('0', 300) || '"}', ${grant}, ${session},
      ${uid}, 'usr_full' || i, now() + interval '1 day' + i * interval '1 second', now() ${quarter};`
  const [grant, session] = ["md5('Grant' || i)", "md5('uid' || i)"] as const
  return `
    set session_replication_role = replica;
    insert into users (id, status, created_at, updated_at) select 'usr_full' || i, 'active', now(), now() ${from};
    insert into identities (id, user_id, provider, created_at, created_ip, last_used_at, last_used_ip)
    select 'idn_full' || i, 'usr_full' || i, 'phone', now(), '', now(), '' ${from};
    insert into identity_subjects (identity_id, provider, subject, position, created_at)
    select 'idn_full' || i, 'phone', '+86' || (13000000000 + i), 0, now() ${from};
    ${record('Session', ['null', 'null', session])}
    ${record('Grant', ['null', 'null', 'null'])}
    ${record('RefreshToken', [grant, session, 'null'])}
    ${record('AccessToken', [grant, session, 'null'])}
    set session_replication_role = origin;`
}

/** Fills a database once and gives each of our servers a copy of it; they run beside servers whose tables are nearly empty. */
export async function measureFullness(input: FullnessInput): Promise<FullnessRow[]> {
  const { stores, load, connections, seconds, pairs, rows } = input
  const template = 'full_tables'
  const url = await stores.createDatabase(template)
  const database = openDatabase({ url, poolSize: 1 })
  await migrateUp(database)
  await database.close()
  await stores.administer(template, filling(rows))
  await stores.administer(template, 'vacuum analyze')
  const servers: Server[] = []
  try {
    for (const name of ['redis', 'tables'] as const) {
      servers.push(await startServer(name, stores, { database: 'nearly_empty' }))
      servers.push(await startServer(`${name}_full`, stores, { template }))
    }
    const found: FullnessRow[] = []
    for (const scenario of asked) {
      const slices = await alternate(servers, pairs, { scenario, load, stores, connections, seconds }, undefined)
      const whole = (name: ServerName) =>
        (slices.get(name) ?? []).map((slice) => ({
          ...slice,
          cpuMicros: slice.cpuMicros + (slice.databaseMicros ?? 0),
        }))
      for (const name of ['redis', 'tables'] as const) {
        const [empty, full] = [whole(name), whole(`${name}_full`)]
        found.push({
          scenario,
          server: name,
          emptyMicros: leastDisturbed(empty).cpuMicros,
          fullMicros: leastDisturbed(full).cpuMicros,
          times: 1 / better(ratioOf(empty, full)),
        })
      }
    }
    return found
  } finally {
    await Promise.all(servers.map(({ child }) => child.stop()))
  }
}
