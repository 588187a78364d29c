import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sweepLedger } from '../abuse/ledger.ts'
import { AccountDirectory } from '../accounts/directory.ts'
import { identityLimit } from '../accounts/identity-limit.ts'
import { ownerMessages, type QueueOwnerMessage } from '../accounts/owner-messages.ts'
import type { Clock } from '../base/clock.ts'
import { Secret } from '../base/secret.ts'
import type { Config } from '../config/config.ts'
import { sweepMerges } from '../oidc/endings/merging.ts'
import { sweepRecords } from '../oidc/endings/sweep.ts'
import { sweepServers } from '../oidc/live-servers.ts'
import { type Audit, type AuditEventName, audit } from '../ops/audit.ts'
import { thriftyAudit } from '../ops/audit-thrift.ts'
import { type IpPlaces, openIpPlaces } from '../ops/ip-places.ts'
import type { Log } from '../ops/log.ts'
import { sweepExports } from '../own-data/exports.ts'
import { deleteInBatches, oldestSql } from '../store/batches.ts'
import { type EmbeddedDatabase, openEmbedded } from '../store/embedded.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'
import { migrateUp, migrationStatus } from '../store/migrate.ts'
import { olderMsText, olderValues } from '../store/older-time.ts'
import { type Database, openDatabase } from '../store/postgres.ts'
import { type ReplayMarks, replayMarks } from '../store/replay-marks.ts'
import { type Sealer, sealer } from '../store/seal.ts'
import { tableStore } from '../store/tables.ts'

/** What the server and every command that reads or writes stored things start with. */
export interface Core {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  readonly database: Database
  readonly databaseUrl: Secret
  readonly store: EphemeralStore
  readonly marks: ReplayMarks
  readonly sealer: Sealer
  readonly directory: AccountDirectory
  readonly audit: Audit
  readonly queueOwnerMessage: QueueOwnerMessage
  /** Where addresses are, as far as a file says. */
  readonly places: IpPlaces
  /** Deletes what has expired, in small batches; the server calls it from time to time. */
  sweep(): Promise<void>
  close(): Promise<void>
}

interface CoreInput {
  readonly config: Config
  readonly log: Log
  readonly clock?: Clock
  /** True for the server: it takes the data folder for itself and brings the schema up to date. */
  readonly serve: boolean
  readonly onAudit?: (event: AuditEventName, outcome: 'stored' | 'failed') => void
}

/** Opens the stores. Throws an error made for people when the folder is in use or the schema does not fit. */
export async function openCore({ config, log, clock = () => Date.now(), serve, onAudit }: CoreInput): Promise<Core> {
  const embedded = config.database.url ? undefined : await openOwnDatabase(config, log, serve)
  const databaseUrl = config.database.url ?? (embedded as EmbeddedDatabase).url
  const onError = (error: unknown) => log.warn({ err: error }, 'a store connection was lost')
  const { direct_url: directUrl, pool_size: poolSize } = config.database
  const database = openDatabase({ url: databaseUrl, directUrl, poolSize, onError })
  try {
    await fitSchema(database, log, serve)
    const tables = tableStore({ database, clock })
    const redis = await openRedis(config, { clock, log, serve })
    const store = redis ?? tables
    const keys = [config.secret_key ?? (await ownSecretKey(config.data_dir)), ...config.previous_secret_keys] as const
    const seals = sealer({ keys })
    const { queue: queueOwnerMessage } = ownerMessages({ sealer: seals })
    const everything = audit({ database, clock, log, ...(onAudit ? { onRecord: onAudit } : {}) })
    return {
      config,
      clock,
      log,
      database,
      databaseUrl,
      store,
      marks: redis ? replayMarks({ store, tables, clock }) : tables,
      sealer: seals,
      directory: new AccountDirectory({
        ...{ database, clock, copiesPictures: config.pictures.copy, tell: queueOwnerMessage },
        limitOf: identityLimit(config.identities_per_provider),
      }),
      audit: thriftyAudit(everything, { store, mac: (text) => seals.mac('audited', text) }),
      queueOwnerMessage,
      places: openPlaces(config, log),
      async sweep() {
        const { audit_retention: retention } = config.ops
        await eachInTurn([
          () => tables.sweep(),
          () => sweepLedger(database, clock),
          () => sweepRecords(database, clock),
          () => sweepServers(database),
          () => sweepMerges(database, clock),
          () => sweepExports(database, clock),
          async () => retention !== 'none' && sweepAudit(database, clock, retention),
        ])
      },
      async close() {
        await store.close()
        await database.close()
        await embedded?.stop()
      },
    }
  } catch (error) {
    await database.close()
    await embedded?.stop()
    throw error
  }
}

/** Its client is large, so that it is loaded only where there is a Redis. */
async function openRedis(
  { redis }: Config,
  dependencies: { readonly clock: Clock; readonly log: Log; readonly serve: boolean },
): Promise<EphemeralStore | undefined> {
  if (redis.url === undefined) return undefined
  const { openSharedRedis } = await import('./shared-redis.ts')
  return openSharedRedis({ ...redis, url: redis.url }, dependencies)
}

function openPlaces({ ops: { ip_places_file: ipv4, ip_places_file_ipv6: ipv6 } }: Config, log: Log): IpPlaces {
  const onFailure = (error: unknown) => log.warn({ err: error }, 'the place of an address was not found')
  return openIpPlaces({ ipv4, ipv6 }, onFailure)
}

function openOwnDatabase(config: Config, log: Log, serve: boolean): Promise<EmbeddedDatabase> {
  return openEmbedded({ dataDir: config.data_dir, pid: process.pid, serve, log: (line) => log.debug(line) })
}

/** Makes the schema what this program needs, or throws. A newer one is good where its migrations say so. */
async function fitSchema(database: Database, log: Log, serve: boolean): Promise<void> {
  let status = await migrationStatus(database)
  if (serve && status.pending.length > 0) {
    await migrateUp(database, (line) => log.debug(line))
    status = await migrationStatus(database)
  }
  const { pending, unknown, incompatible } = status
  if (incompatible.length > 0)
    throw new Error(`the schema is too new for this program: it has ${incompatible.join(', ')}`)
  if (pending.length > 0)
    throw new Error(`the schema lacks ${pending.join(', ')}: run menshen migrate up, or start the server once`)
  if (serve && unknown.length > 0)
    log.warn({ migrations: unknown }, 'the schema is newer than this program, which goes on beside the newer one')
}

/**
 * The sandbox's master key, made once: the file appears whole or not at all, and of several processes one makes it.
 * SECURITY: readable by its owner only; production brings a key of its own.
 */
export async function ownSecretKey(dataDir: string): Promise<Secret> {
  const path = join(dataDir, 'secret.key')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  if (!existsSync(path)) {
    const unfinished = `${path}.${randomBytes(6).toString('hex')}`
    try {
      const key = randomBytes(32).toString('base64url')
      await writeFile(unfinished, key, { flag: 'wx', mode: 0o600, flush: true })
      await link(unfinished, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      await rm(unfinished, { force: true })
    }
  }
  return new Secret((await readFile(path, 'utf8')).trim())
}

/** One that fails stops no other one: its table grows then, and not all of them. Throws what the first one threw. */
async function eachInTurn(works: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = []
  for (const work of works) await work().catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

async function sweepAudit(database: Database, clock: Clock, keptSeconds: number): Promise<void> {
  await deleteInBatches(async (limit) => {
    const { rowCount } = await database.knex.raw<{ rowCount: number }>(
      `delete from audit_events where ctid = ${oldestSql(
        'audit_events',
        'at',
        `at < to_timestamp(${olderMsText('?', '?')} / 1000 - ?)`,
      )}`,
      [...olderValues(clock), keptSeconds, limit],
    )
    return rowCount
  })
}
