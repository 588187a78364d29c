import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { giveTo, osAccountFor } from '../src/store/postgres-account.ts'
import { findBinaries, systemBinaries } from '../src/store/postgres-binaries.ts'
import { initialise, launch } from '../src/store/postgres-process.ts'
import { freePort } from '../test/support/services.ts'

export interface Stores {
  readonly redisUrl: string
  readonly postgresVersion: string
  readonly redisVersion: string
  readonly folder: string
  /** An empty database of this name. */
  createDatabase(name: string): Promise<string>
  /** Of the CPU, what all processes of PostgreSQL have used until now, those that have ended too. */
  databaseCpuSeconds(): Promise<number>
  stop(): Promise<void>
}

/** As an operator would run it: nothing acknowledged before it is on disk. */
const settings = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '128MB',
  max_connections: 100,
  max_wal_size: '2GB',
  listen_addresses: '127.0.0.1',
}

/** Starts PostgreSQL and Redis on free ports in a folder of their own. */
export async function startStores(): Promise<Stores> {
  const folder = await mkdtemp(join(tmpdir(), 'menshen-bench-'))
  const running: ChildProcess[] = []
  async function stop(): Promise<void> {
    await Promise.all(running.map(end))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const { url, version, pid } = await startPostgres(folder, running)
    const redisPort = await startRedis(folder, running)
    return {
      redisUrl: `redis://127.0.0.1:${redisPort}`,
      postgresVersion: version,
      redisVersion: await versionOf('redis-server', /v=(\S+)/),
      folder,
      async createDatabase(name) {
        await administer(url, (client) => client.query(`create database ${name}`))
        return url.replace(/postgres$/, name)
      },
      databaseCpuSeconds: () => cpuSecondsOf(pid),
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
): Promise<{ url: string; version: string; pid: number }> {
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
  const child = await launch(cluster, { ...settings, port, unix_socket_directories: data }, logFile)
  running.push(child)
  const url = `postgres://menshen:bench@127.0.0.1:${port}/postgres`
  const version = await retry(() => administer(url, (client) => client.query('show server_version')), child)
  return { url, version: String(version.rows[0].server_version).split(' ')[0] ?? '', pid: child.pid ?? 0 }
}

const ticksPerSecond = 100

/** Of a process and its children, as Linux counts it. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const stats = await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(statOf))
  const own = stats.filter((stat) => stat !== undefined && (stat.pid === pid || stat.parent === pid))
  return own.reduce((sum, stat) => sum + (stat?.ticks ?? 0), 0) / ticksPerSecond
}

/** Undefined for a process that has ended meanwhile. */
async function statOf(name: string): Promise<{ pid: number; parent: number; ticks: number } | undefined> {
  const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  // The name of the program, in parentheses, may have spaces in it.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [parent = 0, ticks] = [fields[1], fields.slice(11, 15).reduce((sum, each) => sum + each, 0)]
  return { pid: Number(name), parent, ticks }
}

async function startRedis(folder: string, running: ChildProcess[]): Promise<number> {
  const port = await freePort()
  const listen = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder]
  const child = spawn('redis-server', [...listen, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
  child.on('error', () => {})
  running.push(child)
  const ping = () => promisify(execFile)('redis-cli', ['-p', `${port}`, 'ping'])
  await retry(ping, child)
  return port
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
      if (tries === 400 || child.exitCode !== null) {
        throw new Error(`${child.spawnargs.join(' ')} did not come up; PostgreSQL and Redis must be installed`, {
          cause: error,
        })
      }
      await delay(25)
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.ref()
  child.kill('SIGINT')
  await ended
}

async function versionOf(program: string, pattern: RegExp): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['--version'])
  return pattern.exec(stdout)?.[1] ?? stdout.trim()
}
