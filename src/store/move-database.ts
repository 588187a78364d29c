import type { Knex } from 'knex'
import pg from 'pg'
import { migrateUp, migrationStatus } from './migrate.ts'
import type { Database } from './postgres.ts'
import {
  copyTable,
  digestOf,
  inOrderOfNeed,
  readTables,
  setUpCopy,
  type Table,
  type TableDigest,
} from './table-copy.ts'

/** Why a database is not moved; nothing was written to it, or nothing stayed. */
export class MoveRefused extends Error {
  override readonly name = 'MoveRefused'
}

/** One table that was moved, or would be. */
export interface MovedTable extends TableDigest {
  readonly table: string
}

/** What is moved from where to where. */
export interface MoveInput {
  readonly from: Database
  readonly to: Database
  /** Looks at everything and writes nothing. */
  readonly isTrial: boolean
  readonly log: (line: string) => void
}

/** Tables whose rows are of no use in another database, with the reason. */
export const leftOut: Readonly<Record<string, string>> = {
  ephemeral: 'what a crash may lose: logins under way begin again, and limits count anew',
  readiness: 'the last moment at which the database could be written to',
  schema_migrations: 'the other database has its own',
  servers: 'the processes that run at the moment',
}

/** A migration puts rows in there, so that a database without anything else is a fresh one. */
const filledByMigrations: readonly string[] = ['catalog_versions']

const oldestMajor = 15

/**
 * Moves every row in one transaction, into a database that has none: killed at any moment, it leaves nothing there but
 * the schema. Nobody writes to either side meanwhile. Throws `MoveRefused` where the two do not fit or the other side
 * has rows already.
 */
export async function moveDatabase({ from, to, isTrial, log }: MoveInput): Promise<readonly MovedTable[]> {
  await checkSource(from)
  await checkTarget(to)
  if (!isTrial) await migrateUp(to, log)
  return from.maintenance((source) =>
    source.transaction(async (reading) => {
      await setUpCopy(reading)
      const tables = inOrderOfNeed(await readTables(reading)).filter(({ name }) => !(name in leftOut))
      await lockTables(tables, 'share', reading)
      if (isTrial) return digests(tables, reading)
      return to.maintenance(async (target) => {
        const moved = await target.transaction((writing) => copyAll(tables, reading, writing, log))
        await target.raw(`analyze ${nameList(tables)}`)
        return moved
      })
    }),
  )
}

async function checkSource(from: Database): Promise<void> {
  const { pending, unknown } = await migrationStatus(from)
  if (pending.length > 0)
    throw new MoveRefused(
      `the schema of the embedded store lacks ${pending.join(', ')}: start the server once, or run migrate up`,
    )
  if (unknown.length > 0)
    throw new MoveRefused(
      `the schema of the embedded store is newer than this program: it has ${unknown.join(', ')}; use the one that made it`,
    )
}

async function checkTarget(to: Database): Promise<void> {
  const { rows } = await to.knex.raw(
    `select current_setting('server_version_num')::int / 10000 as major, current_setting('server_encoding') as encoding`,
  )
  const { major, encoding } = rows[0]
  if (major < oldestMajor) throw new MoveRefused(`the target is PostgreSQL ${major}; ${oldestMajor} is the oldest`)
  if (encoding !== 'UTF8') throw new MoveRefused(`the target has the encoding ${encoding}; make it with UTF8`)
  const tables = await readTables(to.knex)
  if (tables.length > 0 && !tables.some(({ name }) => name === 'schema_migrations'))
    throw new MoveRefused(`the target has tables of something else: ${tables.map(({ name }) => name).join(', ')}`)
  const { unknown } = await migrationStatus(to)
  if (unknown.length > 0)
    throw new MoveRefused(`the schema of the target is newer than this program: it has ${unknown.join(', ')}`)
  await refuseRows(tables, to.knex)
}

async function refuseRows(tables: readonly Table[], knex: Knex): Promise<void> {
  const filled: string[] = []
  for (const { name } of tables) {
    if (name in leftOut || filledByMigrations.includes(name)) continue
    const { rowCount } = await knex.raw(`select from ${pg.escapeIdentifier(name)} limit 1`)
    if (rowCount > 0) filled.push(name)
  }
  if (filled.length > 0)
    throw new MoveRefused(`the target has rows in ${filled.join(', ')}; it must be a new database, empty or migrated`)
}

async function copyAll(
  tables: readonly Table[],
  from: Knex.Transaction,
  to: Knex.Transaction,
  log: (line: string) => void,
): Promise<readonly MovedTable[]> {
  await setUpCopy(to)
  await lockTables(tables, 'share row exclusive', to)
  // Between the first look and the lock a server may have started there.
  await refuseRows(tables, to)
  for (const name of filledByMigrations) await to.raw(`delete from ${pg.escapeIdentifier(name)}`)
  for (const table of tables) {
    await copyTable(table, from, to)
    log(`copied ${table.name}`)
  }
  const [before, after] = await Promise.all([digests(tables, from), digests(tables, to)])
  for (const [index, { table, rows, digest }] of before.entries()) {
    const there = after[index]
    if (there?.rows !== rows || there.digest !== digest)
      throw new Error(`the copy of ${table} is not the same: ${rows} rows here and ${there?.rows} there`)
  }
  return after
}

/** One after the other, because a connection does one thing at a time. */
async function digests(tables: readonly Table[], transaction: Knex.Transaction): Promise<readonly MovedTable[]> {
  const all: MovedTable[] = []
  for (const table of tables) all.push({ table: table.name, ...(await digestOf(table, transaction)) })
  return all
}

async function lockTables(tables: readonly Table[], mode: string, transaction: Knex.Transaction): Promise<void> {
  await transaction.raw(`lock table ${nameList(tables)} in ${mode} mode`)
}

function nameList(tables: readonly Table[]): string {
  return tables.map(({ name }) => pg.escapeIdentifier(name)).join(', ')
}
