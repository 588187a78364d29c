import { type ChildProcess, spawn } from 'node:child_process'
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { migrateUp, migrationStatus } from '../../src/store/migrate.ts'
import { createDatabase, createEmptyDatabase, type TestDatabase } from '../support/database.ts'

const childFile = fileURLToPath(new URL('../support/migrate-child.ts', import.meta.url))
let root: string
let directory: string
let own: TestDatabase
let folders = 0

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'menshen-migrate-'))
})
afterAll(() => rm(root, { recursive: true }))
beforeEach(async () => {
  directory = join(root, `${++folders}`)
  await mkdir(directory)
  own = await createEmptyDatabase()
  const { drop } = own
  onTestFinished(drop)
})

test('four processes that start at once on an empty database all come up', async () => {
  const outputs = await Promise.all([1, 2, 3, 4].map(() => text(startChild(own.url).stdout as NodeJS.ReadableStream)))
  const applied = outputs.map((output) => JSON.parse(output) as string[])
  const { applied: present, pending, unknown, changed } = await migrationStatus(own.database)
  expect(applied.flat().toSorted()).toEqual(present)
  expect(present[0]).toBe('20261120100000_create_ephemeral')
  expect({ pending, unknown, changed }).toEqual({ pending: [], unknown: [], changed: [] })
})

test('the template of the tests is fully migrated', async () => {
  const cloned = await createDatabase()
  onTestFinished(cloned.drop)
  expect((await migrationStatus(cloned.database)).pending).toEqual([])
  expect(await migrateUp(cloned.database)).toEqual([])
})

test('a file that fails leaves nothing of itself, keeps those before it, and runs again when mended', async () => {
  await migration('20260101000000_create_first', 'create table first (id int)')
  await migration('20260102000000_create_second', 'create table second (id int); select 1 / 0')
  await expect(migrateUp(own.database, undefined, directory)).rejects.toThrow('division by zero')
  expect(await migrationStatus(own.database, directory)).toMatchObject({
    applied: ['20260101000000_create_first'],
    pending: ['20260102000000_create_second'],
  })
  expect(await tables()).toEqual(['first', 'schema_migrations'])
  const mended = await copyOf(directory, { '20260102000000_create_second': 'create table second (id int)' })
  expect(await migrateUp(own.database, undefined, mended)).toEqual(['20260102000000_create_second'])
})

test('a process killed in the middle leaves a database the next one can migrate', async () => {
  await migration('20260101000000_create_first', 'create table first (id int)')
  await migration('20260102000000_create_second', 'create table second (id int); select pg_sleep(60)')
  const child = startChild(own.url, directory)
  await untilSleeping()
  child.kill('SIGKILL')
  await own.database.knex.raw("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")
  const mended = await copyOf(directory, { '20260102000000_create_second': 'create table second (id int)' })
  expect(await migrateUp(own.database, undefined, mended)).toEqual(['20260102000000_create_second'])
  expect(await tables()).toEqual(['first', 'schema_migrations', 'second'])
})

test('a newer schema is reported, and what it says of older programs is gone by', async () => {
  const create = ['20260101000000_create_first', 'create table first (id int)'] as const
  const add = ['20260102000000_add_second', 'alter table first add second int'] as const
  const drop = ['20260103000000_drop_id', 'alter table first drop id', add[0]] as const
  const [first, second, third] = [await version(create), await version(create, add), await version(create, add, drop)]
  await migrateUp(own.database, undefined, second)
  expect(await migrationStatus(own.database, first)).toMatchObject({ pending: [], unknown: [add[0]], incompatible: [] })
  expect(await migrateUp(own.database, undefined, first)).toEqual([])

  await migrateUp(own.database, undefined, third)
  expect((await migrationStatus(own.database, second)).incompatible).toEqual([])
  expect(await migrateUp(own.database, undefined, second)).toEqual([])
  expect((await migrationStatus(own.database, first)).incompatible).toEqual([drop[0]])
  const refused = `the schema is too new for this program: it has ${drop[0]}`
  await expect(migrateUp(own.database, undefined, first)).rejects.toThrow(refused)
})

test('a program that lacks one migration and has never met another was not made from them, and applies nothing', async () => {
  const create = ['20260101000000_create_first', 'create table first (id int)'] as const
  await migrateUp(own.database, undefined, await version(create, ['20260103000000_add_third', 'select 1']))
  const other = await version(create, ['20260102000000_add_second', 'select 1'])
  await expect(migrateUp(own.database, undefined, other)).rejects.toThrow('it has 20260103000000_add_third')
})

test('a table of applied migrations from before any of them said what it needs is read, and completed', async () => {
  const create = ['20260101000000_create_first', 'create table first (id int)'] as const
  const first = await version(create)
  await migrateUp(own.database, undefined, first)
  await own.database.knex.raw('alter table schema_migrations drop needs')
  expect(await migrationStatus(own.database, first)).toMatchObject({ pending: [], unknown: [] })
  const second = await version(create, ['20260102000000_add_second', 'alter table first add second int'])
  expect(await migrateUp(own.database, undefined, second)).toEqual(['20260102000000_add_second'])
})

test('a file changed after it was applied is reported', async () => {
  await migration('20260101000000_create_first', 'create table first (id int)')
  await migrateUp(own.database, undefined, directory)
  await migration('20260101000000_create_first', 'create table first (id bigint)')
  expect((await migrationStatus(own.database, directory)).changed).toEqual(['20260101000000_create_first'])
})

test('a file may ask to run outside a transaction', async () => {
  await migration('20260101000000_create_first', 'create table first (id int)')
  await migration('20260102000000_index_first', 'create index concurrently if not exists it on first (id)', false)
  expect(await migrateUp(own.database, undefined, directory)).toHaveLength(2)
})

test('a file with another kind of name is refused', async () => {
  await writeFile(join(directory, '1_first.ts'), '')
  await expect(migrateUp(own.database, undefined, directory)).rejects.toThrow('1_first.ts is not named')
})

test('asking for the status of an empty database writes nothing', async () => {
  await migration('20260101000000_create_first', 'create table first (id int)')
  expect((await migrationStatus(own.database, directory)).pending).toEqual(['20260101000000_create_first'])
  expect(await tables()).toEqual([])
})

async function migration(name: string, sql: string, transaction = true, folder = directory): Promise<void> {
  const source = `export const transaction = ${transaction}\nexport async function up(knex) { await knex.raw(${JSON.stringify(sql)}) }\n`
  await writeFile(join(folder, `${name}.ts`), source)
}

/** The migrations of one version of the program: the name of each, its SQL and what it needs. */
async function version(...files: readonly (readonly [name: string, sql: string, needs?: string])[]): Promise<string> {
  const folder = join(root, `${++folders}`)
  await mkdir(folder)
  for (const [name, sql, needs] of files) {
    await migration(name, sql, true, folder)
    if (needs !== undefined) await appendFile(join(folder, `${name}.ts`), `export const needs = '${needs}'\n`)
  }
  return folder
}

async function copyOf(folder: string, replaced: Record<string, string>): Promise<string> {
  const copy = join(root, `${++folders}`)
  await mkdir(copy)
  await migration('20260101000000_create_first', 'create table first (id int)', true, copy)
  for (const [name, sql] of Object.entries(replaced)) await migration(name, sql, true, copy)
  expect(copy).not.toBe(folder)
  return copy
}

async function tables(): Promise<string[]> {
  const { rows } = await own.database.knex.raw("select tablename from pg_tables where schemaname = 'public' order by 1")
  return rows.map(({ tablename }: { tablename: string }) => tablename)
}

function startChild(...args: string[]): ChildProcess {
  return spawn(process.execPath, [childFile, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function untilSleeping(): Promise<void> {
  const statement = "select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
  while ((await own.database.knex.raw(statement)).rowCount === 0) await delay(20)
}
