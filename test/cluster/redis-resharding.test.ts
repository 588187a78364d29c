import { afterAll, beforeAll, expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { redisStore } from '../../src/store/redis.ts'
import { type RedisNode, type RedisNodes, redisCluster } from '../support/redis-nodes.ts'

const prefix = 'moved:'
/** The slot of every counter, and the one of keys with `{10}`, one of the first. */
const [counters, first] = [10_479, 247]

let nodes: RedisNodes
let store: EphemeralStore
beforeAll(async () => {
  nodes = await redisCluster()
  store = redisStore({ url: new Secret(nodes.url), clock: Date.now, prefix })
})
afterAll(async () => {
  await store?.close()
  await nodes?.close()
})

const idOf = (node: RedisNode) => node.ask<string>('CLUSTER', 'MYID')

test('while slots move to another master each value is found, and each command is carried out once', async () => {
  const [from, to] = [await nodes.master(first), await nodes.master(16_383)]
  let isOver = false
  let rounds = 0
  const wrong: string[] = []
  const expectSame = (what: string, found: unknown, expected: unknown) => {
    if (found !== expected) wrong.push(`${what}: ${found}`)
  }
  const loops = [1, 2, 3, 4].map(async (lane) => {
    for (let n = 1; !isOver; n++) {
      const key = `{10} ${lane} ${n}`
      await store.set(key, n, 600)
      expectSame('found', await store.get(key), n)
      expectSame('taken', await store.take(key), n)
      expectSame('taken again', await store.take(key), undefined)
      expectSame('first', await store.add(key, n, 600), true)
      expectSame('first again', await store.add(key, n, 600), false)
      expectSame('counted', await store.increment(`{10} count ${lane}`, 3600), n)
      rounds += 1
    }
  })
  const many = Array.from({ length: 2000 }, (_, n) => store.set(`{10} stays ${n}`, n, 600))
  await Promise.all(many)
  const before = rounds
  const ends = ['--cluster-from', await idOf(from), '--cluster-to', await idOf(to)]
  await nodes.cli('reshard', `127.0.0.1:${from.port}`, ...ends, '--cluster-slots', '300', '--cluster-yes')
  const during = rounds - before
  isOver = true
  await Promise.all(loops)
  expect(wrong).toEqual([])
  expect(during).toBeGreaterThan(0)
  expect(await nodes.master(first)).toBe(to)
  for (const n of [0, 999, 1999]) expect(await store.get(`{10} stays ${n}`)).toBe(n)
})

test('while the slot of the counters moves a decision is refused or right, and no limit is passed', async () => {
  const [from, to] = [await nodes.master(counters), await nodes.master(0)]
  expect(from).not.toBe(to)
  const everybody = { key: 'everybody', max: 30, seconds: 3600 }
  const person = (n: number) => ({ key: `person ${n}`, max: 5, seconds: 3600 })
  let admitted = 0
  let refused = 0
  /** Fails closed: what is neither yes nor no is that the store is away. */
  const decide = async (n: number) => {
    const answer = await store.count([everybody, person(n)]).catch((error) => {
      expect(error).toMatchObject({ code: 'server.unavailable' })
      return undefined
    })
    if (answer?.isCounted) admitted += 1
    if (answer?.isCounted === false) refused += 1
  }
  for (let n = 0; n < 10; n++) await decide(n)
  expect(admitted).toBe(10)

  await to.ask('CLUSTER', 'SETSLOT', counters, 'IMPORTING', await idOf(from))
  await from.ask('CLUSTER', 'SETSLOT', counters, 'MIGRATING', await idOf(to))
  const [moved = '', ...rest] = await from.ask<string[]>('CLUSTER', 'GETKEYSINSLOT', counters, 100)
  expect(rest.length).toBeGreaterThan(5)
  await from.ask('MIGRATE', '127.0.0.1', to.port, moved, 0, 5000)
  for (let n = 0; n < 20; n++) await decide(n)
  expect(admitted).toBeLessThanOrEqual(30)
  await from.ask('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...rest)
  for (const node of [to, from]) await node.ask('CLUSTER', 'SETSLOT', counters, 'NODE', await idOf(to))

  for (let n = 0; n < 50; n++) await decide(n)
  expect(admitted).toBe(30)
  expect(refused).toBeGreaterThan(0)
  expect((await store.count([{ ...everybody, amount: 0 }])).counts[0]?.used).toBe(30)
})
