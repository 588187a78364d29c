import { readFileSync, rmSync } from 'node:fs'
import { readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { EmbeddedFolder } from './embedded-folder.ts'
import { launch, writtenPid } from './postgres-process.ts'
import { errorCode } from './unavailable.ts'

const patienceMs = 30_000
const mostFailures = 5
const longestLogBytes = 10_000_000

/** The first number of the advisory locks of a data folder. */
export const lockSpace = 7_363_468

/** The second number of the lock that every user of the database shares. */
const inUse = 1

/**
 * A connection that marks the embedded PostgreSQL as in use for as long as it lasts; starts PostgreSQL when nobody has.
 * A server that is just coming up or going down is waited for.
 */
export async function openSession(place: EmbeddedFolder, pid: number): Promise<pg.Client> {
  const giveUpAt = performance.now() + patienceMs
  let child: Awaited<ReturnType<typeof launch>> | undefined
  let failures = 0
  for (;;) {
    try {
      return await connect(place, pid)
    } catch (error) {
      if (performance.now() > giveUpAt) throw await notRunning(place, error)
      if (!isStartable(error)) {
        if (!isPassing(error)) throw await notRunning(place, error)
      } else if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
        if (child !== undefined && !(await isServerAlive(place)) && ++failures === mostFailures)
          throw await notRunning(place, error)
        child = await start(place)
      }
      await delay(10 * 2 ** failures)
    }
  }
}

/**
 * Ends the session, and PostgreSQL too when nobody else uses it. A process that opens a session at this moment waits
 * behind our lock, is disconnected with the rest, and starts PostgreSQL again.
 */
export async function endSession(place: EmbeddedFolder, session: pg.Client): Promise<void> {
  try {
    await session.query('select pg_advisory_unlock_all()')
    if (await isAlone(session)) await shutDown(place)
  } catch {
    // PostgreSQL has died on its own, so there is nothing left to end.
  } finally {
    await session.end().catch(() => {})
  }
}

async function connect(place: EmbeddedFolder, pid: number): Promise<pg.Client> {
  const { socketFolder, password } = place
  const name = `menshen ${pid}`
  const client = new pg.Client({
    host: socketFolder,
    user: 'menshen',
    password,
    database: 'postgres',
    application_name: name,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select pg_advisory_lock_shared($1, $2)', [lockSpace, inUse])
    const { rowCount } = await client.query("select from pg_database where datname = 'menshen'")
    if (rowCount === 0) await client.query('create database menshen').catch(unlessThere)
    return client
  } catch (error) {
    client.connection.stream.destroy()
    throw error
  }
}

function unlessThere(error: unknown): void {
  const code = errorCode(error)
  if (code !== '42P04' && code !== '23505') throw error
}

async function start(place: EmbeddedFolder): Promise<Awaited<ReturnType<typeof launch>>> {
  const { cluster, socketFolder, logFile } = place
  removeForeignLocks(place)
  const status = await stat(logFile).catch(() => undefined)
  if ((status?.size ?? 0) > longestLogBytes) await rename(logFile, `${logFile}.1`)
  const settings = {
    listen_addresses: '',
    unix_socket_directories: `"${socketFolder.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    port: 5432,
    fsync: 'on',
    shared_buffers: '16MB',
    max_connections: 100,
    wal_level: 'minimal',
    max_wal_senders: 0,
    max_wal_size: '128MB',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(cluster.binaries.major >= 18 ? { io_method: 'sync' } : {}),
  }
  return launch(cluster, settings, logFile)
}

/**
 * After a restart of a container another program may have the process id that a killed PostgreSQL wrote down, and
 * PostgreSQL would refuse to start beside it. The command line of a process that is dead but not yet reaped is empty.
 * Synchronous, so that no other starter's lock can take the place of the one that was judged.
 */
function removeForeignLocks({ cluster, socketFolder }: EmbeddedFolder): void {
  for (const file of [join(cluster.folder, 'postmaster.pid'), join(socketFolder, '.s.PGSQL.5432.lock')]) {
    const pid = Number(textOf(file)?.split('\n')[0])
    const command = pid > 0 ? textOf(`/proc/${pid}/cmdline`) : undefined
    if (command !== undefined && !command.includes('postgres')) rmSync(file, { force: true })
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

async function isServerAlive({ cluster }: EmbeddedFolder): Promise<boolean> {
  const pid = await writtenPid(cluster.folder)
  if (pid === undefined) return false
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** True when nobody listens: it was never started, or it was killed. */
function isStartable(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED'].includes(errorCode(error) ?? '')
}

/** True while PostgreSQL starts or stops, or was stopped while we waited for the lock. */
function isPassing(error: unknown): boolean {
  const code = errorCode(error)
  if (code === undefined) return error instanceof Error && error.message.startsWith('Connection terminated')
  return ['57P01', '57P02', '57P03', '53300', 'ECONNRESET', 'EPIPE'].includes(code)
}

async function isAlone(session: pg.Client): Promise<boolean> {
  const { rows } = await session.query('select pg_try_advisory_lock($1, $2) as mine', [lockSpace, inUse])
  if (!rows[0].mine) return false
  const clients = "select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
  // Our own pool was closed a moment ago, and PostgreSQL may not have noticed.
  for (let tries = 0; tries < 10; tries++) {
    const { rowCount } = await session.query(clients)
    if (rowCount === 0) return true
    await delay(20)
  }
  return false
}

async function shutDown({ cluster }: EmbeddedFolder): Promise<void> {
  const pid = await writtenPid(cluster.folder)
  if (pid === undefined) return
  process.kill(pid, 'SIGINT')
  const giveUpAt = performance.now() + patienceMs / 3
  while ((await writtenPid(cluster.folder)) === pid && performance.now() < giveUpAt) await delay(10)
}

async function notRunning({ cluster, logFile }: EmbeddedFolder, cause: unknown): Promise<Error> {
  const log = await readFile(logFile, 'utf8').catch(() => '')
  const last = log.trimEnd().split('\n').slice(-5).join('\n')
  return new Error(
    `the embedded PostgreSQL in ${cluster.folder} does not run; set DATABASE_URL, or see ${logFile}:\n${last}`,
    { cause },
  )
}
