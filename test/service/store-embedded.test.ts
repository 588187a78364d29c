import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedDatabase, openEmbedded } from '../../src/store/embedded.ts'
import { openDatabase } from '../../src/store/postgres.ts'
import { eventually } from '../support/patience.ts'

const childFile = fileURLToPath(new URL('../support/embedded-child.ts', import.meta.url))
let root: string
let dataDir: string
const children: ChildProcess[] = []

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'menshen-embedded-'))
  dataDir = join(root, 'data')
})

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(root, { recursive: true, force: true })
})

test('what is stored is there after a stop and a start', async () => {
  const first = await open()
  await using(first, (query) => query('create table kept as select 7 as number'))
  await first.stop()
  expect(await serverPid()).toBeUndefined()
  const second = await open()
  expect(await using(second, (query) => query('select number from kept'))).toEqual([{ number: 7 }])
  await second.stop()
})

test('secrets and the socket are for this user only, and fsync is on', async () => {
  const embedded = await open()
  expect((await stat(dataDir)).mode & 0o077).toBe(0)
  expect((await stat(join(dataDir, 'run'))).mode & 0o077).toBe(0)
  expect((await stat(join(dataDir, 'postgres', 'menshen.password'))).mode & 0o077).toBe(0)
  expect(await using(embedded, (query) => query('show fsync'))).toEqual([{ fsync: 'on' }])
  const wrong = new URL(embedded.url.reveal().replace('@/', '@host/'))
  wrong.password = 'guessed'
  const stranger = openDatabase({ url: wrong.href.replace('@host/', '@/'), poolSize: 1 })
  await expect(stranger.knex.raw('select 1')).rejects.toThrow('password authentication failed')
  await stranger.close()
  await embedded.stop()
})

test('killing the process that started it loses nothing, and the next one finds it alive', async () => {
  const { child } = await spawnChild(dataDir, 'create table survivor as select 8 as number')
  const pid = await serverPid()
  child.kill('SIGKILL')
  const embedded = await open({ serve: true })
  expect(await using(embedded, (query) => query('select number from survivor'))).toEqual([{ number: 8 }])
  expect(await serverPid()).toBe(pid)
  await embedded.stop()
})

test('a second server on the same folder is refused with the first one’s process id, a command is not', async () => {
  const { child } = await spawnChild(dataDir)
  await expect(open({ serve: true })).rejects.toThrow(`${dataDir} is in use by process ${child.pid}`)
  const command = await open()
  expect(await using(command, (query) => query('select 1 as it'))).toEqual([{ it: 1 }])
  await command.stop()
  expect(await serverPid()).toBeDefined()
  await endChild(child)
  expect(await serverPid()).toBeUndefined()
})

test('when PostgreSQL is killed it is started again and the pool heals', async () => {
  const embedded = await open({ serve: true })
  const database = openDatabase({ url: embedded.url, poolSize: 2 })
  const ask = { name: 'ask', text: 'select number from kept', values: [] }
  await Promise.all([database.readQuery(ask), database.commitQuery(ask), database.knex.raw(ask.text)])
  process.kill((await serverPid()) as number, 'SIGKILL')
  for (const query of [
    () => database.readQuery(ask),
    () => database.commitQuery(ask),
    () => database.knex.raw(ask.text),
  ]) {
    const errors: unknown[] = []
    const { rows } = await eventually(() =>
      query().catch((error: unknown) => {
        errors.push(error)
        throw error
      }),
    )
    expect(rows).toEqual([{ number: 7 }])
    for (const error of errors) expect(error).toMatchObject({ code: 'server.unavailable' })
  }
  await expect(open({ serve: true })).rejects.toThrow(`in use by process ${process.pid}`)
  await database.close()
  await embedded.stop()
})

test('who comes while PostgreSQL is down does not get the folder of a server that lives', async () => {
  const { child } = await spawnChild(dataDir)
  child.kill('SIGSTOP')
  process.kill((await serverPid()) as number, 'SIGKILL')
  await expect(open({ serve: true })).rejects.toThrow(`${dataDir} is in use by process that does not answer`)
  child.kill('SIGCONT')
  await expect(open({ serve: true })).rejects.toThrow(`${dataDir} is in use by process ${child.pid}`)
  child.kill('SIGKILL')
  await eventually(async () => (await open({ serve: true })).stop())
})

test('somebody who asks for the server and then stands still does not keep it from ending', async () => {
  const embedded = await open({ serve: true })
  const asker = connect({ path: join(dataDir, 'run', 'serving.sock'), allowHalfOpen: true })
  const [answer] = await once(asker, 'data')
  expect(String(answer)).toBe(`${process.pid}`)
  await embedded.stop()
  asker.destroy()
})

test('of many that want a dead server’s folder at once one gets it', async () => {
  const { child } = await spawnChild(dataDir)
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  const command = await open()
  const asked = await Promise.allSettled([1, 2, 3, 4, 5].map(() => open({ serve: true })))
  const got = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  expect(got).toHaveLength(1)
  for (const each of asked)
    if (each.status === 'rejected') expect(each.reason.message).toContain(`in use by process ${process.pid}`)
  await got[0]?.stop()
  await command.stop()
})

test('a process id left behind by a killed server and used by another program does not stop the start', async () => {
  const { child } = await spawnChild(dataDir)
  const pid = (await serverPid()) as number
  child.kill('SIGSTOP')
  process.kill(pid, 'SIGKILL')
  const file = join(dataDir, 'postgres', 'postmaster.pid')
  const lines = (await readFile(file, 'utf8')).split('\n')
  await writeFile(file, [child.pid, ...lines.slice(1)].join('\n'))
  const embedded = await open()
  expect(await using(embedded, (query) => query('select number from kept'))).toEqual([{ number: 7 }])
  child.kill('SIGKILL')
  await embedded.stop()
})

test('three that open an empty folder at once share one database, and the last to leave ends it', async () => {
  const shared = join(root, 'shared')
  const opened = await Promise.all([1, 2, 3].map(() => openEmbedded({ dataDir: shared, pid: process.pid })))
  expect(new Set(opened.map(({ url }) => url.reveal())).size).toBe(1)
  await Promise.all(opened.map(({ stop }) => stop()))
  expect(await serverPid(shared)).toBeUndefined()
  const again = await openEmbedded({ dataDir: shared, pid: process.pid })
  await again.stop()
})

test('a folder too deep for a socket keeps its socket in a private temporary folder', async () => {
  const deep = join(root, 'a'.repeat(60), 'b'.repeat(60))
  const embedded = await openEmbedded({ dataDir: deep, pid: process.pid })
  const folder = new URL(embedded.url.reveal().replace('@/', '@host/')).searchParams.get('host') as string
  expect(folder.startsWith(join(tmpdir(), 'menshen-'))).toBe(true)
  expect((await stat(folder)).mode & 0o077).toBe(0)
  expect(await using(embedded, (query) => query('select 1 as it'))).toEqual([{ it: 1 }])
  await embedded.stop()
  await rm(folder, { recursive: true })
})

test('a data folder of another PostgreSQL version is refused with the way out', async () => {
  const old = join(root, 'old')
  await mkdir(join(old, 'postgres'), { recursive: true })
  await writeFile(join(old, 'postgres', 'PG_VERSION'), '9\n')
  await expect(openEmbedded({ dataDir: old, pid: process.pid })).rejects.toThrow(/made by PostgreSQL 9 .* DATABASE_URL/)
})

function open(options: { serve?: boolean } = {}): Promise<EmbeddedDatabase> {
  return openEmbedded({ dataDir, pid: process.pid, ...options })
}

async function using<T>(
  { url }: EmbeddedDatabase,
  work: (query: (text: string) => Promise<unknown>) => Promise<T>,
): Promise<T> {
  const database = openDatabase({ url, poolSize: 1 })
  try {
    return await work(async (text) => (await database.knex.raw(text)).rows)
  } finally {
    await database.close()
  }
}

async function serverPid(folder = dataDir): Promise<number | undefined> {
  const text = await readFile(join(folder, 'postgres', 'postmaster.pid'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : Number(text.split('\n')[0])
}

async function spawnChild(...args: string[]): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(process.execPath, [childFile, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  for await (const line of createInterface(child.stdout)) {
    if (line !== 'ready') throw new Error(line)
    return { child, line }
  }
  throw new Error('the child said nothing')
}

async function endChild(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.stdin?.end()
  await ended
}
