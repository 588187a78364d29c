import { createRequire } from 'node:module'
import knexFactory, { type Knex } from 'knex'
import pg from 'pg'
import type { Secret } from '../base/secret.ts'
import { PrimaryClient, type PrimaryConfig } from './postgres-client.ts'
import { breaksConnection, storeError } from './postgres-errors.ts'
import { databaseHosts, type Hosts, hostTimeoutMs } from './postgres-hosts.ts'
import { channelListener, type Listener, type Listening } from './postgres-listener.ts'
import { pipelinedReader } from './postgres-reader.ts'
import type { NamedStatement, QueryResult } from './statement.ts'
import { errorCode } from './unavailable.ts'

/**
 * The one way to PostgreSQL. Every query throws `server.unavailable` when the database is away or slower than five
 * seconds.
 */
export interface Database {
  readonly knex: Knex
  /**
   * For reads on the hot path: all share one connection, each is sent without waiting for the answer of the one before.
   */
  readQuery<Row extends object>(statement: NamedStatement): Promise<QueryResult<Row>>
  /** For a statement that writes on the hot path: a connection of the pool, committed when the promise resolves. */
  commitQuery<Row extends object>(statement: NamedStatement): Promise<QueryResult<Row>>
  /** Runs work on one connection of its own without time limits, for migrations. */
  maintenance<T>(work: (knex: Knex) => Promise<T>): Promise<T>
  /** Which of the two ways lead to PostgreSQL itself, and not to a pooler. */
  directness(): Promise<{ readonly url: boolean; readonly directUrl: boolean }>
  /** Hears what is told at a commit (NOTIFY), where the connection lets it through. */
  listen(listening: Listening): Listener
  close(): Promise<void>
}

/** Which database is opened, and with how many connections. */
export interface DatabaseOptions {
  readonly url: Secret | string
  /** Past a pooler, for what needs a connection of its own: migrations, locks, listening. Absent: `url` is direct. */
  readonly directUrl?: Secret | string | undefined
  readonly poolSize: number
  /** Told of connections that die while nobody uses them. */
  readonly onError?: (error: Error) => void
}

/** True when an insert or update met a row that is already there. */
export function isUniqueViolation(error: unknown): boolean {
  return errorCode(error) === '23505'
}

const statementLimitMs = 5000
/** A connection that a proxy keeps open to a host that is no longer the one is not kept for ever. */
const lifetimeSeconds = 600
const application = 'menshen'

/** Opens nothing yet: connections are made when a query needs one, and made again after they are lost. */
export function openDatabase({ url, directUrl = url, poolSize, onError = () => {} }: DatabaseOptions): Database {
  const connection = { application_name: application, types: { getTypeParser } }
  // The limit of this side is for a host that is frozen, and for a pooler, through which the other one does not pass.
  const limits = { statementLimitMs, query_timeout: statementLimitMs + 200 }
  const hosts = databaseHosts(textOf(url), application)
  const directHosts = directUrl === url ? hosts : databaseHosts(textOf(directUrl), application)
  const limited: PrimaryConfig = { ...connection, ...limits, hosts }
  const reader = pipelinedReader(() => new PrimaryClient({ ...limited, pipeline: true }), onError)
  const pool = newPool({ ...limited, max: poolSize, maxLifetimeSeconds: lifetimeSeconds }, (error) => {
    reader.doubt()
    onError(error)
  })
  pool.on('release', (broken) => {
    if (broken) reader.doubt()
  })
  const knex = newKnex(pool)
  const listeners: Listener[] = []

  return {
    knex,
    readQuery: (statement) => reader.query(statement),
    commitQuery: (statement) => poolQuery(pool, statement),
    async maintenance(work) {
      const unlimited = { ...connection, hosts: directHosts, statementLimitMs: 0 }
      const single = newPool({ ...unlimited, max: 1, idleTimeoutMillis: 0 }, onError)
      const own = newKnex(single)
      try {
        return await work(own)
      } finally {
        await own.destroy()
        await single.end()
      }
    },
    async directness() {
      const isDirect = async (way: Hosts) => {
        const client = new PrimaryClient({ ...limited, hosts: way })
        try {
          await client.connect()
          return client.isDirect
        } catch (error) {
          throw storeError(error)
        } finally {
          client.end().catch(() => {})
        }
      }
      return { url: await isDirect(hosts), directUrl: await isDirect(directHosts) }
    },
    listen(listening) {
      const named = { ...limited, hosts: directHosts, application_name: `${application} listener` }
      const listener = channelListener(() => new PrimaryClient(named), listening)
      listeners.push(listener)
      return listener
    },
    async close() {
      // knex forgets the pool at once, and with it to give back what is in use: the pool would wait for that for ever.
      await Promise.all([reader.close(), pool.end(), ...listeners.map((listener) => listener.close())])
      await knex.destroy()
    },
  }
}

function textOf(url: Secret | string): string {
  return typeof url === 'string' ? url : url.reveal()
}

function newPool(config: PrimaryConfig & pg.PoolConfig, onError: (error: Error) => void): pg.Pool {
  // The pool makes its clients of what it was given.
  const Client = PrimaryClient as unknown as NonNullable<pg.PoolConfig['Client']>
  const pool = new pg.Pool({
    ...config,
    Client,
    connectionTimeoutMillis: hostTimeoutMs + config.hosts.longestMs,
  })
  pool.on('error', onError)
  return pool
}

async function poolQuery<Row extends object>(pool: pg.Pool, statement: NamedStatement): Promise<QueryResult<Row>> {
  try {
    const client = await pool.connect()
    let broken = false
    try {
      return await client.query<Row>(statement as pg.QueryConfig)
    } catch (error) {
      broken = breaksConnection(error)
      throw error
    } finally {
      client.release(broken)
    }
  } catch (error) {
    throw storeError(error)
  }
}

interface RawConnection {
  __knex__disposed?: unknown
}

interface Dialect {
  new (
    config: Knex.Config,
  ): {
    acquireConnection(): Promise<RawConnection>
    query(connection: RawConnection, query: unknown): Promise<unknown>
  }
}

// knex documents subclassing a dialect by this path but types only its base class.
const Postgres = createRequire(import.meta.url)('knex/lib/dialects/postgres/index.js') as Dialect

/** The dialect of knex with our errors, which also keeps a broken connection from returning to the pool. */
class HealingPostgres extends Postgres {
  override async acquireConnection(): Promise<RawConnection> {
    try {
      return await super.acquireConnection()
    } catch (error) {
      throw storeError(error)
    }
  }

  override async query(connection: RawConnection, query: unknown): Promise<unknown> {
    try {
      return await super.query(connection, query)
    } catch (error) {
      if (breaksConnection(error)) connection.__knex__disposed = error
      throw storeError(error)
    }
  }
}

function newKnex(connectionPool: pg.Pool): Knex {
  const silent = { warn() {}, error() {}, debug() {}, deprecate() {} }
  const config = {
    client: HealingPostgres as unknown as typeof Knex.Client,
    connectionPool,
    // SECURITY: a failing statement is named without its values, which are phone numbers and sealed secrets.
    compileSqlOnError: false,
    log: silent,
  }
  return knexFactory(config)
}

const int8 = 20

function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (oid === int8 && format !== 'binary') return integer
  return pg.types.getTypeParser(oid, format as 'text')
}

function integer(text: string): number | string {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : text
}
