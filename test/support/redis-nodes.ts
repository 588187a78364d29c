import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import type { Certificates } from './certificates.ts'
import { eventually } from './patience.ts'
import { guarded } from './run.ts'
import { freePort } from './services.ts'
import { findTools } from './tools.ts'

const run = promisify(execFile)

/** One Redis, or Sentinel, of several that know each other. */
export interface RedisNode {
  readonly port: number
  /** A connection of its own for each call, past everything that is tested. */
  ask<T>(...command: readonly [string, ...(string | number)[]]): Promise<T>
  /** KILL as a machine that dies, STOP as one that hangs. */
  signal(signal: NodeJS.Signals): void
  /** Starts it again where it was killed. */
  start(): Promise<void>
}

export interface RedisNodes {
  /** As `REDIS_URL` names them. */
  readonly url: string
  readonly nodes: readonly RedisNode[]
  /** Which of the nodes takes writes now, as the others tell; of a cluster the one that has a slot. */
  master(slot?: number): Promise<RedisNode>
  /** Runs `redis-cli --cluster`. */
  cli(...args: readonly string[]): Promise<string>
  close(): Promise<void>
}

/** How soon the others believe that one is dead, in milliseconds; on a busy machine a shorter time fails over for nothing. */
const deadAfterMs = 3000
const host = '127.0.0.1'

/** Three masters, each with one replica, of whose slots every one is served. */
export async function redisCluster(certificates?: Certificates): Promise<RedisNodes> {
  const own = ['--cluster-enabled', 'yes', '--cluster-node-timeout', `${deadAfterMs}`]
  const place = await newPlace(certificates)
  const nodes = await Promise.all(
    Array.from({ length: 6 }, async () => startNode(place, [...own, '--cluster-port', `${await freePort()}`])),
  )
  const cli = (...args: readonly string[]) => place.cli('--cluster', ...args)
  const hosts = nodes.map(({ port }) => `${host}:${port}`)
  await cli('create', ...hosts, '--cluster-replicas', '1', '--cluster-yes')
  await eventually(async () => {
    for (const node of nodes) {
      const info = await node.ask<string>('CLUSTER', 'INFO')
      if (!info.includes('cluster_state:ok')) throw new Error('the cluster is not whole yet')
      const link = await node.ask<string>('INFO', 'replication')
      if (!/connected_slaves:1|master_link_status:up/.test(link)) throw new Error('a replica does not copy yet')
    }
  })
  return {
    url: hosts.map((each) => `${place.scheme}://${each}`).join(),
    nodes,
    master: (slot = 0) =>
      eventually(async () => {
        for (const node of nodes) {
          const slots = await node.ask<[number, number, [string, number]][]>('CLUSTER', 'SLOTS').catch(() => [])
          const [, , owner] = slots.find(([from, to]) => slot >= from && slot <= to) ?? []
          const found = nodes.find(({ port }) => port === owner?.[1])
          const answer = await found?.ask<string[]>('ROLE').catch(() => undefined)
          if (found && answer?.[0] === 'master') return found
        }
        throw new Error('nobody serves the slot')
      }),
    cli,
    close: place.close,
  }
}

export interface SentinelNodes extends RedisNodes {
  readonly sentinels: readonly RedisNode[]
}

/** One master with two replicas, and three Sentinels that watch them. */
export async function redisSentinels(certificates?: Certificates): Promise<SentinelNodes> {
  const place = await newPlace(certificates)
  const first = await startNode(place, [])
  const copies = ['--replicaof', host, `${first.port}`]
  const nodes = [first, await startNode(place, copies), await startNode(place, copies)]
  await eventually(async () => {
    const info = await first.ask<string>('INFO', 'replication')
    if (info.match(/state=online/g)?.length !== 2) throw new Error('the replicas do not copy yet')
  })
  const watch = [
    ['monitor', 'menshen', host, first.port, 2],
    ['down-after-milliseconds', 'menshen', deadAfterMs],
    ['failover-timeout', 'menshen', 10_000],
  ]
  const sentinels = await Promise.all(
    [1, 2, 3].map(async (number) => {
      const file = join(place.folder, `sentinel-${number}.conf`)
      await writeFile(file, watch.map((line) => `sentinel ${line.join(' ')}\n`).join(''))
      return startNode(place, ['--sentinel'], file)
    }),
  )
  await eventually(async () => {
    for (const sentinel of sentinels) {
      const told = await sentinel.ask<string>('SENTINEL', 'CKQUORUM', 'menshen')
      // Two are a quorum already.
      if (!told.includes(`${sentinels.length} usable Sentinels`)) throw new Error('they do not all know each other yet')
    }
  })
  const hosts = sentinels.map(({ port }) => `${host}:${port}`)
  return {
    url: `${place.scheme}+sentinel://${hosts.join()}/menshen`,
    nodes,
    sentinels,
    master: () =>
      eventually(async () => {
        for (const sentinel of sentinels) {
          const [, port] = await sentinel
            .ask<string[]>('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'menshen')
            .catch(() => [])
          const found = nodes.find((node) => node.port === Number(port))
          const answer = await found?.ask<string[]>('ROLE').catch(() => undefined)
          if (found && answer?.[0] === 'master') return found
        }
        throw new Error('there is no master')
      }),
    cli: place.cli,
    close: place.close,
  }
}

/** One Redis that speaks TLS alone and asks its clients for a certificate. */
export async function redisOverTls(certificates: Certificates): Promise<RedisNodes> {
  const place = await newPlace(certificates)
  const node = await startNode(place, [])
  const master = async () => node
  return { url: `rediss://${host}:${node.port}`, nodes: [node], master, cli: place.cli, close: place.close }
}

interface Place {
  readonly folder: string
  readonly scheme: 'redis' | 'rediss'
  readonly program: string
  readonly tlsArgs: readonly string[]
  readonly tls: { readonly tls?: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer } }
  readonly started: RedisNode[]
  cli(...args: readonly string[]): Promise<string>
  close(): Promise<void>
}

async function newPlace(certificates: Certificates | undefined): Promise<Place> {
  const { redisServer, redisCli } = await findTools()
  const folder = await mkdtemp(join(tmpdir(), 'menshen-redis-nodes-'))
  const started: RedisNode[] = []
  const files = certificates && {
    'ca-cert-file': certificates.authority,
    'cert-file': certificates.certificate,
    'key-file': certificates.key,
  }
  const tls = certificates && {
    ca: await readFile(certificates.authority),
    cert: await readFile(certificates.certificate),
    key: await readFile(certificates.key),
  }
  const cliTls = certificates
    ? ['--tls', '--cacert', certificates.authority, '--cert', certificates.certificate, '--key', certificates.key]
    : []
  return {
    folder,
    scheme: certificates ? 'rediss' : 'redis',
    program: redisServer,
    tlsArgs: files
      ? [...Object.entries(files).flatMap(([name, file]) => [`--tls-${name}`, file]), ...tlsEverywhere]
      : [],
    tls: tls ? { tls } : {},
    started,
    cli: async (...args) => (await run(redisCli, [...cliTls, ...args])).stdout,
    async close() {
      for (const node of started) node.signal('SIGKILL')
      await eventually(() => rm(folder, { recursive: true, force: true }))
    },
  }
}

const tlsEverywhere = ['--tls-replication', 'yes', '--tls-cluster', 'yes']

async function startNode(place: Place, args: readonly string[], file?: string): Promise<RedisNode> {
  const port = await freePort()
  const folder = join(place.folder, `${port}`)
  await mkdir(folder)
  const ports = place.scheme === 'rediss' ? ['--port', '0', '--tls-port', `${port}`] : ['--port', `${port}`]
  const quick = args.includes('--sentinel') ? [] : ['--save', '', '--repl-diskless-sync-delay', '0']
  const all = [...(file ? [file] : []), ...ports, '--bind', host, '--dir', folder, ...quick, ...place.tlsArgs, ...args]
  let child: ChildProcess | undefined
  const node: RedisNode = {
    port,
    async ask<T>(...[name, ...words]: readonly [string, ...(string | number)[]]) {
      const limits = { connectTimeout: 1000, commandTimeout: 3000 }
      const once = { ...limits, lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null }
      const redis = new Redis({ host, port, ...place.tls, ...once })
      redis.on('error', () => {})
      try {
        await redis.connect()
        return (await redis.call(name, ...words)) as T
      } finally {
        redis.disconnect()
      }
    },
    signal(signal) {
      child?.kill(signal)
    },
    async start() {
      child = guarded(spawn(place.program, all, { detached: true, stdio: 'ignore' }))
      await eventually(() => node.ask('PING'))
    },
  }
  await node.start()
  place.started.push(node)
  return node
}
