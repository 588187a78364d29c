import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sandboxClock } from '../../sandbox/clock.ts'
import { openSandbox } from '../../sandbox/sandbox.ts'
import type { Clock } from '../../src/base/clock.ts'
import { type App, buildApp } from '../../src/build/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { bumpCatalogVersion } from '../../src/oidc/clients/catalog.ts'
import { createLog } from '../../src/ops/log.ts'
import { createDatabase, type TestDatabase } from './database.ts'
import { eventually } from './patience.ts'
import { redisUrl } from './redis.ts'
import { freePort } from './services.ts'
import { Visitor } from './visitor.ts'

export type Stores = 'redis' | 'tables'

export interface WorldOptions {
  readonly stores?: Stores
  /** More environment, as an operator would set it. */
  readonly env?: Readonly<Record<string, string>>
  /** The port to listen on, where something had to know it beforehand. */
  readonly port?: number
  /** Another server on the same stores and the same address, as a second process would be. */
  readonly beside?: World
  /** A clock that does not say that it was walked is one that is wrong. */
  readonly clock?: Clock
}

/** A whole server on real stores, and what a test wants to do with it. */
export interface World {
  readonly app: App
  readonly issuer: string
  readonly port: number
  readonly env: Readonly<Record<string, string>>
  readonly database: TestDatabase
  /** Every line the server has logged. */
  readonly log: string[]
  /** A browser without script: keeps cookies, follows nothing by itself. */
  visitor(): Visitor
  /** The newest code sent to a number or address. */
  otp(to: string): Promise<string>
  /**
   * Acts, and answers the code that this sends in the background: a page that waited for the message to leave would tell
   * that there is an account, so an older code may still be the newest when it is up.
   */
  otpAfter(to: string, act: () => Promise<unknown>): Promise<string>
  /** Registers clients and resources as `clients apply` would. */
  register(registered: {
    clients?: readonly (Record<string, unknown> & { client_id: string; secret?: string })[]
    resources?: readonly (Record<string, unknown> & { resource: string })[]
  }): Promise<void>
  close(): Promise<void>
}

/** Limits on messages have tests of their own; elsewhere they are in the way. */
const common = {
  MENSHEN_OPS__METRICS: 'off',
  LOG_LEVEL: 'info',
  MENSHEN_SMS__LIMITS__PER_NUMBER: '[{ max: 1000, seconds: 60 }]',
  MENSHEN_SMS__LIMITS__PER_IP: '[{ max: 1000, seconds: 60 }]',
}

export async function openWorld({
  stores = 'redis',
  env: own = {},
  port: given,
  beside,
  clock = sandboxClock,
}: WorldOptions = {}): Promise<World> {
  const port = given ?? (await freePort())
  const database = beside?.database ?? (await createDatabase())
  const folder = await mkdtemp(join(tmpdir(), 'menshen-world-'))
  const issuer = beside?.issuer ?? `http://localhost:${port}`
  const env: Record<string, string> = {
    ...common,
    PORT: String(port),
    ISSUER: issuer,
    DATABASE_URL: database.url,
    MENSHEN_DATA_DIR: beside?.env['MENSHEN_DATA_DIR'] ?? folder,
    MENSHEN_SECRET_KEY: beside?.env['MENSHEN_SECRET_KEY'] ?? randomBytes(32).toString('base64url'),
    ...(stores === 'redis' ? { REDIS_URL: redisUrl() } : {}),
    ...own,
  }
  const { config } = loadConfig({ env, cwd: folder })
  const log: string[] = []
  const destination = {
    write(line: string) {
      log.push(line)
      if (process.env['TEST_LOG'] !== undefined) process.stderr.write(line)
    },
  }
  const app = await buildApp({
    config,
    clock,
    log: createLog({ ...config.log, format: 'json', destination }),
    sandbox: openSandbox,
  })
  await app.listen()

  async function newest(to: string): Promise<{ otp: string; at: string } | undefined> {
    const response = await fetch(`http://localhost:${port}/sandbox/outbox?to=${encodeURIComponent(to)}`, {
      headers: { accept: 'application/json' },
    })
    const [message] = (await response.json()) as { otp: string; at: string }[]
    return message
  }

  return {
    app,
    issuer,
    port,
    env,
    database,
    log,
    visitor: () => new Visitor(issuer, port),
    async otp(to) {
      const message = await newest(to)
      if (!message) throw new Error(`nothing was sent to ${to}`)
      return message.otp
    },
    async otpAfter(to, act) {
      const before = await newest(to)
      await act()
      return eventually(async () => {
        const message = await newest(to)
        if (message && (message.at !== before?.at || message.otp !== before.otp)) return message.otp
        throw new Error(`nothing new was sent to ${to}`)
      })
    },
    async register({ clients = [], resources = [] }) {
      const { sealer } = app.core
      const at = new Date()
      await database.database.knex.transaction(async (trx) => {
        for (const { resource, ...rest } of resources) {
          const settings = JSON.stringify({ resource, ...rest })
          await trx('resources').insert({ resource, settings, created_at: at, updated_at: at })
        }
        for (const { secret, ...metadata } of clients) {
          const { client_id } = metadata
          const sealed = secret === undefined ? null : sealer.seal(secret, `client_secret:${client_id}`)
          const row = { client_id, metadata: JSON.stringify(metadata), secret: sealed, created_at: at, updated_at: at }
          await trx('clients').insert(row)
        }
        await bumpCatalogVersion(trx)
      })
      await app.runtime.refresh()
    },
    async close() {
      await app.close()
      if (!beside) await database.drop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
