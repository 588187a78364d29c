import { type AddressInfo, connect, createServer } from 'node:net'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../src/store/postgres.ts'
import { createDatabase } from '../support/database.ts'
import { eventually } from '../support/patience.ts'
import { freePort } from '../support/services.ts'
import { silentServer } from '../support/silent-server.ts'

const { url, drop } = await createDatabase()
afterAll(drop)
const { host } = new URL(url)
const backend = { name: 'backend', text: 'select pg_backend_pid() as pid', values: [] }

test('hosts that are away, or silent, are passed over by everything that connects', async () => {
  const silent = await silentServer()
  onTestFinished(silent.close)
  const hosts = `127.0.0.1:${await freePort()},127.0.0.1:${silent.port},${host}`
  const database = openDatabase({ url: url.replace(host, hosts), poolSize: 2 })
  onTestFinished(() => database.close())
  const pid = { rows: [{ pid: expect.any(Number) }] }
  expect(await database.readQuery(backend)).toMatchObject(pid)
  expect(await database.commitQuery(backend)).toMatchObject(pid)
  expect(await database.knex.raw(backend.text)).toMatchObject(pid)
  expect(await database.maintenance((knex) => knex.raw(backend.text))).toMatchObject(pid)
  await new Promise<void>((resolve, reject) =>
    database.listen({ channel: 'menshen_hosts', onTold: resolve, onDeaf: reject }),
  )
})

test('where no host takes writes the error names them all, and no password', async () => {
  const ports = [await freePort(), await freePort()]
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join()
  const away = openDatabase({ url: `postgres://menshen:canary@${hosts}/menshen`, poolSize: 2 })
  onTestFinished(() => away.close())
  for (const query of [
    () => away.readQuery(backend),
    () => away.commitQuery(backend),
    () => away.knex.raw('select 1'),
  ]) {
    const error = await query().catch((thrown: unknown) => thrown as Error)
    expect(error).toMatchObject({ code: 'server.unavailable', cause: { code: 'ECONNREFUSED' } })
    const { message } = (error as Error).cause as Error
    for (const port of ports) expect(message).toContain(`127.0.0.1:${port}`)
    expect(`${message}${JSON.stringify((error as Error).cause)}`).not.toContain('canary')
  }
})

test('a reader on a host that takes writes no longer looks for another as soon as a connection of the pool has died', async () => {
  const database = openDatabase({ url: url.replace(host, `${host},127.0.0.1:${await freePort()}`), poolSize: 1 })
  onTestFinished(() => database.close())
  const before = await database.readQuery(backend)
  await database.readQuery({ name: 'demote', text: 'set default_transaction_read_only = on', values: [] })
  expect((await database.readQuery(backend)).rows).toEqual(before.rows)
  await database.knex.raw('select pg_terminate_backend(pg_backend_pid())').catch(() => {})
  await eventually(async () => expect((await database.readQuery(backend)).rows).not.toEqual(before.rows))
})

test('the limit of a statement is set on the connection, and no parameter of it is asked for at the start', async () => {
  const database = openDatabase({ url, poolSize: 1 })
  onTestFinished(() => database.close())
  const text =
    "select current_setting('statement_timeout') as limit, source from pg_settings where name = 'statement_timeout'"
  const limit = { name: 'limit', text, values: [] }
  for (const query of [
    () => database.readQuery(limit),
    () => database.commitQuery(limit),
    () => database.knex.raw(text),
  ])
    expect((await query()).rows).toEqual([{ limit: '5s', source: 'session' }])
  const unlimited = await database.maintenance((knex) => knex.raw(text))
  expect(unlimited.rows).toEqual([{ limit: '0', source: 'session' }])
  expect(await database.directness()).toEqual({ url: true, directUrl: true })
})

test('statements mean the same whatever the role and the database say, on every path', async () => {
  const odd = { datestyle: 'German', standard_conforming_strings: 'off', array_nulls: 'off' }
  const waits = { default_transaction_isolation: 'serializable', lock_timeout: '1ms' }
  const options = Object.entries({ ...odd, ...waits }).map(([name, value]) => `-c ${name}=${value}`)
  const database = openDatabase({ url: `${url}?options=${encodeURIComponent(options.join(' '))}`, poolSize: 1 })
  onTestFinished(() => database.close())
  const text = `select timestamptz '2026-11-30T10:00:00Z' as at, '{NULL}'::text[] as nothing, length('\\\\') as length,
    current_setting('transaction_isolation') as isolation`
  const meant = { at: new Date('2026-11-30T10:00:00Z'), nothing: [null], length: 2, isolation: 'read committed' }
  const statement = { name: 'meaning', text, values: [] }
  for (const query of [
    () => database.readQuery(statement),
    () => database.commitQuery(statement),
    () => database.knex.raw(text),
    () => database.maintenance((knex) => knex.raw(text)),
  ])
    expect((await query()).rows).toEqual([meant])
  const patience = await database.maintenance((knex) => knex.raw("select current_setting('lock_timeout') as it"))
  expect(patience.rows).toEqual([{ it: '0' }])
})

/** Passes everything on to the database until a question is asked: then the connection is lost. */
async function cutAtQuestion(): Promise<{ readonly host: string; readonly cuts: () => number; close(): void }> {
  const { hostname, port } = new URL(url)
  let cuts = 0
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => {}).on('close', () => other.destroy())
    }
    far.pipe(near)
    near.on('data', (bytes) => {
      if (bytes[0] !== 'Q'.charCodeAt(0)) return void far.write(bytes)
      cuts += 1
      near.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, cuts: () => cuts, close: () => server.close() }
}

test('a connection that is lost while it asks what its host is fails its question, and not the process', async () => {
  const uncaught: unknown[] = []
  const note = (error: unknown) => void uncaught.push(error)
  process.on('uncaughtException', note)
  onTestFinished(() => void process.off('uncaughtException', note))
  const cutting = await cutAtQuestion()
  onTestFinished(cutting.close)
  const database = openDatabase({ url: url.replace(host, cutting.host), poolSize: 1 })
  onTestFinished(() => database.close())
  const lost = { code: 'server.unavailable' }
  await expect(database.commitQuery(backend)).rejects.toMatchObject(lost)
  await expect(database.knex.raw('select 1')).rejects.toMatchObject(lost)
  await expect(database.readQuery(backend)).rejects.toMatchObject(lost)
  await expect(database.directness()).rejects.toMatchObject(lost)
  await expect(database.maintenance((knex) => knex.raw('select 1'))).rejects.toMatchObject(lost)
  expect(cutting.cuts()).toBeGreaterThanOrEqual(5)
  expect(uncaught).toEqual([])
})
