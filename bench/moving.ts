import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { migrateUp } from '../src/store/migrate.ts'
import { openDatabase } from '../src/store/postgres.ts'
import type { Stores } from './stores.ts'

/** What moving accounts in costs. */
export interface ImportRow {
  readonly accounts: number
  readonly accountsPerSecond: number
  /** Of the program, without the database. */
  readonly accountsPerCoreSecond: number
  /** Of the database, without the program. */
  readonly accountsPerDatabaseCoreSecond: number
  readonly residentMiB: number
}

/** What `moving-child.ts` tells of itself. */
export interface ImportUsage {
  readonly status: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly residentMiB: number
}

/** Moves so many accounts into an empty database, in a process of its own, as an operator would. */
export async function measureImport(stores: Stores, accounts: number): Promise<ImportRow> {
  const url = await stores.createDatabase('moving')
  const database = openDatabase({ url, poolSize: 1 })
  await migrateUp(database)
  await database.close()
  const file = join(stores.folder, 'accounts.jsonl')
  await pipeline(Readable.from(pieces(accounts)), createWriteStream(file))
  const child = fileURLToPath(new URL('./moving-child.ts', import.meta.url))
  const key = randomBytes(32).toString('base64url')
  const env = { DATABASE_URL: url, MENSHEN_SECRET_KEY: key, MENSHEN_DATA_DIR: stores.folder, PATH: '' }
  const before = stores.databaseCpuSeconds()
  const { stdout } = await promisify(execFile)(process.execPath, [child, file], { env, cwd: stores.folder })
  const { status, seconds, cpuSeconds, residentMiB }: ImportUsage = JSON.parse(stdout)
  if (status !== 0) throw new Error(`the import ended with ${status}`)
  const databaseSeconds = stores.databaseCpuSeconds() - before
  return {
    accounts,
    accountsPerSecond: accounts / seconds,
    accountsPerCoreSecond: accounts / cpuSeconds,
    accountsPerDatabaseCoreSecond: accounts / databaseSeconds,
    residentMiB,
  }
}

/** Every account has a number, every second one WeChat too, every third one a password. */
function* pieces(accounts: number): Generator<string> {
  const hash = '$2y$10$abcdefghijklmnopqrstuu2RRISaFFsMay99U/VeFeGqbiIynCieq'
  for (let index = 0; index < accounts; index++) {
    const phone = { provider: 'phone', subject: `+86${13_000_000_000 + index}`, verified: true }
    const wechat = { provider: 'wechat', subjects: [`unionid:o${index}`, `openid:wx0123:p${index}`] }
    const account = {
      external_id: `u${index}`,
      nickname: `用户${index}`,
      created_at: '2020-05-06T07:08:09Z',
      identities: index % 2 === 0 ? [phone] : [phone, wechat],
      ...(index % 3 === 0 && { password: { algorithm: 'bcrypt', hash } }),
    }
    yield `${JSON.stringify(account)}\n`
  }
}
