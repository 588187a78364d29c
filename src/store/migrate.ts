import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Knex } from 'knex'
import type { Database } from './postgres.ts'

/** How the database compares with the migrations of this code. */
export interface MigrationStatus {
  readonly applied: readonly string[]
  readonly pending: readonly string[]
  /** Migrations that the database has and this code does not know: the schema is newer than the program. */
  readonly unknown: readonly string[]
  /** Those of them that this code cannot run beside. */
  readonly incompatible: readonly string[]
  /** Migrations whose file has changed since it was applied. */
  readonly changed: readonly string[]
}

interface MigrationModule {
  up(knex: Knex): Promise<void>
  /** False for what PostgreSQL refuses inside a transaction (concurrent indexes); `up` must then be repeatable. */
  readonly transaction?: boolean
  /**
   * The migration that a program must know to run beside this one; absent when any may, because this one only adds.
   * What takes something away names the migration since which no program uses it.
   */
  readonly needs?: string
}

interface Migration {
  readonly name: string
  readonly path: string
  readonly checksum: string
}

interface Row {
  readonly name: string
  readonly checksum: string
  readonly needs: string | null
}

type Log = (line: string) => void

const folder = fileURLToPath(new URL('../../migrations/', import.meta.url))
const fileName = /^(\d{14}_[a-z0-9_]+)\.ts$/
const lockNumber = 7_363_468

/**
 * Applies what is pending, in order, each file in its own transaction together with its row in `schema_migrations`, so
 * that a process killed in between leaves nothing half done. One advisory lock, which dies with its connection, lets
 * any number of processes start at once. A newer schema stays as it is, because this code runs on it. Throws when one
 * of its migrations needs more of this code. Answers the names applied by this call.
 */
export async function migrateUp(
  database: Database,
  log: Log = () => {},
  directory = folder,
): Promise<readonly string[]> {
  const known = await migrationsIn(directory)
  return database.maintenance(async (knex) => {
    await lock(knex, log)
    await createTable(knex)
    const { unknown, incompatible, pending } = compare(known, await rows(knex))
    // A program that lacks a migration between others that it has never met was not made from them.
    const strange = pending.length > 0 ? unknown : incompatible
    if (strange.length > 0) throw new Error(`the schema is too new for this program: it has ${strange.join(', ')}`)
    for (const migration of known.filter(({ name }) => pending.includes(name))) {
      await apply(knex, migration)
      log(`applied ${migration.name}`)
    }
    return pending
  })
}

/** What is applied, pending, unknown to this code and changed since it was applied. Writes nothing. */
export async function migrationStatus({ knex }: Pick<Database, 'knex'>, directory = folder): Promise<MigrationStatus> {
  const known = await migrationsIn(directory)
  const exists = await knex.raw("select to_regclass('schema_migrations') is not null as present")
  return compare(known, exists.rows[0].present ? await rows(knex) : [])
}

function compare(known: readonly Migration[], present: readonly Row[]): MigrationStatus {
  const checksums = new Map(present.map((row) => [row.name, row.checksum]))
  const names = new Set(known.map(({ name }) => name))
  const unknown = present.filter(({ name }) => !names.has(name))
  return {
    applied: known.filter(({ name }) => checksums.has(name)).map(({ name }) => name),
    pending: known.filter(({ name }) => !checksums.has(name)).map(({ name }) => name),
    unknown: unknown.map(({ name }) => name),
    incompatible: unknown.filter(({ needs }) => needs !== null && !names.has(needs)).map(({ name }) => name),
    changed: known
      .filter(({ name, checksum }) => (checksums.get(name) ?? checksum) !== checksum)
      .map(({ name }) => name),
  }
}

let own: Promise<readonly Migration[]> | undefined

/** Those of this program are read once: each look at the readiness would read some sixty files. */
function migrationsIn(directory: string): Promise<readonly Migration[]> {
  if (directory !== folder) return readMigrations(directory)
  own ??= readMigrations(folder)
  return own
}

async function readMigrations(directory: string): Promise<readonly Migration[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.ts')).sort()
  return Promise.all(
    files.map(async (file) => {
      const name = fileName.exec(file)?.[1]
      if (name === undefined) throw new Error(`${file} is not named YYYYMMDDHHMMSS_verb_noun.ts`)
      const path = join(directory, file)
      return {
        name,
        path,
        checksum: createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      }
    }),
  )
}

/**
 * Asks again instead of waiting inside PostgreSQL: a waiting statement would hold back another process's concurrent
 * index.
 */
async function lock(knex: Knex, log: Log): Promise<void> {
  for (let tries = 0; ; tries++) {
    const answer = await knex.raw('select pg_try_advisory_lock(?) as mine', [lockNumber])
    if (answer.rows[0].mine) return
    if (tries === 0) log('waiting for another process that is migrating')
    await delay(25)
  }
}

async function createTable(knex: Knex): Promise<void> {
  await knex.raw(`create table if not exists schema_migrations (
    name text primary key,
    checksum text not null,
    applied_at timestamptz not null default now(),
    needs text
  )`)
  if (!(await knex.schema.hasColumn('schema_migrations', 'needs')))
    await knex.raw('alter table schema_migrations add column needs text')
}

/** A program from before `needs` has made a table without it. */
async function rows(knex: Knex): Promise<Row[]> {
  const read = await knex.raw<{ rows: Row[] }>(
    `select name, checksum, to_jsonb(m) ->> 'needs' as needs from schema_migrations m order by name`,
  )
  return read.rows
}

async function apply(knex: Knex, { name, path, checksum }: Migration): Promise<void> {
  const migration: MigrationModule = await import(pathToFileURL(path).href)
  const record = (target: Knex) =>
    target('schema_migrations').insert({ name, checksum, needs: migration.needs ?? null })
  if (migration.transaction === false) {
    await migration.up(knex)
    await record(knex)
    return
  }
  await knex.transaction(async (transaction) => {
    await record(transaction)
    await migration.up(transaction)
  })
}
