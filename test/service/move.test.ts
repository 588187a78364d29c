import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openEmbedded } from '../../src/store/embedded.ts'
import { leftOut } from '../../src/store/move-database.ts'
import { openDatabase } from '../../src/store/postgres.ts'
import { systemBinaries } from '../../src/store/postgres-binaries.ts'
import { type Result, runCommand } from '../support/cli.ts'
import { createDatabase, createEmptyDatabase, type TestDatabase, untilLocked } from '../support/database.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { eventually } from '../support/patience.ts'
import { startPooler } from '../support/pooler.ts'
import { guarded } from '../support/run.ts'
import { startServer, worldOf } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'
import { Visitor } from '../support/visitor.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const clientId = 'sandbox-demo'

/** The tests go on where the one before has ended: from a trial to production, and back to a copy. */
describe('a trial that moves to a PostgreSQL of its own', () => {
  let cwd: string
  let env: Readonly<Record<string, string>>
  let target: TestDatabase
  let firstToken: string
  let secondToken: string
  let browser: Visitor

  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'menshen-move-'))
    env = { PORT: String(await freePort()), MENSHEN_DATA_DIR: join(cwd, '.menshen') }
    target = await createDatabase()
  })
  afterAll(async () => {
    await target?.drop()
    await rm(cwd, { recursive: true, force: true, maxRetries: 5 })
  })

  const move = (url: string, ...more: string[]): Promise<Result> =>
    runCommand(['move', '--to', url, ...more], { cwd, env })
  const request = () => startLogin(here(), clientId, here().redirectUri, { scope: 'openid phone offline_access' })
  const here = () => worldOf({ port: Number(env['PORT']) })
  const refresh = (refreshToken: string) =>
    token(here(), { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken })

  test('a data folder that a server holds stays where it is, and so does one that is not there', async () => {
    const server = await startServer({ cwd, env })
    browser = new Visitor(here().issuer, here().port)
    const back = await loginBySms(here(), browser, request(), '13800138000')
    const tokens = await exchange(here(), clientId, here().redirectUri, back.url.href)
    firstToken = tokens['refresh_token'] ?? ''

    const refused = await move(target.url)
    expect(refused).toMatchObject({ status: 1, stdout: '' })
    expect(refused.stderr).toContain(`is in use by process ${server.pid}`)
    expect(await filledTables(target)).toEqual([])
    expect(await server.stop()).toBe(0)

    const elsewhere = { ...env, MENSHEN_DATA_DIR: join(cwd, 'elsewhere') }
    const absent = await runCommand(['move', '--to', target.url], { cwd, env: elsewhere })
    expect(absent).toMatchObject({ status: 1, stdout: '' })
    expect(absent.stderr).toContain(`there is no embedded store in ${join(cwd, 'elsewhere')}`)
    await runBlock('copy', { MENSHEN_DATA_DIR: '.menshen' }, cwd)
  })

  test('a dry run counts everything and does not even make the tables', async () => {
    const empty = await createEmptyDatabase()
    onTestFinished(() => empty.drop())
    const trial = await move(empty.url, '--dry-run', '--json')
    expect(trial.status).toBe(3)
    const { tables, dry_run } = JSON.parse(trial.stdout)
    expect(dry_run).toBe(true)
    expect(tables).toContainEqual({ table: 'users', rows: 1, digest: expect.stringMatching(/^-?\d+$/) })
    expect(await tableNames(empty.database.knex)).toEqual([])
  })

  test('a database that has rows, or tables of something else, is left alone', async () => {
    const [filled, strange] = [await createDatabase(), await createEmptyDatabase()]
    onTestFinished(async () => void (await Promise.all([filled.drop(), strange.drop()])))
    const at = new Date()
    await filled.database
      .knex('resources')
      .insert({ resource: 'https://api.example.com', settings: {}, created_at: at, updated_at: at })
    await strange.database.knex.raw('create table orders (id bigint)')
    for (const [{ url, database }, reason] of [
      [filled, 'the target has rows in resources; it must be a new database'],
      [strange, 'the target has tables of something else: orders'],
    ] as const) {
      const before = await tableNames(database.knex)
      expect(await move(url)).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(reason) })
      expect(await tableNames(database.knex)).toEqual(before)
    }
    expect(await filledTables(filled)).toEqual(['resources'])
  })

  test('killed in the middle, it leaves nothing behind', async () => {
    const { knex } = target.database
    await knex.raw(`create function wait_here() returns trigger language plpgsql as
      'begin perform pg_advisory_lock(1); return new; end'`)
    await knex.raw(`create trigger wait_here before insert on identity_subjects
      for each row execute function wait_here()`)
    await knex.transaction(async (transaction) => {
      await transaction.raw('select pg_advisory_xact_lock(1)')
      const { PATH = '', HOME = '' } = process.env
      const args = [join(root, 'src/menshen.js'), 'move', '--to', target.url]
      const options = { cwd, detached: true, env: { PATH, HOME, TMPDIR: tmpdir(), ...env } }
      const child = guarded(spawn(process.execPath, args, options))
      let said = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
      const ended = once(child, 'exit')
      await untilLocked(knex)
      expect(said).toContain('copied users')
      child.kill('SIGKILL')
      await ended
    })
    // Who gets this lock comes after the end of the other's transaction.
    await eventually(() => knex.transaction((transaction) => transaction.raw('lock table users, identity_subjects')))
    expect(await filledTables(target)).toEqual([])
    await knex.raw('drop function wait_here() cascade')
  })

  test('every row arrives, past a pooler too, and what to set next is said without a secret', async () => {
    const pooler = await startPooler(target.url, 'passed')
    onTestFinished(() => pooler.close())
    const settings = { DATABASE_URL: pooler.url, DATABASE_DIRECT_URL: target.url }
    const moved = await runCommand(['move'], { cwd, env: { ...env, ...settings } })
    expect(moved.status, moved.stderr).toBe(0)
    expect(moved.stdout).toMatch(/^users +1 +-?\d+$/m)
    expect(moved.stdout).toContain('their numbers and digests are the same on both sides')
    const key = await readFile(join(cwd, '.menshen', 'secret.key'), 'utf8')
    for (const name of ['DATABASE_URL', 'MENSHEN_SECRET_KEY_FILE', 'ISSUER', 'NODE_ENV'])
      expect(moved.stderr).toContain(`  ${name}: `)
    expect(moved.stderr).toContain(join(cwd, '.menshen', 'secret.key'))
    for (const secret of [key.trim(), target.url, pooler.url]) expect(moved.stdout + moved.stderr).not.toContain(secret)

    // A pooler may lend another connection for each transaction: what is looked at goes through it, and nothing that writes.
    expect(pooler.asked.join('\n')).toContain('schema_migrations')
    expect(pooler.asked.filter((text) => /\b(insert into|copy|create|lock table|set) /i.test(text))).toEqual([])

    const embedded = await openEmbedded({ dataDir: join(cwd, '.menshen'), pid: process.pid })
    const source = openDatabase({ url: embedded.url, poolSize: 1 })
    onTestFinished(async () => {
      await source.close()
      await embedded.stop()
    })
    const rows = await allRows(source.knex)
    expect(await allRows(target.database.knex)).toEqual(rows)
    expect(rows).toMatchObject({ users: [expect.any(String)], keys: expect.not.arrayContaining([undefined]) })
    const next = `select nextval(pg_get_serial_sequence('audit_events', 'id')) as id`
    const ids = await Promise.all([source.knex, target.database.knex].map(async (knex) => (await knex.raw(next)).rows))
    expect(ids[0]).toEqual(ids[1])
    expect((await move(target.url)).stderr).toMatch(/the target has rows in .*users/)
  })

  test('people stay signed in, with browser and refresh token', async () => {
    const server = await startServer({ cwd, env: { ...env, DATABASE_URL: target.url } })
    const refreshed = await refresh(firstToken)
    expect(refreshed.status).toBe(200)
    secondToken = refreshed.body['refresh_token'] ?? ''
    expect((await browser.get(request())).location).toMatch(/[?&]code=/)
    expect(await server.stop()).toBe(0)
  })

  test('a dump that is restored has every row of the database, and fits the program', async () => {
    const restored = await createEmptyDatabase()
    onTestFinished(() => restored.drop())
    await runBlock('dump', { DATABASE_URL: target.url }, cwd)
    await runBlock('restore', { DATABASE_URL: restored.url }, cwd)
    expect(await allRows(restored.database.knex)).toEqual(await allRows(target.database.knex))
    const status = await runCommand(['migrate', 'status'], { cwd, env: { ...env, DATABASE_URL: restored.url } })
    expect(status).toMatchObject({ status: 0, stderr: '' })
  })

  test('after a restore the tokens of that time are good, used ones too, and later ones are unknown', async () => {
    await rm(join(cwd, '.menshen'), { recursive: true })
    await runBlock('return', { MENSHEN_DATA_DIR: '.menshen' }, cwd)
    const server = await startServer({ cwd, env })
    const later = await refresh(secondToken)
    expect([later.status, later.body['error']]).toEqual([400, 'invalid_grant'])
    const first = await refresh(firstToken)
    expect(first.status).toBe(200)
    expect((await refresh(first.body['refresh_token'] ?? '')).status).toBe(200)
    expect(await server.stop()).toBe(0)
  })
})

/** Every table that is moved, each with its rows as text. */
async function allRows(knex: Knex): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {}
  for (const name of await tableNames(knex)) {
    if (name in leftOut) continue
    const { rows } = await knex.raw<{ rows: { row: string }[] }>(`select to_jsonb(t)::text as row from ?? t`, [name])
    all[name] = rows.map(({ row }) => row).toSorted()
  }
  return all
}

async function tableNames(knex: Knex): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { tablename: string }[] }>(
    `select tablename from pg_tables where schemaname = 'public' order by tablename`,
  )
  return rows.map(({ tablename }) => tablename)
}

async function filledTables({ database }: TestDatabase): Promise<string[]> {
  const rows = Object.entries(await allRows(database.knex))
  // A migration has made its one row.
  return rows.flatMap(([name, { length }]) => (length > 0 && name !== 'catalog_versions' ? [name] : []))
}

/** Runs what the operations page tells people to type, with the programs of the PostgreSQL that the tests use. */
async function runBlock(name: string, env: Readonly<Record<string, string>>, cwd: string): Promise<void> {
  const page = await readFile(join(root, 'docs/operations.md'), 'utf8')
  const block = new RegExp(`^\`\`\`sh manual=${name}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)?.[1]
  if (block === undefined) throw new Error(`docs/operations.md has no block ${name}`)
  const { PATH = '' } = process.env
  const folders = [(await systemBinaries())?.folder ?? '', PATH].join(delimiter)
  await promisify(execFile)('sh', ['-ec', block], { cwd, env: { ...env, PATH: folders } })
}
