import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Stores } from '../bench/stores.ts'
import { usualPassword } from '../siege/attack.ts'
import { startVendor, type Vendor } from '../siege/vendor.ts'
import { hasher } from '../src/accounts/hashing.ts'
import { freePort } from '../test/support/services.ts'
import { inspector, issuer, lodgerSecret } from './clientele.ts'
import { agreements } from './logins.ts'
import { serverNodeOptions } from './memory.ts'
import { type Operator, operator } from './operator.ts'
import type { Resident } from './plan.ts'
import { ServerLife } from './server-life.ts'
import { openSmsGate } from './sms-gate.ts'

/** Two servers of one site, and everything around them but the people. */
export interface Site {
  readonly databaseUrl: string
  readonly operator: Operator
  readonly vendor: Vendor
  readonly ports: readonly number[]
  readonly metricsPorts: readonly number[]
  /** Accounts that came by a file. */
  readonly imported: number
  start(server: number, complain: (finding: string) => void): ServerLife
  close(): Promise<void>
}

const argon2 = { memory_kib: 19_456, time_cost: 2, parallelism: 1 }

/** Makes the tables, the catalog and the accounts that come by a file. The servers are not started. */
export async function foundSite(stores: Stores, residents: readonly Resident[]): Promise<Site> {
  const { folder } = stores
  const vendor = await startVendor(() => Date.now())
  const senders = JSON.parse(vendor.env['MENSHEN_SMS__SENDERS'] ?? '[]') as { endpoint: string }[]
  const gate = await openSmsGate(folder, senders[0]?.endpoint ?? '')
  const databaseUrl = await stores.createDatabase('soak')
  const ports = [await freePort(), await freePort()]
  const metricsPorts = [await freePort(), await freePort()]
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '',
    NODE_ENV: 'production',
    NODE_OPTIONS: serverNodeOptions,
    NODE_EXTRA_CA_CERTS: gate.certificateFile,
    ISSUER: issuer,
    HOST: '127.0.0.1',
    DATABASE_URL: databaseUrl,
    REDIS_URL: stores.redisUrl,
    MENSHEN_DATA_DIR: folder,
    MENSHEN_SECRET_KEY: randomBytes(32).toString('base64url'),
    MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1]',
    MENSHEN_PASSWORD__WORKERS: '1',
    MENSHEN_AGREEMENTS: JSON.stringify(agreements),
    ...vendor.env,
    MENSHEN_SMS__SENDERS: JSON.stringify(senders.map((sender) => ({ ...sender, endpoint: gate.url }))),
  }
  const secrets = { INSPECTOR_SECRET: inspector.secret, LODGER_SECRET: lodgerSecret, SUDO_USER: 'soak' }
  const who = operator(folder, { ...env, ...secrets, MENSHEN_OPS__METRICS: 'off' })
  const members = residents.filter(({ hasPassword }) => hasPassword)
  const file = join(folder, 'users.jsonl')
  await writeFile(file, await accountsOf(members))
  for (const told of [await who.run('migrate', 'up'), await who.publish(), await who.run('users', 'import', file)]) {
    if (told.status !== 0) throw new Error(`a command did not work: ${told.text}`)
  }
  let lives = 0
  return {
    databaseUrl,
    operator: who,
    vendor,
    ports,
    metricsPorts,
    imported: members.length,
    start(server, complain) {
      lives += 1
      const own = { PORT: String(ports[server]), MENSHEN_OPS__METRICS: `127.0.0.1:${metricsPorts[server]}` }
      const name = `server ${server}, process ${lives}`
      return new ServerLife({ name, env: { ...env, ...own }, cwd: folder, complain })
    },
    async close() {
      gate.close()
      await vendor.close()
    },
  }
}

/** All of them chose the same password. */
async function accountsOf(members: readonly Resident[]): Promise<string> {
  const hashing = hasher({ parameters: argon2, workers: 1, maxQueue: 1 })
  const hash = await hashing.hash(usualPassword)
  await hashing.close()
  const lines = members.map(({ phone }) => ({
    external_id: phone,
    identities: [{ provider: 'phone', subject: phone, verified: true }],
    password: { algorithm: 'argon2', hash },
  }))
  return `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`
}
