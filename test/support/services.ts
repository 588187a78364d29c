import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { accountFor, giveTo } from '../../src/store/postgres-account.ts'
import { initialise, launch } from '../../src/store/postgres-process.ts'
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

/** Starts PostgreSQL and Redis in a temporary folder on free ports. They are ended and the folder removed even if we are killed. */
export async function startServices(): Promise<RunningServices> {
  const tools = await findTools()
  const folder = await mkdtemp(join(tmpdir(), 'menshen-test-'))
  const guard = startGuard(folder)
  try {
    const [postgresUrl, redisUrl] = await Promise.all([
      tools.postgres === undefined
        ? (process.env['TEST_DATABASE_URL'] as string)
        : startPostgres(tools.postgres, folder, guard),
      startRedis(tools.redisServer, folder, guard),
    ])
    const run = `menshen_test_${process.pid}_${folder.slice(-6).toLowerCase()}`
    return { services: { postgresUrl, redisUrl, chromium: tools.chromium, run }, stop: guard.end }
  } catch (error) {
    await guard.end()
    throw error
  }
}

interface Guard {
  watch(pid: number | undefined): void
  end(): Promise<void>
}

/** A shell that waits for our end of a pipe to close, which happens however we end, and then ends the services. */
function startGuard(folder: string): Guard {
  const script = `
    pids=
    while read -r pid; do pids="$pids $pid"; done
    for pid in $pids; do kill -QUIT "$pid" 2>/dev/null || :; done
    for pid in $pids; do
      tries=0
      while kill -0 "$pid" 2>/dev/null && [ $tries -lt 60 ]; do tries=$((tries + 1)); sleep 0.05; done
      kill -KILL "$pid" 2>/dev/null || :
    done
    rm -rf "$0"`
  const shell = spawn('sh', ['-c', script, folder], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = new Promise<void>((resolve) => shell.on('exit', () => resolve()))
  return {
    watch: (pid) => shell.stdin.write(`${pid}\n`),
    end: () => {
      shell.stdin.end()
      return ended
    },
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

async function startPostgres(binaries: string, folder: string, guard: Guard): Promise<string> {
  const data = join(folder, 'postgres')
  await mkdir(data, { mode: 0o700 })
  const account = await accountFor(data)
  const cluster = { binaries: { folder: binaries, major: 0 }, account, folder: data }
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, 'test', { mode: 0o600 })
  await giveTo(account, folder)
  await giveTo(account, passwordFile)
  await initialise(cluster, passwordFile, false)
  const port = await freePort()
  const settings = { ...unsafeButFast, listen_addresses: '127.0.0.1', port, unix_socket_directories: data }
  const logFile = join(folder, 'postgres.log')
  const child = await launch(cluster, settings, logFile)
  guard.watch(child.pid)
  const url = `postgres://menshen:test@127.0.0.1:${port}/postgres`
  await untilReady(child, logFile, async () => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 })
    client.on('error', () => {})
    await client.connect()
    await client.end()
  })
  return url
}

async function startRedis(program: string, folder: string, guard: Guard): Promise<string> {
  const port = await freePort()
  const logFile = join(folder, 'redis.log')
  const listen = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--logfile', logFile]
  const child = spawn(program, [...listen, '--save', '', '--appendonly', 'no'], { detached: true, stdio: 'ignore' })
  child.unref()
  guard.watch(child.pid)
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
  for (let tries = 0; tries < 600; tries++) {
    try {
      return await probe()
    } catch {
      if (child.exitCode !== null) break
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
