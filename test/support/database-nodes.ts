import { execFile } from 'node:child_process'
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { giveTo, type OsAccount, osAccountFor } from '../../src/store/postgres-account.ts'
import { findBinaries, systemBinaries } from '../../src/store/postgres-binaries.ts'
import { initialise, launch, writtenPid } from '../../src/store/postgres-process.ts'
import { eventually } from './patience.ts'
import { guarded } from './run.ts'
import { freePort } from './services.ts'

const run = promisify(execFile)

/** One PostgreSQL of several that copy one from another. */
export interface DatabaseNode {
  readonly port: number
  /** Asks it as the superuser, on a connection of its own. */
  ask<Row extends pg.QueryResultRow>(text: string): Promise<Row[]>
  /** Sends a signal to the server and all its processes at once: KILL as a machine that dies, STOP as one that hangs. */
  signal(signal: NodeJS.Signals): Promise<void>
}

export interface DatabaseNodes {
  /** Where they are and will be, as an address of the database names them. */
  readonly hosts: string
  /** Starts the first one, which takes writes. */
  primary(): Promise<DatabaseNode>
  /** Starts one that copies another from its first byte on, and is asked by it at every commit. */
  standby(of: DatabaseNode): Promise<DatabaseNode>
  close(): Promise<void>
}

const settings = { wal_keep_size: '1GB', fsync: 'off', full_page_writes: 'off', shared_buffers: '32MB' }

/** So many nodes with the data of one `initdb`; what follows comes to a standby by replication alone. */
export async function databaseNodes(count: number): Promise<DatabaseNodes> {
  // Where TEST_DATABASE_URL names a server, its programs need not be here.
  const { folder: binaries } = (await systemBinaries()) ?? (await findBinaries())
  const folder = await mkdtemp(join(tmpdir(), 'menshen-nodes-'))
  const origin = join(folder, 'origin')
  await mkdir(origin, { mode: 0o700 })
  const account = await osAccountFor(origin)
  const password = join(folder, 'password')
  await writeFile(password, 'test', { mode: 0o600 })
  for (const path of [folder, password]) await giveTo(account, path)
  await initialise({ binaries: { folder: binaries, major: 0 }, account, folder: origin }, password, false)
  const started: DatabaseNode[] = []
  const ports = await Promise.all(Array.from({ length: count }, freePort))

  async function start(configure: (data: string) => Promise<void>): Promise<DatabaseNode> {
    const data = join(folder, `node-${started.length}`)
    await run('cp', ['-a', origin, data])
    await configure(data)
    const node = await startNode({ binaries, account, data, port: ports[started.length] as number })
    started.push(node)
    return node
  }

  return {
    hosts: ports.map((port) => `127.0.0.1:${port}`).join(),
    primary: () => start(async () => {}),
    async standby(of) {
      const node = await start(async (data) => {
        const conninfo = `host=127.0.0.1 port=${of.port} user=menshen password=test`
        await appendFile(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`)
        await writeFile(join(data, 'standby.signal'), '', { mode: 0o600 })
        await giveTo(account, join(data, 'standby.signal'))
      })
      await of.ask(`alter system set synchronous_standby_names = '*'`)
      await of.ask('select pg_reload_conf()')
      await eventually(async () => {
        const [row] = await of.ask<{ sync_state: string }>('select sync_state from pg_stat_replication')
        if (row?.sync_state !== 'sync') throw new Error('the standby does not copy yet')
      })
      return node
    },
    async close() {
      await Promise.all(started.map((node) => node.signal('SIGKILL').catch(() => {})))
      await eventually(() => rm(folder, { recursive: true, force: true }))
    },
  }
}

interface Place {
  readonly binaries: string
  readonly account: OsAccount
  readonly data: string
  readonly port: number
}

async function startNode({ binaries, account, data, port }: Place): Promise<DatabaseNode> {
  const cluster = { binaries: { folder: binaries, major: 0 }, account, folder: data }
  const own = { ...settings, listen_addresses: '127.0.0.1', port, unix_socket_directories: data }
  guarded(await launch(cluster, own, `${data}.log`), 'service')
  const node: DatabaseNode = {
    port,
    async ask<Row extends pg.QueryResultRow>(text: string) {
      const connectionString = `postgres://menshen:test@127.0.0.1:${port}/postgres`
      const client = new pg.Client({ connectionString, connectionTimeoutMillis: 1000 })
      client.on('error', () => {})
      await client.connect()
      try {
        return (await client.query<Row>(text)).rows
      } finally {
        await client.end()
      }
    },
    async signal(signal) {
      const pid = await writtenPid(data)
      if (pid === undefined) return
      const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
      for (const one of [pid, ...children.split(' ').filter(Boolean).map(Number)]) {
        try {
          process.kill(one, signal)
        } catch {
          // It has ended by itself since it was written down.
        }
      }
    },
  }
  await eventually(() => node.ask('select 1'))
  return node
}
