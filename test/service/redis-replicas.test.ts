import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { openRedis } from '../../src/store/redis-connection.ts'
import { replicaConfirmation } from '../../src/store/redis-replicas.ts'
import { eventually } from '../support/patience.ts'
import { type OwnRedis, ownRedis } from '../support/redis.ts'
import { type RedisProxy, redisProxy } from '../support/redis-proxy.ts'

/** Longer than any machine takes to let go what is held. */
const longMs = 60_000

let master: OwnRedis
let replica: OwnRedis
let proxy: RedisProxy
let copy: Redis
beforeAll(async () => {
  ;[master, replica] = await Promise.all([ownRedis(), ownRedis()])
  proxy = await redisProxy(master.port)
  copy = new Redis(replica.url)
})
afterAll(async () => {
  copy?.disconnect()
  await proxy?.close()
  await Promise.all([master?.remove(), replica?.remove()])
})

async function client(url = master.url): Promise<Redis> {
  const redis = openRedis({ url: new Secret(url) }) as Redis
  redis.on('error', () => {})
  onTestFinished(() => redis.disconnect())
  await redis.connect()
  return redis
}

/** One question is under way at Redis. */
const untilBlocked = (redis: Redis) =>
  eventually(async () => expect(await redis.info('clients')).toContain('blocked_clients:1'))
const asked = async (redis: Redis) =>
  Number(/cmdstat_wait:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0)

test('a master without replicas stops nobody, and is not asked each time', async () => {
  const redis = await client()
  await redis.set('key', 1)
  const confirm = replicaConfirmation(redis)
  for (let n = 0; n < 20; n++) await confirm()
  expect(await asked(redis)).toBeLessThan(20)
})

test('what was used up counts when a replica has it, for all who wait at once, and not before', async () => {
  const [redis, admin] = [await client(), await client()]
  await admin.config('SET', 'repl-diskless-sync-delay', 0)
  await copy.replicaof('127.0.0.1', proxy.port)
  await eventually(async () => expect(await admin.info('replication')).toContain('state=online'))
  proxy.hold()
  await redis.set('used', 1)
  const before = await asked(admin)
  let confirmed = 0
  const confirm = replicaConfirmation(redis, longMs)
  const waiting = [1, 2, 3].map(() => confirm().then(() => confirmed++))
  await untilBlocked(admin)
  expect([confirmed, await copy.exists('used')]).toEqual([0, 0])
  proxy.release()
  await Promise.all(waiting)
  expect(await copy.exists('used')).toBe(1)
  expect((await asked(admin)) - before).toBe(2)
})

test('a connection that is lost meanwhile leaves it unconfirmed', async () => {
  const [redis, admin] = [await client(), await client()]
  proxy.hold()
  await redis.set('lost', 1)
  const waiting = replicaConfirmation(redis, longMs)()
  const refused = expect(waiting).rejects.toThrow()
  await untilBlocked(admin)
  await master.kill()
  await refused
  await master.start()
})

test('a user who may not ask is stopped by nobody', async () => {
  const admin = await client()
  await admin.call('ACL', 'SETUSER', 'narrow', 'on', 'nopass', '~*', '+@all', '-wait')
  const redis = await client(master.url.replace('//', '//narrow:any@'))
  await redis.set('narrow', 1)
  await replicaConfirmation(redis, longMs)()
})

test('a master that has become a replica confirms nothing', async () => {
  const redis = await client(replica.url)
  const confirmed = replicaConfirmation(redis, longMs)()
  await expect(confirmed).rejects.toThrow('did not say')
  await expect(confirmed).rejects.toMatchObject({ cause: { message: expect.stringContaining('replica') } })
})
