import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Secret } from '../base/secret.ts'
import { besides, type Counter, type EphemeralStore } from './ephemeral.ts'
import { redisAddresses } from './redis-address.ts'
import { scripts } from './redis-scripts.ts'
import { unavailable } from './unavailable.ts'
import { waitSeconds } from './wait-seconds.ts'

interface Options {
  /** `redis://`, `rediss://`, or several of them with commas between: the nodes of a cluster. */
  readonly url: Secret
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

const deadlineMs = 1000
/** How long the value stays that shows whether any can be stored. */
const pingMs = 60_000

/**
 * The hash tag of every counter: what is taken together has to lie together, on one node of a cluster. It costs that
 * node the work of all limits, one short script a decision, and a few hundred bytes a counter at most; everything else
 * is spread.
 */
const counted = '{counted}:'

/**
 * Commands fail at once or within a second when Redis is away; none waits in a queue to be carried out later, unasked.
 */
const connection = {
  connectTimeout: deadlineMs,
  socketTimeout: 2 * deadlineMs,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  lazyConnect: true,
  keepAlive: deadlineMs,
  // A primary that was demoted is left for the one that took over.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
} satisfies RedisOptions

const retryStrategy = (attempt: number) => Math.min(attempt * 50, deadlineMs)

/** The store over Redis 7 or newer. Connects at the first call. */
export function redisStore({ url, clock, prefix = 'menshen:', onError = () => {} }: Options): EphemeralStore {
  const urls = redisAddresses(url.reveal()) as [string, ...string[]]
  const redis =
    urls.length > 1
      ? cluster(urls)
      : new Redis(urls[0], { ...connection, enableOfflineQueue: false, retryStrategy, scripts })
  const gate = readiness(redis, onError)
  const ask = <T>(command: () => Promise<T>) =>
    redis.status === 'ready' ? inTime(command()) : inTime(gate()).then(() => inTime(command()))
  const scripted = redis as unknown as Scripted
  const name = (key: string) => prefix + key

  const living = <T>(kept: string | null): T | undefined => {
    if (kept === null) return undefined
    const { e, v } = JSON.parse(kept) as { e: number; v: T }
    return e > clock() ? v : undefined
  }
  const envelope = (value: unknown, ttlSeconds: number) => JSON.stringify({ e: endOf(clock, ttlSeconds), v: value })

  return {
    async get<T>(key: string) {
      return living<T>(await ask(() => redis.get(name(key))))
    },
    async set(key, value, ttlSeconds) {
      await ask(() => redis.set(name(key), envelope(value, ttlSeconds), 'PX', keepMs(ttlSeconds * 1000)))
    },
    async add(key, value, ttlSeconds) {
      const kept = envelope(value, ttlSeconds)
      return (await ask(() => scripted.menshenAdd(name(key), clock(), kept, keepMs(ttlSeconds * 1000)))) === 1
    },
    async release(key, text) {
      await ask(() => scripted.menshenRelease(name(key), JSON.stringify(text)))
    },
    async take<T>(key: string) {
      return living<T>(await ask(() => redis.getdel(name(key))))
    },
    increment(key, ttlSeconds) {
      const end = endOf(clock, ttlSeconds)
      return ask(() => scripted.menshenIncrement(name(key), clock(), end, keepMs(ttlSeconds * 1000)))
    },
    async count(counters) {
      const keys = counters.map(({ key }) => name(counted + key))
      const beside = besides(counters)
      const args = beside.flatMap(({ other, share, first }, index) => {
        const { max, seconds, amount = 1 } = counters[index] as Counter
        return [max, seconds * 1000, amount, other, share, first]
      })
      const [fits, ...said] = await ask(() => scripted.menshenCount(keys.length, ...keys, clock(), ...args))
      const counts = keys.map((_, index) => {
        const [used, waitMs] = said.slice(2 * index) as [number, number]
        return { used, waitSeconds: waitSeconds(waitMs) }
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
      await ask(() => redis.set(name('ping'), '', 'PX', pingMs))
    },
    async close() {
      redis.disconnect()
    },
  }
}

function cluster(urls: readonly string[]): Cluster {
  const [first] = urls.map((url) => new URL(url)) as [URL]
  const redisOptions = {
    ...connection,
    ...(first.username === '' ? {} : { username: decodeURIComponent(first.username) }),
    ...(first.password === '' ? {} : { password: decodeURIComponent(first.password) }),
    ...(first.protocol === 'rediss:' ? { tls: {} } : {}),
  }
  return new Cluster([...urls], {
    redisOptions,
    scripts,
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryStrategy,
    slotsRefreshTimeout: deadlineMs,
    maxRedirections: 3,
  })
}

/** Redis removes a value late rather than early, because the envelope's own end is what counts. */
function keepMs(ttlMs: number): number {
  return Math.max(Math.ceil(ttlMs), 1000)
}

function endOf(clock: Clock, ttlSeconds: number): number {
  return Math.ceil(clock() + ttlSeconds * 1000)
}

/**
 * Connects at the first call; resolves when commands can be sent and rejects when the attempt fails or Redis is known
 * to be away.
 */
function readiness(redis: Redis | Cluster, onError: (error: Error) => void): () => Promise<void> {
  let latest = new Error('Redis is not connected')
  let attempt: Promise<void> | undefined
  redis.on('error', (error: Error) => {
    latest = error
    onError(error)
  })
  return async () => {
    if (redis.status === 'reconnecting' || redis.status === 'end') throw latest
    attempt ??= new Promise<void>((resolve, reject) => {
      const finish = () => {
        redis.off('ready', finish).off('close', finish)
        attempt = undefined
        if (redis.status === 'ready') resolve()
        else reject(latest)
      }
      redis.on('ready', finish).on('close', finish)
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
    const mistaken = error instanceof Error && /^(ERR|WRONGTYPE) /.test(error.message)
    throw mistaken || error instanceof AppError ? error : unavailable(error)
  } finally {
    clearTimeout(timer)
  }
}
