import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Knex } from 'knex'
import type { Child } from './child.ts'
import type { LoadCalls } from './load.ts'
import type { Server } from './measure.ts'
import { type Scenario, type ScenarioName, scenarios } from './scenarios.ts'
import type { Stores } from './stores.ts'

/** What one operation costs every machine that takes part in it, and what it leaves behind. */
export interface OperationCost {
  readonly scenario: ScenarioName
  readonly serverMicros: number
  readonly databaseMicros: number
  readonly redisMicros: number
  readonly redisCommands: number
  /** Bytes of the write-ahead log, which standbys and archives receive. */
  readonly walBytes: number
  /** Transactions that write; those of requests that come together are one. */
  readonly transactions: number
  /** Rows that were added, by their kind. */
  readonly rows: Readonly<Record<string, number>>
  readonly perSecond: number
}

interface Measured {
  readonly server: Server
  readonly stores: Stores
  readonly load: Child<LoadCalls>
  readonly knex: Knex
  readonly seconds: number
  readonly connections: number
}

interface Reading {
  readonly operations: number
  readonly atMs: number
  readonly server: number
  readonly database: number
  readonly redis: number
  readonly commands: number
  readonly wal: number
  readonly transactions: number
}

type Counted = Reading & { readonly rows: ReadonlyMap<string, number> }

/** A server that has just started compiles what it runs. */
const warmUpMs = 1500

/** Keeps a server busy with one scenario and reads the CPU of all who work for it. Throws where an operation failed. */
export async function measureCost(scenario: ScenarioName, input: Measured): Promise<OperationCost> {
  const { server, load, connections, seconds } = input
  const { client }: Scenario = scenarios[scenario]
  const seats = await server.child.call('seed', { clientId: client, count: connections })
  const redis = new Redis(input.stores.redisUrl)
  try {
    await load.call('begin', { scenario, port: server.port, seats })
    await delay(warmUpMs)
    // Counting rows costs the database something, too, so it is done outside what is measured.
    const rowsBefore = await countRows(input.knex)
    const before = await read(input, redis)
    await delay(seconds * 1000)
    const after = await read(input, redis)
    const rowsAfter = await countRows(input.knex)
    const { failures } = await load.call('end')
    const [failure] = Object.keys(failures)
    if (failure !== undefined) throw new Error(`${scenario}: ${failure}`)
    return costOf(scenario, { ...before, rows: rowsBefore }, { ...after, rows: rowsAfter })
  } finally {
    redis.disconnect()
  }
}

/** What a process costs that nobody asks anything, for each second. */
export interface IdleCost {
  readonly serverMicros: number
  readonly databaseMicros: number
  readonly transactions: number
}

/** Leaves a server alone for a while. */
export async function measureIdle(input: Measured): Promise<IdleCost> {
  const redis = new Redis(input.stores.redisUrl)
  try {
    const before = await read(input, redis)
    await delay(input.seconds * 1000)
    const after = await read(input, redis)
    const each = (name: 'server' | 'database' | 'transactions') => (after[name] - before[name]) / input.seconds
    return {
      serverMicros: each('server'),
      databaseMicros: each('database'),
      transactions: each('transactions'),
    }
  } finally {
    redis.disconnect()
  }
}

function costOf(scenario: ScenarioName, before: Counted, after: Counted): OperationCost {
  const operations = after.operations - before.operations
  const each = (name: 'server' | 'database' | 'redis' | 'commands' | 'wal' | 'transactions') =>
    (after[name] - before[name]) / operations
  const rows = [...after.rows].map(
    ([kind, count]) => [kind, (count - (before.rows.get(kind) ?? 0)) / operations] as const,
  )
  return {
    scenario,
    serverMicros: each('server'),
    databaseMicros: each('database'),
    redisMicros: each('redis'),
    redisCommands: each('commands'),
    walBytes: each('wal'),
    transactions: each('transactions'),
    rows: Object.fromEntries(rows.filter(([, count]) => count > 0.05)),
    perSecond: (operations / (after.atMs - before.atMs)) * 1000,
  }
}

async function read({ server, stores, load, knex }: Measured, redis: Redis): Promise<Reading> {
  const { rows } = await knex.raw(
    `select pg_current_wal_lsn() - '0/0'::pg_lsn as wal, pg_snapshot_xmax(pg_current_snapshot())::text as transactions`,
  )
  const [sample, mark, database, said] = await Promise.all([
    server.child.call('sample'),
    load.call('mark'),
    stores.databaseCpuSeconds(),
    redis.info(),
  ])
  const figureOf = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(said)?.[1])
  return {
    ...mark,
    server: sample.cpuMicros,
    database: database * 1e6,
    redis: (figureOf('used_cpu_user') + figureOf('used_cpu_sys')) * 1e6,
    commands: figureOf('total_commands_processed'),
    wal: Number(rows[0].wal),
    transactions: Number(rows[0].transactions),
  }
}

async function countRows(knex: Knex): Promise<ReadonlyMap<string, number>> {
  const { rows } = await knex.raw(`
    select 'record ' || model || case when consumed_at is null then '' else ' used' end as kind, count(*) from oidc_records group by 1
    union all select 'audit', count(*) from audit_events
    union all select 'known device', count(*) from known_devices`)
  return new Map((rows as { kind: string; count: string }[]).map(({ kind, count }) => [kind, Number(count)]))
}
