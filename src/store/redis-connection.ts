import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { Secret } from '../base/secret.ts'
import { type RedisHost, redisAddressOf } from './redis-address.ts'
import { scripts } from './redis-scripts.ts'
import { followSentinels } from './sentinel-news.ts'

/** Where Redis is and how it is reached. */
export interface RedisPlace {
  readonly url: Secret
  /** PEM file of the authority that has signed the certificates of Redis and of the Sentinels. */
  readonly ca_file?: string | undefined
  /** PEM files by which we prove who we are. */
  readonly certificate_file?: string | undefined
  readonly key_file?: string | undefined
  /** For the Sentinels, which have users of their own. */
  readonly sentinel_username?: string | undefined
  readonly sentinel_password?: Secret | undefined
}

/** How long Redis may take for one answer. */
export const deadlineMs = 1000

/**
 * Commands fail at once or within a second when Redis is away; none waits in a queue to be carried out later, unasked.
 */
const connection = {
  connectTimeout: deadlineMs,
  socketTimeout: 2 * deadlineMs,
  // What was given up is cut: a peer that is frozen never says goodbye.
  disconnectTimeout: 100,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  lazyConnect: true,
  keepAlive: deadlineMs,
  // A primary that was demoted is left for the one that took over.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
} satisfies RedisOptions

/** A Sentinel that was away is followed again after this; the others tell the same meanwhile. */
const sentinelAgainMs = 5000

const retryStrategy = (attempt: number) => Math.min(attempt * 50, deadlineMs)

/**
 * The client for what an address says, which connects when it is told to. Of Sentinels it asks at each connection which
 * Redis takes writes, and leaves the former one as soon as any of them names another.
 */
export function openRedis(place: RedisPlace): Redis | Cluster {
  const address = redisAddressOf(place.url.reveal())
  const { kind, hosts, master } = address
  if (kind === 'cluster') return openCluster(hosts, nodeOptions(place))
  const alone = { ...nodeOptions(place), db: address.database, enableOfflineQueue: false, retryStrategy, scripts }
  if (kind === 'node') return new Redis({ ...alone, ...hosts[0] })
  const redis = new Redis({ ...alone, ...sentinelOptions(place), sentinels: [...hosts], name: master })
  const followed = hosts.map((host) => openSentinel(place, host, { retryStrategy: () => sentinelAgainMs }))
  followSentinels(redis, { master, sentinels: followed })
  return redis
}

/** A connection to one node, for questions about it. */
export function openNode(place: RedisPlace, host: RedisHost): Redis {
  return new Redis({ ...nodeOptions(place), ...host, retryStrategy: () => null })
}

/** A connection to one Sentinel, which is no Redis: it has users of its own, and no values. */
export function openSentinel(
  place: RedisPlace,
  host: RedisHost,
  again: Pick<RedisOptions, 'retryStrategy'> = { retryStrategy: () => null },
): Redis {
  const { sentinel_username: username, sentinel_password: password } = place
  const own = { ...(username ? { username } : {}), ...(password ? { password: password.reveal() } : {}) }
  return new Redis({ ...connection, ...tlsOf(place), ...own, ...host, ...again, enableReadyCheck: false })
}

function nodeOptions(place: RedisPlace) {
  const { username, password, family } = redisAddressOf(place.url.reveal())
  return {
    ...connection,
    ...tlsOf(place),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(family === undefined ? {} : { family }),
  }
}

function openCluster(hosts: readonly RedisHost[], redisOptions: ReturnType<typeof nodeOptions>): Cluster {
  return new Cluster([...hosts], {
    redisOptions,
    scripts,
    lazyConnect: true,
    // Its nodes are connected to when there is something for them, and what comes meanwhile waits for that, not longer.
    enableOfflineQueue: true,
    clusterRetryStrategy: retryStrategy,
    slotsRefreshTimeout: deadlineMs,
    slotsRefreshInterval: 5 * deadlineMs,
    maxRedirections: 3,
    // What may have been carried out before its connection was lost is not carried out again, as with one Redis.
    retryDelayOnFailover: 0,
    // The name, not what it leads to, is what a certificate is compared with.
    dnsLookup: (name, done) => done(null, name),
  })
}

function sentinelOptions(place: RedisPlace) {
  const { sentinel_username: username, sentinel_password: password } = place
  const tls = tlsOf(place)
  return {
    role: 'master' as const,
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: deadlineMs,
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password.reveal() }),
    ...('tls' in tls ? { sentinelTLS: tls.tls, enableTLSForSentinelMode: true } : {}),
  }
}

/** SECURITY: nobody who cannot show a certificate for the name that was asked for is told a password. */
function tlsOf({ url, ca_file: ca, certificate_file: cert, key_file: key }: RedisPlace): { tls?: ConnectionOptions } {
  if (!redisAddressOf(url.reveal()).isTls) return {}
  const files = Object.entries({ ca, cert, key }).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { tls: Object.fromEntries(files.map(([name, path]) => [name, readFileSync(path)])) }
}
