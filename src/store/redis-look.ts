import { TLSSocket } from 'node:tls'
import type { Cluster, Redis } from 'ioredis'
import { type RedisAddress, type RedisHost, redisAddressOf } from './redis-address.ts'
import { openNode, openRedis, openSentinel, type RedisPlace } from './redis-connection.ts'

/** What one Redis says of itself. */
export interface RedisNodeLook {
  /** As `host:port`. */
  readonly name: string
  /** The lines of INFO; empty where this user may not ask. */
  readonly info: Readonly<Record<string, string>>
  /** Whether anything is written to disk from time to time; undefined where this user may not ask. */
  readonly isSaved?: boolean
  /** Whether this user may have what was used up confirmed by a replica. */
  readonly mayWait?: boolean
  /** When the certificate ends, in milliseconds since the epoch; undefined without TLS. */
  readonly certificateEndsMs?: number
  /** Why it could not be asked. */
  readonly error?: unknown
}

/** What one Sentinel says. */
export interface SentinelLook {
  readonly name: string
  /** Whether enough Sentinels would agree on a failover, in its own words. */
  readonly quorum?: string
  /** Why it could not be asked, or what it refused. */
  readonly error?: unknown
}

/** What Redis is at a moment. */
export interface RedisLook {
  readonly kind: RedisAddress['kind']
  readonly nodes: readonly RedisNodeLook[]
  readonly sentinels: readonly SentinelLook[]
  /** The lines of CLUSTER INFO. */
  readonly cluster: Readonly<Record<string, string>>
}

/** Asks every node and every Sentinel for what decides whether values are safe there, on connections of its own. */
export async function lookAtRedis(place: RedisPlace): Promise<RedisLook> {
  const { kind, hosts, master } = redisAddressOf(place.url.reveal())
  const nothing = { kind, sentinels: [], cluster: {} }
  if (kind === 'node') return { ...nothing, nodes: await Promise.all(hosts.map((host) => nodeAt(place, host))) }
  if (kind === 'cluster') return { ...nothing, ...(await lookAtCluster(place)) }
  const asked = await Promise.all(hosts.map((host) => sentinelAt(place, host, master)))
  const known = new Map(asked.flatMap(({ nodes }) => nodes.map((host) => [nameOf(host), host] as const)))
  return {
    ...nothing,
    sentinels: asked.map(({ look }) => look),
    nodes: await Promise.all([...known.values()].map((host) => nodeAt(place, host))),
  }
}

/** Nodes that throw values away when they are full, with the policy that says so. */
export function evictingNodes({ nodes }: Pick<RedisLook, 'nodes'>): readonly { name: string; policy: string }[] {
  return nodes.flatMap(({ name, info: { maxmemory_policy: policy } }) =>
    policy === undefined || policy === 'noeviction' ? [] : [{ name, policy }],
  )
}

async function lookAtCluster(place: RedisPlace): Promise<Pick<RedisLook, 'nodes' | 'cluster'>> {
  const redis = openRedis(place) as Cluster
  const errors: unknown[] = []
  redis.on('error', (error: { readonly lastNodeError?: unknown }) => errors.push(error.lastNodeError ?? error))
  try {
    await redis.connect()
    const cluster = linesOf(String(await redis.cluster('INFO')))
    return { cluster, nodes: await Promise.all(redis.nodes('all').map(askNode)) }
  } catch (error) {
    throw errors.at(-1) ?? error
  } finally {
    redis.disconnect()
  }
}

async function nodeAt(place: RedisPlace, host: RedisHost): Promise<RedisNodeLook> {
  const redis = openNode(place, host)
  const errors: unknown[] = []
  redis.on('error', (error) => errors.push(error))
  try {
    await redis.connect()
    return await askNode(redis)
  } catch (error) {
    return { name: nameOf(host), info: {}, error: errors[0] ?? error }
  } finally {
    redis.disconnect()
  }
}

async function askNode(redis: Redis): Promise<RedisNodeLook> {
  const { host = '', port = 0 } = redis.options
  const name = nameOf({ host, port })
  try {
    const [info, save] = await Promise.all([allowed(redis.info()), allowed(redis.config('GET', 'save'))])
    const lines = linesOf(info === undefined ? '' : String(info))
    const rules = Array.isArray(save) ? String(save[1] ?? '') : undefined
    const mayWait = await redis.wait(0, 1).then(
      () => true,
      (error: Error) => !/^(NOPERM|ERR unknown command)/.test(error.message),
    )
    const certificate = redis.stream instanceof TLSSocket ? redis.stream.getPeerCertificate() : undefined
    return {
      name,
      info: lines,
      mayWait,
      ...(rules === undefined ? {} : { isSaved: rules !== '' || lines['aof_enabled'] === '1' }),
      ...(certificate ? { certificateEndsMs: Date.parse(certificate.valid_to) } : {}),
    }
  } catch (error) {
    return { name, info: {}, error }
  }
}

async function sentinelAt(
  place: RedisPlace,
  host: RedisHost,
  master: string,
): Promise<{ readonly look: SentinelLook; readonly nodes: readonly RedisHost[] }> {
  const redis = openSentinel(place, host)
  const errors: unknown[] = []
  redis.on('error', (error) => errors.push(error))
  const name = nameOf(host)
  try {
    await redis.connect()
    const at = (await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master)) as [string, string] | null
    if (at === null) return { look: { name, error: new Error(`knows no master of the name ${master}`) }, nodes: [] }
    const replicas = (await redis.call('SENTINEL', 'REPLICAS', master)) as unknown
    const nodes = [{ host: at[0], port: Number(at[1]) }, ...hostsAmong(replicas)]
    const quorum = await redis.call('SENTINEL', 'CKQUORUM', master).then(String, (error: Error) => error)
    const look = typeof quorum === 'string' ? { name, quorum } : { name, error: quorum }
    return { look, nodes }
  } catch (error) {
    return { look: { name, error: errors[0] ?? error }, nodes: [] }
  } finally {
    redis.disconnect()
  }
}

/** The nodes of a list that Sentinel answers, each with names and values in turn. */
function hostsAmong(listed: unknown): RedisHost[] {
  if (!Array.isArray(listed)) return []
  return listed.map((one: readonly string[]) => {
    const at = (name: string) => one[one.indexOf(name) + 1] ?? ''
    return { host: at('ip'), port: Number(at('port')) }
  })
}

/** Undefined where this user may not ask, or the service does not know the question. */
async function allowed<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof Error && /^(NOPERM|ERR) /.test(error.message)) return undefined
    throw error
  }
}

function linesOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/^([^#:\r\n]+):([^\r\n]*)/gm)].map(([, name, value]) => [name, value]))
}

function nameOf({ host, port }: RedisHost): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
