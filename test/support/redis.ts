import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { inject } from 'vitest'
import { eventually } from './patience.ts'
import { guarded } from './run.ts'
import { freePort } from './services.ts'

/** The Redis of this run. */
export function redisUrl(): string {
  return inject('services').redisUrl
}

/** A key prefix nobody else uses, so that files can run in parallel on one Redis. */
export function redisPrefix(): string {
  return `test:${randomBytes(6).toString('hex')}:`
}

/** A Redis of one's own, to be killed and started again. */
export interface OwnRedis {
  readonly url: string
  readonly port: number
  /** Resolves when it answers. */
  start(): Promise<void>
  kill(): Promise<void>
  /** Kills it and removes its folder. */
  remove(): Promise<void>
}

/**
 * Starts a Redis for one test; with `cluster` it is the only node of a cluster, which sends its clients to the port that
 * it announces.
 */
export async function ownRedis({
  cluster = false,
  announced,
}: {
  readonly cluster?: boolean
  readonly announced?: number
} = {}): Promise<OwnRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'menshen-redis-'))
  const [port, busPort] = [await freePort(), await freePort()]
  const url = `redis://127.0.0.1:${port}`
  const announce = announced === undefined ? [] : ['--cluster-announce-port', `${announced}`]
  const ownBus = ['--cluster-port', `${busPort}`, '--cluster-announce-ip', '127.0.0.1', ...announce]
  const clustered = ['--cluster-enabled', 'yes', ...ownBus]
  const args = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    ...(cluster ? clustered : []),
  ]
  let child: ChildProcess | undefined

  async function kill(): Promise<void> {
    const ended = new Promise((resolve) => child?.once('exit', resolve))
    if (child?.kill('SIGKILL')) await ended
    child = undefined
  }
  async function start(): Promise<void> {
    child = guarded(spawn('redis-server', args, { detached: true, stdio: 'ignore' }))
    await untilReady(url, cluster)
  }
  await start()
  return {
    url: cluster ? `${url},${url}` : url,
    port,
    start,
    kill,
    async remove() {
      await kill()
      await rm(folder, { recursive: true })
    },
  }
}

async function untilReady(url: string, cluster: boolean): Promise<void> {
  let isAsked = false
  await eventually(async () => {
    const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
    redis.on('error', () => {})
    try {
      await redis.connect()
      if (cluster) {
        if (!isAsked || !`${await redis.cluster('INFO')}`.includes('cluster_slots_assigned:16384')) {
          isAsked = true
          await redis.cluster('ADDSLOTSRANGE', 0, 16383)
        }
        if (!`${await redis.cluster('INFO')}`.includes('cluster_state:ok')) throw new Error('the cluster is not ready')
      }
    } finally {
      redis.disconnect()
    }
  })
}
