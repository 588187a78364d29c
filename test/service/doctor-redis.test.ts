import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { openSharedRedis } from '../../src/build/shared-redis.ts'
import { checkRedis } from '../../src/cli/doctor-redis.ts'
import { createLog } from '../../src/ops/log.ts'
import { redisRemedy } from '../../src/store/redis-remedies.ts'
import { type OwnRedis, ownRedis } from '../support/redis.ts'
import { type RedisProxy, redisProxy } from '../support/redis-proxy.ts'

let redis: OwnRedis
let proxy: RedisProxy
let admin: Redis
beforeAll(async () => {
  redis = await ownRedis()
  proxy = await redisProxy(redis.port)
  admin = new Redis(redis.url)
})
afterAll(async () => {
  admin?.disconnect()
  await proxy?.close()
  await redis?.remove()
})
beforeEach(async () => {
  const normal = ['maxmemory', '0', 'maxmemory-policy', 'noeviction', 'save', '', 'appendonly', 'no']
  await admin.call('CONFIG', 'SET', ...normal)
  proxy.rewrite = (answer) => answer
})

const look = (url = redis.url) => checkRedis({ url: new Secret(url) })
const of = async (name: string, url?: string) => (await look(url)).filter((finding) => finding.name === name)

test('a Redis as it comes is fine, and what it forgets at a restart is said', async () => {
  expect(await look()).toEqual([
    { name: 'redis version', status: 'ok', detail: expect.stringMatching(/^Redis \d+\.\d+\.\d+$/) },
    { name: 'redis memory', status: 'ok', detail: 'nothing is thrown away; no limit is set (maxmemory)' },
    {
      name: 'redis disk',
      status: 'ok',
      detail: 'nothing is kept there: after a restart limits and locks begin anew',
    },
  ])
  await admin.call('CONFIG', 'SET', 'maxmemory', '1gb', 'appendonly', 'yes')
  expect(await of('redis memory')).toMatchObject([{ status: 'ok', detail: 'nothing is thrown away' }])
  expect(await of('redis disk')).toMatchObject([{ status: 'ok', detail: 'values are kept on disk' }])
})

test.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'volatile-lru', 'volatile-ttl', 'volatile-random'])(
  'the policy %s is found, and is worse where there is a limit',
  async (policy) => {
    await admin.config('SET', 'maxmemory-policy', policy)
    expect(await of('redis memory')).toMatchObject([
      { status: 'warn', detail: expect.stringContaining(`maxmemory-policy ${policy}, and no maxmemory yet`) },
    ])
    await admin.config('SET', 'maxmemory', '1gb')
    expect(await of('redis memory')).toMatchObject([
      { status: 'fail', detail: expect.stringContaining(policy), advice: expect.stringContaining('noeviction') },
    ])
  },
)

test('a Redis that is nearly full is told of before it is', async () => {
  const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1])
  await admin.config('SET', 'maxmemory', Math.round(used * 1.1))
  expect(await of('redis memory')).toMatchObject([
    { status: 'warn', detail: expect.stringMatching(/ is \d\d % full$/) },
  ])
})

test('a Redis that is too old, one that cannot write to its disk, and one that only copies are found', async () => {
  const url = `redis://127.0.0.1:${proxy.port}`
  const [version = ''] = /redis_version:\S+/.exec(await admin.info('server')) ?? []
  proxy.rewrite = (answer) => answer.replace(version, 'redis_version:6.'.padEnd(version.length, '2'))
  expect(await of('redis version', url)).toMatchObject([{ status: 'fail', advice: 'upgrade Redis to 7 or later' }])
  // As long as the status it takes the place of, with the end of its line.
  proxy.rewrite = (answer) => answer.replace('rdb_last_bgsave_status:ok\r\n', 'rdb_last_bgsave_status:err\n')
  expect(await of('redis disk', url)).toMatchObject([{ status: 'fail', detail: expect.stringContaining('not write') }])
})

test('what is refused says what would be accepted', async () => {
  await admin.call('ACL', 'SETUSER', 'someone', 'on', '>secret', '~*', '+@all')
  await admin.call('ACL', 'SETUSER', 'narrow', 'on', '>secret', '~*', '+@all', '-info', '-config')
  const with_ = (user: string) => `redis://${user}@127.0.0.1:${redis.port}`
  expect(await of('redis', with_('someone:canary'))).toMatchObject([
    { status: 'fail', detail: expect.stringContaining('WRONGPASS'), advice: expect.stringContaining('password') },
  ])
  expect(await look(with_('someone:secret'))).toHaveLength(3)
  expect(await look(with_('narrow:secret'))).toMatchObject([
    { name: 'redis version', status: 'warn', advice: expect.stringContaining('+info') },
  ])
  expect(await of('redis', `rediss://127.0.0.1:${redis.port}`)).toMatchObject([
    { status: 'fail', advice: expect.stringContaining('with redis where it does not') },
  ])
  const twice = `${redis.url},${redis.url}`
  expect(await of('redis', twice)).toMatchObject([
    { status: 'fail', advice: expect.stringContaining('name one, or Sentinels') },
  ])
})

test('a node of a cluster that is named alone, and a cluster with holes or without replicas are found', async () => {
  const node = await ownRedis({ cluster: true })
  onTestFinished(node.remove)
  const one = `redis://127.0.0.1:${node.port}`
  expect(await of('redis cluster', one)).toMatchObject([
    { status: 'fail', advice: expect.stringContaining('commas between them') },
  ])
  expect(await of('redis cluster', node.url)).toMatchObject([
    { status: 'warn', detail: `no replica of 127.0.0.1:${node.port}` },
  ])
  const direct = new Redis(one)
  onTestFinished(() => direct.disconnect())
  await direct.call('CONFIG', 'SET', 'cluster-require-full-coverage', 'no')
  await direct.cluster('DELSLOTS', 7)
  expect(await of('redis cluster', node.url)).toMatchObject([
    { status: 'fail', detail: expect.stringContaining('16383 of 16384 slots') },
  ])
})

/** A store as the server opens it, with the lines that it logs. */
function opened(url: string, serve = true) {
  const lines: Record<string, unknown>[] = []
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const log = createLog({ level: 'info', format: 'json', destination })
  const store = openSharedRedis({ url: new Secret(url) }, { clock: Date.now, log, serve })
  onTestFinished(() => store.close())
  return { store, lines }
}

test('a server is told at its start of a policy that throws limits away, and a command is not', async () => {
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
  const [server, command] = [opened(redis.url), opened(redis.url, false)]
  await expect
    .poll(() => server.lines)
    .toMatchObject([
      { msg: expect.stringContaining('throws limits'), nodes: [{ policy: 'allkeys-lru' }], advice: expect.any(String) },
    ])
  await command.store.ping()
  expect(command.lines).toEqual([])
})

test('a connection that is refused is logged with what helps', async () => {
  await admin.call('ACL', 'SETUSER', 'someone', 'on', '>secret', '~*', '+@all')
  const { store, lines } = opened(`redis://someone:canary@127.0.0.1:${redis.port}`)
  await expect(store.ping()).rejects.toMatchObject({ code: 'server.unavailable' })
  expect(lines[0]).toMatchObject({ advice: expect.stringContaining('user and password') })
  expect(JSON.stringify(lines)).not.toContain('canary')
})

test('a Redis that stores values and runs no script is not ready', async () => {
  await admin.call('ACL', 'SETUSER', 'plain', 'on', '>secret', '~*', '+@all', '-@scripting')
  const { store } = opened(`redis://plain:secret@127.0.0.1:${redis.port}`)
  await store.set('kept', 'value', 60)
  await expect(store.ping()).rejects.toMatchObject({ cause: { message: expect.stringMatching(/^NOPERM .*eval/) } })
})

test.each([
  ["ERR unknown command 'evalsha', with args beginning with: ", 'rename-command'],
  ['ERR DB index is out of range', 'fewer databases'],
])('%s has a remedy', (said, remedy) => {
  expect(redisRemedy(new Error(said))).toContain(remedy)
})
