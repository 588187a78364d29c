import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ownRedis } from '../support/redis.ts'
import { openWorld, type World } from '../support/world.ts'

type Probe = '/readyz' | '/readyz/keys' | '/readyz/logins'

const ready = async (world: World, probe: Probe = '/readyz') => {
  const response = await fetch(`${world.issuer}${probe}`)
  const body = (await response.json()) as { status: string; parts: object; checks: Record<string, string> }
  return { ...body, word: body.status, status: response.status }
}
const until = (world: World, status: number, probe?: Probe) =>
  expect.poll(() => ready(world, probe)).toMatchObject({ status })

test('a Redis that is full is named, although it still answers', async () => {
  const redis = await ownRedis()
  const world = await openWorld({ env: { REDIS_URL: redis.url } })
  const admin = new Redis(redis.url)
  onTestFinished(async () => {
    admin.disconnect()
    await world.close()
    await redis.remove()
  })
  expect(await ready(world)).toMatchObject({ status: 200, checks: { ephemeral_store: 'ok' } })
  await admin.config('SET', 'maxmemory', '1')
  expect(await admin.ping()).toBe('PONG')
  await until(world, 503, '/readyz/logins')
  expect(await ready(world)).toMatchObject({
    status: 200,
    word: 'degraded',
    parts: { keys: 'ok', tokens: 'ok', logins: 'unavailable' },
    checks: { database: 'ok', ephemeral_store: 'server.unavailable' },
  })
  await admin.config('SET', 'maxmemory', '0')
  await until(world, 200, '/readyz/logins')
  expect((await ready(world)).word).toBe('ok')
})

test('a hundred probes at once write once, and leave nothing that grows', async () => {
  const redis = await ownRedis()
  const world = await openWorld({ env: { REDIS_URL: redis.url } })
  const admin = new Redis(redis.url)
  onTestFinished(async () => {
    admin.disconnect()
    await world.close()
    await redis.remove()
  })
  const sets = async () => Number(/cmdstat_set:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0)
  const before = await sets()
  const startedAt = performance.now()
  for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 20 }, () => ready(world)))
  const seconds = Math.ceil((performance.now() - startedAt) / 1000)
  expect((await sets()) - before).toBeLessThanOrEqual(seconds)
  expect(await admin.dbsize()).toBe(1)
  expect(await world.database.database.knex('readiness')).toHaveLength(1)
})

describe.each(['redis', 'tables'] as const)('a database that only reads, short-lived values in %s', (stores) => {
  test('is named, and is ready again when it writes', async () => {
    const world = await openWorld({ stores })
    onTestFinished(() => world.close())
    const { knex } = world.database.database
    const name = new URL(world.database.url).pathname.slice(1)
    expect((await ready(world)).status).toBe(200)
    const readOnly = async (value: 'on' | 'off') => {
      await knex.transaction(async (trx) => {
        await trx.raw('set transaction read write')
        await trx.raw(`alter database ${name} set default_transaction_read_only = ${value}`)
      })
      await knex.raw(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = ? and pid <> pg_backend_pid()',
        [name],
      )
    }
    await readOnly('on')
    await until(world, 503)
    await expect
      .poll(async () => (await ready(world)).checks)
      .toMatchObject({
        database: 'server.unavailable',
        ephemeral_store: stores === 'redis' ? 'ok' : 'server.unavailable',
        catalog: 'ok',
      })
    expect(await ready(world, '/readyz/keys')).toMatchObject({ status: 200, parts: { keys: 'ok' } })
    await readOnly('off')
    await until(world, 200)
  })
})
