import { afterAll, expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { isUniqueViolation, openDatabase } from '../../src/store/postgres.ts'
import { createDatabase, createEmptyDatabase } from '../support/database.ts'
import { freePort } from '../support/services.ts'
import { silentServer } from '../support/silent-server.ts'

const { database, url, drop } = await createDatabase()
afterAll(drop)
await database.knex.raw('create table people (phone text constraint people_phone unique)')

const one = { name: 'one', text: 'select 1 as it', values: [] }
const insert = { name: 'insert', text: 'insert into people (phone) values ($1)', values: ['+8613800138000'] }

/** The three ways to PostgreSQL, with one statement. */
function waysOf({ readQuery, commitQuery, knex }: typeof database, statement: typeof one) {
  return [
    () => readQuery(statement),
    () => commitQuery(statement),
    () => knex.raw(statement.text.replace('$1', '?'), statement.values),
  ]
}

test('times come back as Date and counts as number on every path', async () => {
  const text =
    "select timestamptz '2026-11-20T10:00:00Z' as at, 9007199254740993 as huge, count(*) as count from people"
  for (const query of waysOf(database, { name: 'types', text, values: [] })) {
    expect((await query()).rows).toEqual([{ at: new Date('2026-11-20T10:00:00Z'), huge: '9007199254740993', count: 0 }])
  }
})

test('reads under way at once on the one connection get their own answers', async () => {
  const statement = { name: 'echo', text: 'select $1::int as it' }
  const numbers = Array.from({ length: 200 }, (_, index) => index)
  const answers = await Promise.all(
    numbers.map((it) => database.readQuery<{ it: number }>({ ...statement, values: [it] })),
  )
  expect(answers.map(({ rows }) => rows[0]?.it)).toEqual(numbers)
  const { rows } = await database.readQuery<{ count: number }>({
    name: 'prepared',
    text: "select count(*) from pg_prepared_statements where name = 'echo'",
    values: [],
  })
  expect(rows).toEqual([{ count: 1 }])
})

test('a read that fails does not disturb the reads around it', async () => {
  const divide = { name: 'divide', text: 'select 1 / $1::int as it' }
  const answers = await Promise.allSettled([1, 0, 1].map((it) => database.readQuery({ ...divide, values: [it] })))
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('a row that is already there is told apart, and no error carries its values', async () => {
  await database.commitQuery(insert)
  for (const query of waysOf(database, insert as never).slice(1)) {
    const error = await query().then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(isUniqueViolation(error)).toBe(true)
    expect(JSON.stringify(error) + String(error) + (error as Error).stack).not.toContain('13800138000')
  }
})

test('an ordinary error does not cost the pool its connection', async () => {
  const single = openDatabase({ url: new Secret(url), poolSize: 1 })
  onTestFinished(() => single.close())
  const backend = { name: 'backend', text: 'select pg_backend_pid() as pid', values: [] }
  const before = await single.commitQuery(backend)
  await expect(single.commitQuery(insert)).rejects.toThrow('duplicate key')
  expect((await single.commitQuery(backend)).rows).toEqual(before.rows)
})

test('after every connection was cut the next query succeeds on every path', async () => {
  const ways = waysOf(database, one)
  await Promise.all(ways.map((query) => query()))
  const other = await createEmptyDatabase()
  onTestFinished(other.drop)
  const cut = 'select pg_terminate_backend(pid) from pg_stat_activity where datname = ?'
  await other.database.knex.raw(cut, [new URL(url).pathname.slice(1)])
  const firstTries = await Promise.allSettled(ways.map((query) => query()))
  for (const tried of firstTries) {
    if (tried.status === 'rejected') expect(tried.reason).toMatchObject({ code: 'server.unavailable' })
  }
  for (const query of ways) expect((await query()).rows).toEqual([{ it: 1 }])
})

test('a transaction whose connection is cut fails as unavailable and the pool goes on', async () => {
  const transaction = database.knex.transaction(async (open) => {
    await open.raw('select pg_terminate_backend(pg_backend_pid())').catch(() => {})
    await open.raw('select 1')
  })
  await expect(transaction).rejects.toMatchObject({ code: 'server.unavailable' })
  expect((await database.knex.raw(one.text)).rows).toEqual([{ it: 1 }])
})

test('a connection to a server that has become read-only is unavailable and given up for one that can write', async () => {
  const own = await createDatabase()
  onTestFinished(own.drop)
  const name = new URL(own.url).pathname.slice(1)
  const write = { name: 'write', text: "insert into ephemeral values (gen_random_uuid()::text, '', 0)", values: [] }
  const single = openDatabase({ url: own.url, poolSize: 1 })
  onTestFinished(() => single.close())
  for (const query of waysOf(single, write).slice(1)) {
    await database.knex.raw('alter database ?? set default_transaction_read_only = on', [name])
    await single.knex.raw('select pg_terminate_backend(pg_backend_pid())').catch(() => {})
    await expect(query()).rejects.toMatchObject({ code: 'server.unavailable', cause: { code: '25006' } })
    await database.knex.raw('alter database ?? reset default_transaction_read_only', [name])
    await query()
  }
})

test('a database that is away answers unavailable at once, with the cause kept', async () => {
  const away = openDatabase({ url: `postgres://menshen:secret@127.0.0.1:${await freePort()}/menshen`, poolSize: 2 })
  onTestFinished(() => away.close())
  for (const query of waysOf(away, one)) {
    const started = performance.now()
    await expect(query()).rejects.toMatchObject({ code: 'server.unavailable', cause: { code: 'ECONNREFUSED' } })
    expect(performance.now() - started).toBeLessThan(30_000)
  }
})

test('a database that never answers is given up after three seconds', async () => {
  const { port, close } = await silentServer()
  onTestFinished(close)
  const silent = openDatabase({ url: `postgres://menshen:secret@127.0.0.1:${port}/menshen`, poolSize: 2 })
  onTestFinished(() => silent.close())
  const started = performance.now()
  const unavailable = { code: 'server.unavailable', params: { retryAfterSeconds: 1 } }
  await Promise.all(waysOf(silent, one).map((query) => expect(query()).rejects.toMatchObject(unavailable)))
  expect(performance.now() - started).toBeLessThan(30_000)
})

test('a statement that takes more than five seconds is given up, unless it is maintenance', async () => {
  const slow = { name: 'slow', text: "select pg_sleep(5.5), 'done' as it", values: [] }
  const patient = database.maintenance((knex) => knex.raw(slow.text))
  await Promise.all(
    waysOf(database, slow).map((query) => expect(query()).rejects.toMatchObject({ code: 'server.unavailable' })),
  )
  expect((await patient).rows[0].it).toBe('done')
  for (const query of waysOf(database, one)) expect((await query()).rows).toEqual([{ it: 1 }])
})

test('closing waits for what is under way and no longer', async () => {
  const other = openDatabase({ url, poolSize: 8 })
  const slow = { name: 'slow', text: "select pg_sleep(0.3), 'done' as it", values: [] }
  const under = waysOf(other, slow).map(async (query) => query())
  const transaction = other.knex.transaction(async (trx) => {
    await trx.raw(slow.text)
    await trx.raw('select 1')
    return 'committed'
  })
  await Promise.all([other.readQuery(one), other.commitQuery(one)])
  await other.close()
  expect((await Promise.all(under)).map(({ rows }) => (rows[0] as unknown as { it: string }).it)).toEqual(
    Array(3).fill('done'),
  )
  expect(await transaction).toBe('committed')
  await expect(other.commitQuery(one)).rejects.toMatchObject({ code: 'server.unavailable' })
})
