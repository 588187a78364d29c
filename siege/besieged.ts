import { answer } from '../bench/child.ts'
import { cpuMicros } from '../bench/fixture.ts'
import { countRoundTrips } from '../bench/round-trips.ts'
import type { App } from '../src/build/app.ts'
import { appId, pageId, redirectUri, scope } from './shop.ts'

/** Somebody who has an account before the attack begins. */
export interface Resident {
  readonly phone: string
  readonly hasPassword: boolean
}

/** What the server process answers to besides HTTP. */
export type BesiegedCalls = {
  open(input: {
    /** The checkout whose server it is. */
    readonly root: string
    readonly env: Readonly<Record<string, string>>
    readonly folder: string
    readonly residents: readonly Resident[]
    readonly password: string
  }): Promise<{ port: number }>
  /** Brings the time of the process to a moment; one that has passed already stays passed. */
  walk(toMs: number): void
  /** CPU time of the process and of those that hash for it, in microseconds. */
  spent(): number
  startCounting(): void
  counted(): Readonly<Record<string, number>>
}

type Modules = {
  readonly app: typeof import('../src/build/app.ts')
  readonly config: typeof import('../src/config/config.ts')
  readonly catalog: typeof import('../src/oidc/clients/catalog.ts')
  readonly log: typeof import('../src/ops/log.ts')
  readonly hashing: typeof import('../src/accounts/hashing.ts')
  readonly clock: typeof import('../sandbox/clock.ts')
}

const files: Readonly<Record<keyof Modules, string>> = {
  app: 'src/build/app.ts',
  config: 'src/config/config.ts',
  catalog: 'src/oidc/clients/catalog.ts',
  log: 'src/ops/log.ts',
  hashing: 'src/accounts/hashing.ts',
  clock: 'sandbox/clock.ts',
}

let app: App | undefined
let modules: Modules
let counts: Record<string, number> = {}

async function open({ root, env, folder, residents, password }: Parameters<BesiegedCalls['open']>[0]) {
  const loaded = await Promise.all(
    Object.entries(files).map(async ([name, file]) => [name, await import(new URL(file, root).href)]),
  )
  modules = Object.fromEntries(loaded) as Modules
  const { config } = modules.config.loadConfig({ env, cwd: folder })
  const log = modules.log.createLog(config.log)
  app = await modules.app.buildApp({ config, log, clock: modules.clock.sandboxClock })
  await register(app)
  await settle(app, residents, password)
  const { port } = await app.listen()
  return { port }
}

async function register({ core, runtime }: App): Promise<void> {
  const at = { created_at: new Date(), updated_at: new Date() }
  const ours = { first_party: true, token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] }
  const clients = [
    { client_id: pageId, ...ours, grant_types: ['authorization_code', 'refresh_token'], scope },
    { client_id: appId, ...ours, application_type: 'native', scope },
  ]
  await core.database.knex.transaction(async (trx) => {
    for (const metadata of clients) {
      const row = { client_id: metadata.client_id, metadata: JSON.stringify(metadata), secret: null }
      await trx('clients').insert({ ...row, ...at })
    }
    await modules.catalog.bumpCatalogVersion(trx)
  })
  await runtime.refresh()
}

async function settle({ core }: App, residents: readonly Resident[], password: string): Promise<void> {
  const hashing = modules.hashing.hasher({ parameters: core.config.password.argon2, maxQueue: 1 })
  const passwordHash = await hashing.hash(password)
  await hashing.close()
  for (const { phone, hasPassword } of residents) {
    const claim = { provider: 'phone', subjects: [phone], profile: {} } as const
    await core.directory.register(claim, { ip: '127.0.0.1' }, hasPassword ? { passwordHash } : {})
  }
}

const calls: BesiegedCalls = {
  open,
  walk(toMs) {
    const { advanceClock } = modules.clock
    const byMs = toMs - Date.now()
    if (byMs > 0) advanceClock(byMs)
  },
  spent: cpuMicros,
  startCounting() {
    if (app) counts = countRoundTrips(app.core, app.core.config.redis.url === undefined)
  },
  counted: () => counts,
}

answer(calls, async () => app?.close())
