import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { giveTo, osAccountFor } from '../src/store/postgres-account.ts'
import { findBinaries, systemBinaries } from '../src/store/postgres-binaries.ts'
import { initialise, launch, writtenPid } from '../src/store/postgres-process.ts'
import { freePort } from '../test/support/services.ts'
import { usageOf } from './process-tree.ts'

/** A store that can be made to fail. */
export interface FallibleStore {
  /** Ends it at once: PostgreSQL has to recover afterwards, Redis forgets everything. */
  crash(): Promise<void>
  /** Starts it again where it was, and waits until it answers. */
  start(): Promise<void>
  /** All its processes stand still until `goOn`. */
  pause(): Promise<void>
  goOn(): Promise<void>
}

export interface Stores {
  readonly postgres: FallibleStore
  readonly redis: FallibleStore
  readonly redisUrl: string
  readonly postgresVersion: string
  readonly redisVersion: string
  readonly folder: string
  /** A database of this name, empty or a copy of another one that nobody is connected to. */
  createDatabase(name: string, template?: string): Promise<string>
  /** The address of a database that was made. */
  addressOf(name: string): string
  /** Runs SQL as the superuser, in a database of this name. */
  administer(name: string, text: string): Promise<pg.QueryResult>
  /** Of the CPU, what all processes of PostgreSQL have used until now, those that have ended too. */
  databaseCpuSeconds(): number
  /** The same of Redis, since it was started last. */
  redisCpuSeconds(): number
  stop(): Promise<void>
}

/** As an operator would run it: nothing acknowledged before it is on disk. */
const settings = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '128MB',
  max_connections: 200,
  max_wal_size: '2GB',
  listen_addresses: '127.0.0.1',
}

/** Starts PostgreSQL and Redis on free ports in a folder of their own. */
export async function startStores(): Promise<Stores> {
  const folder = await mkdtemp(join(tmpdir(), 'menshen-bench-'))
  const running: ChildProcess[] = []
  const failing: FallibleStore[] = []
  async function stop(): Promise<void> {
    await Promise.all(failing.map((store) => store.goOn()))
    await Promise.all(running.map((child) => end(child)))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const { url, version, cpuSeconds, store: postgres } = await startPostgres(folder, running)
    failing.push(postgres)
    const { port: redisPort, cpuSeconds: redisCpuSeconds, store: redis } = await startRedis(folder, running)
    failing.push(redis)
    const addressOf = (name: string) => url.replace(/postgres$/, name)
    return {
      postgres,
      redis,
      redisUrl: `redis://127.0.0.1:${redisPort}`,
      postgresVersion: version,
      redisVersion: await versionOf('redis-server', /v=(\S+)/),
      folder,
      async createDatabase(name, template) {
        const like = template === undefined ? '' : ` template ${template}`
        await administer(url, (client) => client.query(`create database ${name}${like}`))
        return addressOf(name)
      },
      addressOf,
      administer: (name, text) => administer(addressOf(name), (client) => client.query(text)),
      databaseCpuSeconds: cpuSeconds,
      redisCpuSeconds,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startPostgres(
  folder: string,
  running: ChildProcess[],
): Promise<{ url: string; version: string; cpuSeconds: () => number; store: FallibleStore }> {
  const binaries = (await systemBinaries()) ?? (await findBinaries())
  const data = join(folder, 'postgres')
  await mkdir(data, { mode: 0o700 })
  const account = await osAccountFor(data)
  const cluster = { binaries, account, folder: data }
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, 'bench', { mode: 0o600 })
  await giveTo(account, folder)
  await giveTo(account, passwordFile)
  await initialise(cluster, passwordFile, true)
  const port = await freePort()
  const logFile = join(folder, 'postgres.log')
  const url = `postgres://menshen:bench@127.0.0.1:${port}/postgres`
  let child: ChildProcess
  let spentBefore = 0
  const ask = () => administer(url, (client) => client.query('show server_version'))
  async function start() {
    child = await launch(cluster, { ...settings, port, unix_socket_directories: data }, logFile)
    running.push(child)
    return retry(ask, child)
  }
  async function signal(name: NodeJS.Signals): Promise<void> {
    const pid = await writtenPid(data)
    if (pid === undefined) return
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
    for (const one of [pid, ...children.split(' ').filter(Boolean).map(Number)]) send(one, name)
  }
  const version = await start()
  return {
    url,
    version: String(version.rows[0].server_version).split(' ')[0] ?? '',
    cpuSeconds: () => spentBefore + usageOf(child.pid ?? 0).cpuSeconds,
    store: {
      async crash() {
        spentBefore += usageOf(child.pid ?? 0).cpuSeconds
        await end(child, 'SIGQUIT')
      },
      start: async () => void (await start()),
      pause: () => signal('SIGSTOP'),
      goOn: () => signal('SIGCONT'),
    },
  }
}

/** To a process that may have ended by itself. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function startRedis(
  folder: string,
  running: ChildProcess[],
): Promise<{ readonly port: number; readonly cpuSeconds: () => number; readonly store: FallibleStore }> {
  const port = await freePort()
  const listen = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder]
  let child: ChildProcess
  const ping = () => promisify(execFile)('redis-cli', ['-p', `${port}`, 'ping'])
  async function start(): Promise<void> {
    child = spawn('redis-server', [...listen, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
    child.on('error', () => {})
    running.push(child)
    await retry(ping, child)
  }
  await start()
  return {
    port,
    cpuSeconds: () => usageOf(child.pid ?? 0).cpuSeconds,
    store: {
      crash: () => end(child, 'SIGKILL'),
      start,
      pause: async () => void child.kill('SIGSTOP'),
      goOn: async () => void child.kill('SIGCONT'),
    },
  }
}

async function administer(url: string, work: (client: pg.Client) => Promise<pg.QueryResult>): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function retry<T>(probe: () => Promise<T>, child: ChildProcess): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await probe()
    } catch (error) {
      if (tries === 2400 || child.exitCode !== null) {
        throw new Error(`${child.spawnargs.join(' ')} did not come up; PostgreSQL and Redis must be installed`, {
          cause: error,
        })
      }
      await delay(25)
    }
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.ref()
  child.kill(signal)
  await ended
}

async function versionOf(program: string, pattern: RegExp): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['--version'])
  return pattern.exec(stdout)?.[1] ?? stdout.trim()
}
