import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { openDatabase } from '../../src/store/postgres.ts'
import { redisStore } from '../../src/store/redis.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase, untilLocked } from '../support/database.ts'
import { eventually } from '../support/patience.ts'
import { ownRedis } from '../support/redis.ts'
import { redisProxy } from '../support/redis-proxy.ts'
import { freePort } from '../support/services.ts'
import { silentServer } from '../support/silent-server.ts'

const clock = () => Date.parse('2026-11-20T10:00:00Z')

const operations: Record<string, (store: EphemeralStore) => Promise<unknown>> = {
  get: (store) => store.get('key'),
  set: (store) => store.set('key', 1, 60),
  add: (store) => store.add('key', 1, 60),
  take: (store) => store.take('key'),
  increment: (store) => store.increment('key', 60),
  count: (store) => store.count([{ key: 'key', max: 5, seconds: 60 }]),
  release: (store) => store.release('key', 'text'),
  delete: (store) => store.delete('key'),
  ping: (store) => store.ping(),
}

/** Every operation gives up; a store that is waited for without end takes longer than this, and no busy machine does. */
async function expectAllUnavailable(store: EphemeralStore): Promise<void> {
  await Promise.all(
    Object.values(operations).map(async (operation) => {
      const started = performance.now()
      await expect(operation(store)).rejects.toMatchObject({ code: 'server.unavailable' })
      expect(performance.now() - started).toBeLessThan(30_000)
    }),
  )
}

function redisAt(url: string): EphemeralStore {
  const store = redisStore({ url: new Secret(url), clock })
  onTestFinished(() => store.close())
  return store
}

function tablesAt(url: string): EphemeralStore {
  const database = openDatabase({ url, poolSize: 2 })
  const store = tableStore({ database, clock })
  onTestFinished(async () => {
    await store.close()
    await database.close()
  })
  return store
}

test('without a Redis every operation is unavailable before long', async () => {
  await expectAllUnavailable(redisAt(`redis://127.0.0.1:${await freePort()}`))
})

test('without any node of a cluster every operation is unavailable before long', async () => {
  const nodes = `redis://127.0.0.1:${await freePort()},redis://127.0.0.1:${await freePort()}`
  await expectAllUnavailable(redisAt(nodes))
})

test('a Redis that never answers is unavailable before long', async () => {
  const { port, close } = await silentServer()
  onTestFinished(close)
  await expectAllUnavailable(redisAt(`redis://127.0.0.1:${port}`))
})

test('without a PostgreSQL every operation on the tables is unavailable before long', async () => {
  await expectAllUnavailable(tablesAt(`postgres://menshen:secret@127.0.0.1:${await freePort()}/menshen`))
})

for (const cluster of [false, true]) {
  test(`${cluster ? 'a Redis cluster' : 'Redis'} that comes back is used again`, async () => {
    const redis = await ownRedis({ cluster })
    onTestFinished(redis.remove)
    const store = redisAt(redis.url)
    await store.set('key', 'before', 60)
    await redis.kill()
    await expect(store.increment('count', 60)).rejects.toMatchObject({ code: 'server.unavailable' })
    await expect(store.get('key')).rejects.toMatchObject({ code: 'server.unavailable' })
    await redis.start()
    expect(await eventually(() => store.get('key'))).toBeUndefined()
    expect(await store.increment('count', 60)).toBe(1)
  })
}

test('a node of a cluster that goes away with the answer to a command leaves it carried out once, and unanswered', async () => {
  const proxy = await redisProxy(0)
  const redis = await ownRedis({ cluster: true, announced: proxy.port })
  proxy.target = redis.port
  onTestFinished(async () => {
    await proxy.close()
    await redis.remove()
  })
  const address = `redis://127.0.0.1:${proxy.port}`
  const store = redisAt(`${address},${address}`)
  await store.set('prize', 'value', 60)
  expect(await store.increment('count', 60)).toBe(1)
  proxy.cutAfter('GETDEL')
  await expect(store.take('prize')).rejects.toMatchObject({ code: 'server.unavailable' })
  expect(await eventually(() => store.take('prize'))).toBeUndefined()
  proxy.cutAfter('EVAL')
  await expect(store.increment('count', 60)).rejects.toMatchObject({ code: 'server.unavailable' })
  expect(await eventually(() => store.increment('count', 60))).toBe(3)
})

test('a Redis that admits no further client is unavailable, and no mistake of ours', async () => {
  const redis = await ownRedis()
  onTestFinished(redis.remove)
  const admin = new Redis(redis.url)
  onTestFinished(() => admin.disconnect())
  await admin.config('SET', 'maxclients', '1')
  await expectAllUnavailable(redisAt(redis.url))
})

test('sweeping removes what has expired in batches and nothing else', async () => {
  const { database, drop } = await createDatabase()
  let now = clock()
  const store = tableStore({ database, clock: () => now })
  onTestFinished(async () => {
    await store.close()
    await drop()
  })
  await database.knex.raw(
    "insert into ephemeral (key, value, expires_at_ms) select 'old' || i, '1', ? from generate_series(1, 2500) as i",
    [now + 1000],
  )
  await store.set('living', 'value', 600)
  const left = async () => Number((await database.knex('ephemeral').count('* as rows').first())?.['rows'])
  await store.sweep()
  expect(await left()).toBe(2501)
  now += 61_000
  // What somebody is writing is left for the next time, and keeps nobody waiting.
  const other = await database.knex.transaction()
  await other('ephemeral').where({ key: 'old1' }).update({ value: '2' })
  await store.sweep()
  expect(await left()).toBe(2)
  await other.commit()
  await store.sweep()
  expect(await left()).toBe(1)
  expect(await store.get('living')).toBe('value')
})

test('two that delete the same values at once take them in one order, so that neither is undone', async () => {
  const { database, drop } = await createDatabase()
  const { knex } = database
  const store = tableStore({ database, clock })
  const other = await knex.transaction()
  onTestFinished(async () => {
    if (!other.isCompleted()) await other.rollback()
    await store.close()
    await drop()
  })
  for (const key of ['later', 'earlier']) await store.set(key, 1, 60)
  await other.raw("set local deadlock_timeout = '10ms'")
  await other('ephemeral').where({ key: 'earlier' }).forUpdate()
  const deleted = store.delete('later', 'earlier')
  await untilLocked(knex)
  await other('ephemeral').where({ key: 'later' }).delete()
  await other.commit()
  await deleted
  expect(await knex('ephemeral').whereIn('key', ['later', 'earlier'])).toEqual([])
})
