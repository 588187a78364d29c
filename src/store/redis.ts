import { Cluster, Redis } from 'ioredis'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { besides, type Counter, countOf, type EphemeralStore } from './ephemeral.ts'
import { redisAddressOf } from './redis-address.ts'
import { deadlineMs, openRedis, type RedisPlace } from './redis-connection.ts'
import { replicaConfirmation } from './redis-replicas.ts'
import { unavailable } from './unavailable.ts'

interface Options extends RedisPlace {
  readonly clock: Clock
  readonly prefix?: string
  /** Told of lost connections and refused passwords. */
  readonly onError?: (error: Error) => void
}

interface Scripted {
  menshenAdd(key: string, ...args: readonly (string | number)[]): Promise<number>
  menshenRelease(key: string, ...args: readonly (string | number)[]): Promise<number>
  menshenIncrement(key: string, ...args: readonly (string | number)[]): Promise<number>
  menshenCount(keyCount: number, ...keysThenArgs: readonly (string | number)[]): Promise<readonly number[]>
}

const slotsLookMs = 200
/** How long the value stays that shows whether any can be stored. */
const pingSeconds = 60

/**
 * The hash tag of every counter: what is taken together has to lie together, on one node of a cluster. It costs that
 * node the work of all limits, one short script a decision, and a few hundred bytes a counter at most; everything else
 * is spread.
 */
const counted = '{counted}:'

/** Hash tags of which one lies in each sixteenth of the slots: a cluster takes values when each of its masters does. */
const spread = [10, 3, 61, 43, 11, 2, 60, 42, 12, 1, 63, 41, 13, 0, 62, 40]

/** The store over Redis 7 or newer. Connects at the first call. */
export function redisStore({ clock, prefix = 'menshen:', onError = () => {}, ...place }: Options): EphemeralStore {
  const redis = openRedis(place)
  const gate = readiness(redis, onError)
  const watched = redis instanceof Cluster ? slotsLook(redis) : <T>(answer: Promise<T>) => answer
  const send = <T>(command: () => Promise<T>) => {
    if (redis instanceof Redis) sendTogether(redis)
    return watched(inTime(command()))
  }
  const ask = <T>(command: () => Promise<T>) =>
    redis.status === 'ready' ? send(command) : inTime(gate()).then(() => send(command))
  const isCopied = redisAddressOf(place.url.reveal()).kind !== 'node'
  const confirmation = isCopied ? replicaConfirmation(redis) : undefined
  /** SECURITY: what is used up counts as used up when a replica knows, or else a failover would bring it back. */
  const confirm = async () => confirmation && inTime(confirmation())
  const scripted = redis as unknown as Scripted
  const name = (key: string) => prefix + key

  const living = <T>(kept: string | null): T | undefined => {
    if (kept === null) return undefined
    const { e, v } = JSON.parse(kept) as { e: number; v: T }
    return e > clock() ? v : undefined
  }
  const envelope = (value: unknown, ttlSeconds: number) => JSON.stringify({ e: endOf(clock, ttlSeconds), v: value })
  function increment(key: string, ttlSeconds: number): Promise<number> {
    const end = endOf(clock, ttlSeconds)
    return ask(() => scripted.menshenIncrement(name(key), clock(), end, keepMs(ttlSeconds * 1000)))
  }

  return {
    async get<T>(key: string) {
      return living<T>(await ask(() => redis.get(name(key))))
    },
    async set(key, value, ttlSeconds) {
      await ask(() => redis.set(name(key), envelope(value, ttlSeconds), 'PX', keepMs(ttlSeconds * 1000)))
    },
    async add(key, value, ttlSeconds) {
      const kept = envelope(value, ttlSeconds)
      const isFirst = (await ask(() => scripted.menshenAdd(name(key), clock(), kept, keepMs(ttlSeconds * 1000)))) === 1
      if (isFirst) await confirm()
      return isFirst
    },
    async release(key, text) {
      await ask(() => scripted.menshenRelease(name(key), JSON.stringify(text)))
    },
    async take<T>(key: string) {
      const kept = await ask(() => redis.getdel(name(key)))
      if (kept !== null) await confirm()
      return living<T>(kept)
    },
    increment,
    async count(counters) {
      const keys = counters.map(({ key }) => name(counted + key))
      const beside = besides(counters)
      const args = beside.flatMap(({ other, share, first }, index) => {
        const { max, seconds, amount = 1, newSeconds = 0 } = counters[index] as Counter
        return [max, seconds * 1000, amount, other, share, first, newSeconds * 1000]
      })
      const [fits, ...said] = await ask(() => scripted.menshenCount(keys.length, ...keys, clock(), ...args))
      const counts = counters.map((counter, index) => {
        const [used, waitMs, recent] = said.slice(3 * index) as [number, number, number]
        return countOf(counter, { used, waitMs, recent })
      })
      return { isCounted: fits === 1, counts }
    },
    async delete(...keys) {
      const names = keys.map(name)
      // Keys of one command have to lie on one node.
      if (redis instanceof Cluster) await Promise.all(names.map((each) => ask(() => redis.del(each))))
      else await ask(() => redis.del(...names))
    },
    async ping() {
      // By a script, because a user or a proxy may be refused those alone.
      const keys = redis instanceof Cluster ? spread.map((tag) => `asked:{${tag}}`) : ['asked']
      await Promise.all(keys.map((each) => increment(each, pingSeconds)))
    },
    async close() {
      redis.disconnect()
    },
  }
}

/** Redis removes a value late rather than early, because the envelope's own end is what counts. */
function keepMs(ttlMs: number): number {
  return Math.max(Math.ceil(ttlMs), 1000)
}

function endOf(clock: Clock, ttlSeconds: number): number {
  return Math.ceil(clock() + ttlSeconds * 1000)
}

/**
 * What is asked in one turn of the event loop leaves in one write; a write for each command would wake Redis each time.
 */
function sendTogether({ stream }: Redis): void {
  if (stream.writableCorked > 0) return
  stream.cork()
  setImmediate(() => stream.uncork())
}

/** Looks where values lie when one could not be had, a few times a second at most: after a failover nobody tells. */
function slotsLook(cluster: Cluster): <T>(answer: Promise<T>) => Promise<T> {
  let lookedAtMs = Number.NEGATIVE_INFINITY
  return (answer) =>
    answer.catch((error) => {
      if (cluster.status === 'ready' && performance.now() - lookedAtMs > slotsLookMs) {
        lookedAtMs = performance.now()
        cluster.refreshSlotsCache()
      }
      throw error
    })
}

/**
 * Connects at the first call; resolves when commands can be sent and rejects when the attempt fails or Redis is known
 * to be away.
 */
function readiness(redis: Redis | Cluster, onError: (error: Error) => void): () => Promise<void> {
  let latest = new Error('Redis is not connected')
  let attempt: Promise<void> | undefined
  redis.on('error', (error: Error & { lastNodeError?: Error }) => {
    // Of a cluster nobody could be reached: the last of its nodes says why.
    latest = error.lastNodeError ?? error
    onError(latest)
  })
  return async () => {
    if (redis.status === 'reconnecting' || redis.status === 'end') throw latest
    attempt ??= new Promise<void>((resolve, reject) => {
      const finish = () => {
        redis.off('ready', finish).off('close', finish).off('error', finish)
        attempt = undefined
        if (redis.status === 'ready') resolve()
        else reject(latest)
      }
      // Between two rounds of asking all Sentinels in vain nothing is closed.
      redis.on('ready', finish).on('close', finish).on('error', finish)
      if (redis.status === 'wait') redis.connect().catch(finish)
    })
    return attempt
  }
}

/**
 * The reply, or `server.unavailable` when there is none in time or Redis says it cannot serve. Our own mistakes stay as
 * they are.
 */
async function inTime<T>(reply: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Redis gave no answer in ${deadlineMs} ms`)), deadlineMs)
  })
  try {
    return await Promise.race([reply, late])
  } catch (error) {
    const mistaken = error instanceof Error && /^(ERR (?!max number of clients)|WRONGTYPE )/.test(error.message)
    throw mistaken || error instanceof AppError ? error : unavailable(error)
  } finally {
    clearTimeout(timer)
  }
}
