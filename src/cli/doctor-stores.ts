import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { listKeys } from '../oidc/keys/signing-keys.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'
import { migrationStatus } from '../store/migrate.ts'
import type { Database } from '../store/postgres.ts'
import { redisStore } from '../store/redis.ts'
import { tableStore } from '../store/tables.ts'
import { type Finding, fail, ok, reasonOf, wallClockMs, warn } from './doctor-checks.ts'
import { checkDatabase, databaseUnreachable } from './doctor-database.ts'
import { checkIssuers } from './doctor-issuers.ts'
import { checkKeys } from './doctor-keys.ts'
import { checkRedis, redisUnreachable } from './doctor-redis.ts'
import { openBare } from './migrate-command.ts'

/** What the checks of the stores have found. */
export interface Stores {
  readonly findings: readonly Finding[]
  /** Ids of the signing keys; undefined where the database could not be asked. */
  readonly keyIds?: readonly string[]
}

/** Checks the database and what depends on it; where one check fails, those that depend on it are left out. */
export async function checkStores(config: Config): Promise<Stores> {
  if (!config.database.url && !existsSync(join(config.data_dir, 'postgres'))) {
    const finding = warn('database', `there is none in ${config.data_dir} yet`, 'start the server once: menshen serve')
    return { findings: [finding] }
  }
  let opened: Awaited<ReturnType<typeof openBare>>
  try {
    opened = await openBare(config)
  } catch (error) {
    return { findings: [databaseUnreachable(config, error), ...(await checkEphemeral(config, undefined))] }
  }
  const { database, close } = opened
  try {
    const findings = await checkDatabase(config, database)
    const isUsable = () => findings.every(({ name, status }) => status !== 'fail' || name === 'clock')
    if (isUsable()) findings.push(await checkSchema(database))
    const isReached = isUsable()
    findings.push(...(await checkEphemeral(config, isReached ? database : undefined)))
    if (!isReached) return { findings }
    const keys = await listKeys(database.knex)
    findings.push(...(await checkIssuers(config, database)))
    findings.push(...(await checkKeys(keys, { config, database, nowMs: wallClockMs() })))
    return { findings, keyIds: keys.filter(({ use }) => use === 'sig').map(({ id }) => id) }
  } finally {
    await close()
  }
}

async function checkSchema(database: Database): Promise<Finding> {
  const { applied, pending, unknown, incompatible, changed } = await migrationStatus(database)
  if (incompatible.length > 0) {
    const detail = `is too new for this program: ${incompatible.join(', ')}`
    return fail('schema', detail, 'run the version that made it, or later')
  }
  if (pending.length > 0) {
    const missing = `lacks ${pending.join(', ')}`
    const refused = await refusedTables(database)
    return fail(
      'schema',
      `${missing}${refused ? `, and ${refused.detail}` : ''}`,
      refused?.advice ?? 'run: menshen migrate up',
    )
  }
  if (changed.length > 0) {
    return warn(
      'schema',
      `was made by other texts of ${changed.join(', ')}`,
      'find out who edited a released migration',
    )
  }
  if (unknown.length > 0) {
    const detail = `is newer than this program: ${unknown.join(', ')}`
    return warn('schema', detail, 'finish the upgrade, or stay: this version can go on with it')
  }
  return ok('schema', `${applied.length} migrations, none missing`)
}

/**
 * Why this role could not make tables, if it could not. From PostgreSQL 15 on only the owner of a database may make any
 * in it.
 */
async function refusedTables({ knex }: Database): Promise<(Pick<Finding, 'detail'> & { advice: string }) | undefined> {
  const { rows } = await knex.raw<{
    rows: [{ schema: string | null; role: string; name: string; may: boolean | null }]
  }>(
    `select current_schema() as schema, current_user as role, current_database() as name,
      has_schema_privilege(current_schema(), 'create') as may`,
  )
  const [{ schema, role, name, may }] = rows
  if (schema === null)
    return {
      detail: 'no schema of its search_path exists',
      advice: `alter role "${role}" reset search_path, or make the schema`,
    }
  if (may === true) return undefined
  const advice = `let it make tables, then run menshen migrate up: alter database "${name}" owner to "${role}", or grant create on schema "${schema}" to "${role}"`
  return { detail: `the role ${role} may make no tables in the schema ${schema}`, advice }
}

/** Checks the short-lived store; says nothing about its tables when the database is away. */
async function checkEphemeral({ redis }: Config, database: Database | undefined): Promise<Finding[]> {
  if (!redis.url && !database) return []
  const name = redis.url ? 'redis' : 'ephemeral'
  const clock = wallClockMs
  const place = redis.url && { ...redis, url: redis.url }
  const store = place ? redisStore({ ...place, clock }) : tableStore({ database: database as Database, clock })
  const nodes = place ? await checkRedis(place) : []
  try {
    const startedAt = performance.now()
    await store.ping()
    const answered = await roundTrip(store)
    const tookMs = (performance.now() - startedAt).toFixed(1)
    if (!answered)
      return [fail(name, 'answers, but forgets what it was given', 'check memory limit and eviction policy'), ...nodes]
    const where = place ? 'Redis' : 'tables in the database'
    return [ok(name, `${where}: written, read and deleted in ${tookMs} ms`), ...nodes]
  } catch (error) {
    if (!place) return [fail(name, reasonOf(error), 'see the database above')]
    const isTold = nodes.some((finding) => finding.name === name && finding.status === 'fail')
    return isTold ? nodes : [redisUnreachable(error), ...nodes]
  } finally {
    await store.close()
  }
}

async function roundTrip(store: EphemeralStore): Promise<boolean> {
  const key = `doctor:${randomUUID()}`
  await store.set(key, key, 10)
  return (await store.take<string>(key)) === key
}
