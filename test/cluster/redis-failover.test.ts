import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { clients, resources } from '../support/clients.ts'
import { nativeClients } from '../support/native-app.ts'
import { eventually } from '../support/patience.ts'
import { redisLoad, usedTwice } from '../support/redis-load.ts'
import { type RedisNode, type RedisNodes, redisCluster, redisSentinels } from '../support/redis-nodes.ts'
import { openWorld, type World } from '../support/world.ts'

/** Enough for a machine whose processors are all at work; on one at rest it is a second or two. */
const limitMs = 30_000
/** The slot of all counters: `redis-cli cluster keyslot {counted}`. */
const counters = 10_479

let nodes: RedisNodes | undefined
let world: World | undefined
afterEach(async () => {
  await world?.close()
  await nodes?.close()
  world = undefined
  nodes = undefined
})

async function openWorldOn({ url }: RedisNodes): Promise<World> {
  const MENSHEN_NATIVE_LOGIN__LIMITS__PER_IP = '[{ max: 1000000, seconds: 60 }]'
  world = await openWorld({ env: { REDIS_URL: url, MENSHEN_NATIVE_LOGIN__LIMITS__PER_IP } })
  await world.register({ clients: [...clients, ...nativeClients], resources })
  return world
}

/** In milliseconds after the former master was gone. */
interface FailedOver {
  /** When another one was known. */
  readonly electedMs: number
  /** When something failed for the last time. */
  readonly failedMs: number
}

/** Takes a master away in the middle of everything, and goes on until all is served by the next one. */
async function failOver(on: World, all: RedisNodes, signal: NodeJS.Signals, slot?: number): Promise<FailedOver> {
  const load = await redisLoad(on)
  await load.untilServed()
  const former = await all.master(slot)
  const goneMs = performance.now()
  former.signal(signal)
  const next = await newMaster(all, former, slot)
  const knownMs = performance.now()
  await load.untilServed()
  // What is lost is what the former one had taken without the next one knowing.
  const seen = await load.end()
  expect(seen.wrong).toEqual([])
  expect(seen.taken.length).toBeGreaterThan(0)
  expect(next).not.toBe(former)
  if (signal === 'SIGSTOP') former.signal('SIGCONT')
  else await former.start()
  await eventually(async () => expect((await former.ask<string[]>('ROLE'))[0]).toBe('slave'))
  expect(await usedTwice(on.app.core.store, seen)).toBe(0)
  await eventually(async () => expect((await fetch(`${on.issuer}/readyz/logins`)).status).toBe(200))
  return { electedMs: knownMs - goneMs, failedMs: Math.max(0, seen.failedMs - goneMs) }
}

async function newMaster(all: RedisNodes, former: RedisNode, slot?: number): Promise<RedisNode> {
  for (;;) {
    const now = await all.master(slot)
    if (now !== former) return now
    await delay(50)
  }
}

function tell(what: string, { electedMs, failedMs }: FailedOver): void {
  process.stdout.write(
    `${what}: another master after ${electedMs.toFixed(0)} ms, last failure ${failedMs.toFixed(0)} ms\n`,
  )
  expect(failedMs - electedMs).toBeLessThan(limitMs)
}

test('a master of a cluster that dies, and one that freezes, cost no restart, and nothing is used twice', async () => {
  nodes = await redisCluster()
  const on = await openWorldOn(nodes)
  tell('cluster, the master of all counters killed', await failOver(on, nodes, 'SIGKILL', counters))
  tell('cluster, another master frozen', await failOver(on, nodes, 'SIGSTOP', 0))
  expect(await (await nodes.master(0)).ask('INFO', 'commandstats')).toContain('cmdstat_wait:')
})

test('a master that Sentinels replace when it dies, and when it freezes, costs no restart, and nothing is used twice', async () => {
  nodes = await redisSentinels()
  const on = await openWorldOn(nodes)
  tell('Sentinel, the master killed', await failOver(on, nodes, 'SIGKILL'))
  tell('Sentinel, the master frozen', await failOver(on, nodes, 'SIGSTOP'))
  expect(await (await nodes.master()).ask('INFO', 'commandstats')).toContain('cmdstat_wait:')
})

test('a master of a cluster that is full makes logins unready, and is good again when it has room', async () => {
  nodes = await redisCluster()
  const on = await openWorldOn(nodes)
  const full = await nodes.master(0)
  expect((await fetch(`${on.issuer}/readyz/logins`)).status).toBe(200)
  await full.ask('CONFIG', 'SET', 'maxmemory', 1)
  await eventually(async () => expect((await fetch(`${on.issuer}/readyz/logins`)).status).toBe(503))
  expect((await fetch(`${on.issuer}/readyz`)).status).toBe(200)
  await full.ask('CONFIG', 'SET', 'maxmemory', 0)
  await eventually(async () => expect((await fetch(`${on.issuer}/readyz/logins`)).status).toBe(200))
})
