import pg from 'pg'
import { type DatabaseHost, hostsOf, plainUrl } from './postgres-address.ts'
import { errorCode } from './unavailable.ts'

/** How long one host may take to let us in, and then to say what it is. */
export const hostTimeoutMs = 3000
/** After this silence the next host is asked too. */
const patienceMs = 1000

/** A connection that stands on a host of an address; it is cut when another host has become the one that writes. */
export interface Placed {
  readonly place: DatabaseHost | undefined
  cut(): void
  once(event: 'end', listener: () => void): unknown
}

/** The hosts behind an address, of which one takes writes. */
export interface Hosts {
  /** For a driver that knows one host. */
  readonly url: string
  /** How long `find` may take at most. */
  readonly longestMs: number
  /** The host that takes writes: looked for anew each time. Undefined, without a look, where only one is named. */
  find(): Promise<DatabaseHost | undefined>
  /** Cuts the connection as soon as a look finds another host than the one it stands on. */
  join(connection: Placed): void
}

/** Looks begin with the host that was found last; those that are asked for at the same time are one. */
export function databaseHosts(address: string, application: string): Hosts {
  const hosts = hostsOf(address)
  const joined = new Set<Placed>()
  let last = hosts[0]
  const known = newestTimelines()
  let looking: Promise<DatabaseHost> | undefined

  async function look(): Promise<DatabaseHost> {
    const ordered = [...hosts].sort((one, other) => Number(other === last) - Number(one === last))
    const found = await firstWriter(ordered, (host, settled) => ask(host, { application, known, settled }))
    last = found
    // What stands on another host would write to nobody, read what is old, or hang with a host that is frozen.
    for (const connection of joined) if (connection.place !== found) connection.cut()
    return found
  }

  return {
    url: plainUrl(address),
    longestMs: hosts.length === 0 ? 0 : 2 * hostTimeoutMs + (hosts.length - 1) * patienceMs,
    async find() {
      if (hosts.length === 0) return undefined
      looking ??= look().finally(() => {
        looking = undefined
      })
      return looking
    },
    join(connection) {
      joined.add(connection)
      connection.once('end', () => joined.delete(connection))
    },
  }
}

/**
 * Asks in order for a host that takes writes, the next one when one has refused or has been silent for a while, and
 * takes the first that says yes. Throws what all have said.
 */
function firstWriter(
  hosts: readonly DatabaseHost[],
  expectWriter: (host: DatabaseHost, settled: AbortSignal) => Promise<void>,
): Promise<DatabaseHost> {
  const settled = new AbortController()
  const refusals = new Map<DatabaseHost, unknown>()
  let asked = 0
  let timer: NodeJS.Timeout | undefined
  const finding = new Promise<DatabaseHost>((resolve, reject) => {
    const askNext = () => {
      clearTimeout(timer)
      const host = hosts[asked]
      if (host === undefined || settled.signal.aborted) return
      asked += 1
      timer = setTimeout(askNext, patienceMs)
      expectWriter(host, settled.signal).then(
        () => resolve(host),
        (error: unknown) => {
          refusals.set(host, error)
          if (refusals.size === hosts.length) reject(noWriter(hosts, refusals))
          else askNext()
        },
      )
    }
    askNext()
  })
  return finding.finally(() => {
    clearTimeout(timer)
    settled.abort()
  })
}

/** How a host is asked. */
interface Question {
  readonly application: string
  readonly known: Timelines
  readonly settled: AbortSignal
}

/** Rejects unless the host takes writes, and is not known to have been replaced. */
async function ask({ url }: DatabaseHost, { application, known, settled }: Question): Promise<void> {
  const names = { connectionString: url, application_name: application }
  const client = new pg.Client({ ...names, connectionTimeoutMillis: hostTimeoutMs })
  client.on('error', () => {})
  const cut = () => client.connection.stream.destroy()
  settled.addEventListener('abort', cut)
  try {
    await client.connect()
    await expectPrimary(client, { statementLimitMs: hostTimeoutMs, mayRefuseWrites: false })
    known.expectNewest(await standOf(client))
  } finally {
    settled.removeEventListener('abort', cut)
    client.end().catch(() => {})
  }
}

/** Which data a primary has, and how often a standby of theirs had been promoted until then. */
interface Stand {
  readonly lineage: string
  /** Eight hexadecimal digits. */
  readonly timeline: string
}

interface Timelines {
  /** Throws where another primary of the same data was promoted later. */
  expectNewest(stand: Stand | undefined): void
}

/**
 * Remembers the newest timeline of each database that was seen. A primary that was replaced while it was frozen says
 * that it takes writes, and nobody would find again what is written there.
 */
function newestTimelines(): Timelines {
  const newest = new Map<string, string>()
  return {
    expectNewest(stand) {
      if (stand === undefined) return
      if (stand.timeline < (newest.get(stand.lineage) ?? '')) throw readOnly('was replaced by another host')
      newest.set(stand.lineage, stand.timeline)
    },
  }
}

/** Undefined where a service of somebody else does not tell. */
async function standOf(client: pg.Client): Promise<Stand | undefined> {
  const text = `select system_identifier::text as lineage, left(pg_walfile_name(pg_current_wal_lsn()), 8) as timeline
    from pg_control_system()`
  try {
    return (await client.query<Stand>({ text, query_timeout: hostTimeoutMs } as pg.QueryConfig)).rows[0]
  } catch (error) {
    if (untold.has(errorCode(error) ?? '')) return undefined
    throw error
  }
}

/** `insufficient_privilege`, `undefined_function`, `feature_not_supported` */
const untold = new Set(['42501', '42883', '0A000'])

/**
 * What statements and values mean here, as PostgreSQL has it by itself. A role or a database may have it otherwise
 * (`alter role … set datestyle = 'German'`), and then times, arrays and texts would be read wrongly.
 */
export const meaning: Readonly<Record<string, string>> = {
  DateStyle: 'ISO, MDY',
  array_nulls: 'on',
  default_transaction_isolation: 'read committed',
  standard_conforming_strings: 'on',
}

interface Standing {
  readonly is_standby: boolean
  readonly is_read_only: boolean
  readonly is_direct: boolean
}

/** What a connection is asked for. */
export interface Expected {
  readonly statementLimitMs: number
  /** True where no other host could be taken: what is read there is at least of today. */
  readonly mayRefuseWrites: boolean
}

/**
 * Throws unless this connection leads to a primary, and to one that takes writes: a standby still answers what is read,
 * from a time that has passed. Where the connection leads to PostgreSQL itself it also sets what statements mean and
 * how long one may take: a pooler refuses that as a parameter at the start, and would set it for somebody else later.
 * Answers whether it does.
 */
export async function expectPrimary(
  client: pg.Client,
  { statementLimitMs, mayRefuseWrites }: Expected,
): Promise<{ isDirect: boolean }> {
  // A pooler gives its clients numbers of its own.
  const { processID } = client as unknown as { processID: number | null }
  const isDirect = `pg_backend_pid() = ${Number(processID)}`
  const settings = {
    ...meaning,
    statement_timeout: statementLimitMs,
    ...(statementLimitMs > 0 ? plannedForMany : patient),
  }
  const set = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', false)`)
  const text = `select pg_is_in_recovery() as is_standby, current_setting('transaction_read_only') = 'on' as is_read_only,
    ${isDirect} as is_direct, case when ${isDirect} then array[${set.join(', ')}] end as settings`
  const { rows } = await client.query<Standing>({ text, query_timeout: hostTimeoutMs } as pg.QueryConfig)
  if (rows[0]?.is_standby) throw readOnly('is a standby')
  if (rows[0]?.is_read_only && !mayRefuseWrites) throw readOnly('takes no writes')
  return { isDirect: rows[0]?.is_direct === true }
}

/**
 * Where statements have a limit, no table is read from end to end that has an index for the question: a plan that was
 * made for few rows stays when there are many. What has to be read whole looks dear then, and is not worth compiling.
 */
const plannedForMany = { enable_seqscan: 'off', jit: 'off' }

/** Where a statement may take for ever, so may its locks and the transaction around it, whatever the role says. */
const patient = { lock_timeout: 0, idle_in_transaction_session_timeout: 0 }

/** As PostgreSQL would say at the first write (`read_only_sql_transaction`). */
function readOnly(what: string): Error {
  return Object.assign(new Error(`this PostgreSQL ${what}`), { code: '25006' })
}

function noWriter(hosts: readonly DatabaseHost[], refusals: ReadonlyMap<DatabaseHost, unknown>): Error {
  const reasons = hosts.map((host) => {
    const error = refusals.get(host)
    const code = errorCode(error)
    return { code, line: `${host.name}: ${(error instanceof Error && error.message) || code || 'no answer'}` }
  })
  const codes = new Set(reasons.map(({ code }) => code))
  const [code] = codes
  const message = `no host of the database takes writes (${reasons.map(({ line }) => line).join('; ')})`
  return Object.assign(new Error(message), { code: codes.size === 1 && code !== undefined ? code : unreachable })
}

/** `sqlclient_unable_to_establish_sqlconnection` */
const unreachable = '08001'
