import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { giveTo, osAccountFor } from '../../src/store/postgres-account.ts'
import { initialise, launch } from '../../src/store/postgres-process.ts'
import { patienceMs } from './patience.ts'
import { enterRun, guarded } from './run.ts'
import { findTools } from './tools.ts'

/** Where the running services are; every value can cross to another process. */
export interface Services {
  /** A superuser's URL of the database `postgres`. */
  readonly postgresUrl: string
  readonly redisUrl: string
  readonly chromium: string
  /** Starts the names of everything this run creates, so that two runs can share a server. */
  readonly run: string
}

export interface RunningServices {
  readonly services: Services
  stop(): Promise<void>
}

/** Starts PostgreSQL and Redis in the folder of the run on free ports. They are ended with the run, even if we are killed. */
export async function startServices(): Promise<RunningServices> {
  const tools = await findTools()
  const run = await enterRun()
  const folder = join(run.folder, 'services')
  try {
    await mkdir(folder, { mode: 0o700 })
    const [postgresUrl, redisUrl] = await Promise.all([
      tools.postgres === undefined
        ? (process.env['TEST_DATABASE_URL'] as string)
        : startPostgres(tools.postgres, folder),
      startRedis(tools.redisServer, folder),
    ])
    const name = `menshen_test_${process.pid}_${run.folder.slice(-6).toLowerCase()}`
    return { services: { postgresUrl, redisUrl, chromium: tools.chromium, run: name }, stop: run.end }
  } catch (error) {
    await run.end()
    throw error
  }
}

const unsafeButFast = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: 300,
  shared_buffers: '64MB',
  autovacuum: 'off',
}

async function startPostgres(binaries: string, folder: string): Promise<string> {
  const data = join(folder, 'postgres')
  await mkdir(data, { mode: 0o700 })
  const account = await osAccountFor(data)
  const cluster = { binaries: { folder: binaries, major: 0 }, account, folder: data }
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, 'test', { mode: 0o600 })
  await giveTo(account, folder)
  await giveTo(account, passwordFile)
  await initialise(cluster, passwordFile, false)
  const port = await freePort()
  const settings = { ...unsafeButFast, listen_addresses: '127.0.0.1', port, unix_socket_directories: data }
  const logFile = join(folder, 'postgres.log')
  const child = guarded(await launch(cluster, settings, logFile), 'service')
  const url = `postgres://menshen:test@127.0.0.1:${port}/postgres`
  await untilReady(child, logFile, async () => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 })
    client.on('error', () => {})
    await client.connect()
    await client.end()
  })
  return url
}

async function startRedis(program: string, folder: string): Promise<string> {
  const port = await freePort()
  const logFile = join(folder, 'redis.log')
  const listen = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--logfile', logFile]
  const args = [...listen, '--save', '', '--appendonly', 'no']
  const child = guarded(spawn(program, args, { detached: true, stdio: 'ignore' }), 'service')
  child.unref()
  const url = `redis://127.0.0.1:${port}`
  await untilReady(child, logFile, async () => {
    const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
    redis.on('error', () => {})
    try {
      await redis.connect()
      await redis.ping()
    } finally {
      redis.disconnect()
    }
  })
  return url
}

async function untilReady(child: ChildProcess, logFile: string, probe: () => Promise<void>): Promise<void> {
  const startedAt = performance.now()
  while (child.exitCode === null && performance.now() - startedAt < patienceMs) {
    try {
      return await probe()
    } catch {
      await delay(25)
    }
  }
  const log = await readFile(logFile, 'utf8').catch(() => '')
  throw new Error(`${child.spawnargs.join(' ')} did not come up:\n${log.slice(-2000)}`)
}

/** A port nobody listens on, below those the system gives to connections: two that ask at once hardly ever get the same. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
