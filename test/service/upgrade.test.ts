import { cp, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Balancer } from '../support/balancer.ts'
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts'
import { demoClientId, demoFamilies } from '../support/demo-family.ts'
import { earlierTag, unpackTag } from '../support/earlier-version.ts'
import { token } from '../support/login.ts'
import { runToEnd, type ServerProcess, startServer, worldOf } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'

// An upgrade while people use the server, and the way back, behind a balancer that looks every half second. The first version is
// the newest one that git has a tag for, or this one where it has none; the second is this one with further migrations.

const tag = await earlierTag()
const root = fileURLToPath(new URL('../../', import.meta.url))
const families = 4
const readers = 4

/** What versions add: columns to large tables, tables, an index that is made beside everything else. */
const added = {
  '20991231000000_add_notes': 'alter table oidc_records add column note text; alter table users add column note text',
  '20991231000001_create_notes': 'create table notes (id bigint generated always as identity, note text)',
  '20991231000002_index_notes': 'create index concurrently notes_note_idx on notes (note)',
}

let database: TestDatabase
let folder: string
let old: string
let next: string

beforeAll(async () => {
  database = await createEmptyDatabase()
  old = tag === undefined ? root : await unpackTag(tag)
  folder = await mkdtemp(join(tmpdir(), 'menshen-upgrade-'))
  next = join(folder, 'next')
  const unneeded = ['node_modules', 'test', 'bench', 'compat', 'docs', 'data']
  for (const name of await readdir(root)) {
    if (name.startsWith('.') || unneeded.includes(name)) continue
    await cp(join(root, name), join(next, name), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(next, 'node_modules'))
  for (const [name, sql] of Object.entries(added)) {
    const transaction = !sql.includes('concurrently')
    const source = `export const transaction = ${transaction}\nexport const up = (knex) => knex.raw(${JSON.stringify(sql)})\n`
    await writeFile(join(next, 'migrations', `${name}.ts`), source)
  }
})
afterAll(async () => {
  await database.drop()
  await rm(folder, { recursive: true })
})

const versions = tag === undefined ? 'this version, for git has no tag before it,' : `version ${tag}`

test(`fails no request and loses no token, from ${versions} to the next one and back`, {
  timeout: 300_000,
}, async () => {
  const front = await freePort()
  const issuer = `http://localhost:${front}`
  const env = {
    ISSUER: issuer,
    DATABASE_URL: database.url,
    MENSHEN_SECRET_KEY: 'k'.repeat(43),
    MENSHEN_SERVER__DRAIN_SECONDS: '6',
  }
  const program = { old: join(old, 'src/menshen.js'), next: join(next, 'src/menshen.js') }
  const run = (version: keyof typeof program, ...args: string[]) =>
    runToEnd({ cwd: folder, env, command: [process.execPath, program[version], ...args] })
  const start = (version: keyof typeof program, port: number) =>
    startServer({
      cwd: folder,
      env: { ...env, PORT: String(port) },
      command: [process.execPath, program[version], 'serve'],
    })

  const ports = [await freePort(), await freePort()] as const
  const servers = [await start('old', ports[0]), await start('old', ports[1])]
  const balancer = new Balancer()
  onTestFinished(async () => {
    await balancer.close()
    for (const server of servers) await server.stop('SIGKILL')
  })
  await balancer.listen(front)
  for (const port of ports) await balancer.add(port)

  /** Drains a server, while it still answers, and starts another version in its place. */
  async function replace(index: 0 | 1, version: keyof typeof program): Promise<void> {
    const stopped = (servers[index] as ServerProcess).stop('SIGTERM')
    await expect.poll(() => balancer.readyCount, { timeout: 60_000 }).toBe(1)
    const direct = await fetch(`http://127.0.0.1:${ports[index]}/jwks`)
    expect([direct.status, direct.headers.get('connection')]).toEqual([200, 'close'])
    expect(await stopped).toBe(0)
    servers[index] = await start(version, ports[index])
    await expect.poll(() => balancer.readyCount, { timeout: 60_000 }).toBe(2)
  }

  const refresh = (value: string) =>
    token({ port: front }, { grant_type: 'refresh_token', client_id: demoClientId, refresh_token: value })

  const firsts: string[] = []
  for (let n = 0; n < families; n++) {
    const family = await demoFamilies(worldOf({ port: ports[0] }, issuer), `1380013800${n}`)
    firsts.push(await family())
  }
  const statuses = new Map<number, number>()
  const note = (status: number) => statuses.set(status, (statuses.get(status) ?? 0) + 1)
  let isOver = false
  const reading = Array.from({ length: readers }, async () => {
    while (!isOver) {
      const answer = await fetch(`${issuer}/.well-known/openid-configuration`)
      await answer.arrayBuffer()
      note(answer.status)
      await delay(20)
    }
  })
  const refreshing = firsts.map(async (first) => {
    let current = first
    while (!isOver) {
      const { status, body } = await refresh(current)
      note(status)
      current = body['refresh_token'] ?? current
      await delay(50)
    }
    return current
  })

  const [newer = [], older = []] = await Promise.all([next, old].map((each) => readdir(join(each, 'migrations'))))
  const count = newer.filter((name) => !older.includes(name)).length
  expect(await run('next', 'migrate', 'up')).toMatchObject({ status: 0, stdout: `${count} applied\n` })
  for (const port of ports) {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`)
    expect([ready.status, await ready.json()]).toMatchObject([200, { checks: { database: 'ok' } }])
  }
  const listed = await run('old', 'users', 'list')
  expect([listed.status, listed.stderr]).toEqual([0, ''])
  await replace(0, 'next')
  await replace(1, 'old')
  await replace(0, 'old')

  isOver = true
  await Promise.all(reading)
  const lasts = await Promise.all(refreshing)
  expect([...statuses.keys()]).toEqual([200])
  for (const last of lasts) expect((await refresh(last)).status).toBe(200)
  expect(await database.database.knex('audit_events').where({ event: 'token.reused' })).toEqual([])
})
