import { hasher } from '../src/accounts/hashing.ts'
import { type App, buildApp } from '../src/build/app.ts'
import { loadConfig } from '../src/config/config.ts'
import { bumpCatalogVersion, secretContext } from '../src/oidc/clients/catalog.ts'
import { loadKeys } from '../src/oidc/keys/signing-keys.ts'
import { sessionCookieNames } from '../src/oidc/library/cookies.ts'
import { createLog } from '../src/ops/log.ts'
import { answer } from './child.ts'
import {
  api,
  clientSecret,
  clients,
  nativeClientId,
  password,
  redirectUri,
  type ServerCalls,
  type ServerInput,
  sample,
  sessionCookie,
} from './fixture.ts'
import { profiler } from './profile.ts'
import { countRoundTrips } from './round-trips.ts'
import { settingsOfOurs } from './settings.ts'

const sessionSeconds = 14 * 86_400

let app: App
let userIds: readonly string[] = []
let cookieKey = ''
let counts: Record<string, number> = {}

/** The server as it runs in production: every feature on, JSON log lines written (to where standard output leads). */
async function open(input: ServerInput): Promise<{ port: number }> {
  const { folder, users, argon2 } = input
  const env = settingsOfOurs(input)
  const { config } = loadConfig({ env, cwd: folder })
  app = await buildApp({ config, log: createLog(config.log) })
  await register()
  userIds = await addUsers(users, argon2)
  const keys = await loadKeys({ database: app.core.database, sealer: app.core.sealer })
  cookieKey = keys.cookies[0] ?? ''
  const { port } = await app.listen()
  return { port }
}

async function register(): Promise<void> {
  const { database, sealer } = app.core
  const at = { created_at: new Date(), updated_at: new Date() }
  await database.knex.transaction(async (trx) => {
    const settings = JSON.stringify({ resource: api, scopes: ['read'] })
    await trx('resources').insert({ resource: api, settings, ...at })
    for (const [client_id, { grantTypes, scope, jwt }] of Object.entries(clients)) {
      const metadata = JSON.stringify({
        client_id,
        first_party: true,
        grant_types: grantTypes,
        ...(grantTypes.includes('authorization_code') ? { redirect_uris: [redirectUri] } : {}),
        ...(scope === '' ? {} : { scope }),
        ...(jwt ? { default_resource: api } : {}),
      })
      const secret = sealer.seal(clientSecret, secretContext(client_id))
      await trx('clients').insert({ client_id, metadata, secret, ...at })
    }
    const native = { first_party: true, application_type: 'native', token_endpoint_auth_method: 'none' }
    const own = { client_id: nativeClientId, ...native, redirect_uris: [redirectUri], scope: clients.offline.scope }
    await trx('clients').insert({ client_id: nativeClientId, metadata: JSON.stringify(own), secret: null, ...at })
    await bumpCatalogVersion(trx)
  })
  await app.runtime.refresh()
}

async function addUsers(count: number, argon2: ServerInput['argon2']): Promise<string[]> {
  const hashing = hasher({ parameters: argon2, maxQueue: 1 })
  const passwordHash = await hashing.hash(password)
  await hashing.close()
  const ids: string[] = []
  while (ids.length < count) {
    const some = Array.from({ length: Math.min(16, count - ids.length) }, (_, index) => {
      const subjects = [`bench-user-${ids.length + index}`] as const
      const claim = { provider: 'username', subjects, profile: { nickname: 'Bench' } } as const
      return app.core.directory.register(claim, { ip: '127.0.0.1' }, { passwordHash })
    })
    ids.push(...(await Promise.all(some)).map(({ user }) => user.id))
  }
  return ids
}

const calls: ServerCalls = {
  open,
  async seed({ clientId, count }) {
    const provider = app.runtime.provider()
    return Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const accountId = userIds[index] ?? ''
        const grant = new provider.Grant({ accountId, clientId })
        grant.addOIDCScope('openid profile email offline_access')
        if (clients[clientId].jwt) grant.addResourceScope(api, 'read')
        const grantId = await grant.save()
        const session = new provider.Session()
        session.loginAccount({ accountId, acr: 'urn:menshen:acr:knowledge', amr: ['pwd'] } as never)
        session.ensureClientContainer(clientId)
        session.grantIdFor(clientId, grantId)
        await session.save(sessionSeconds)
        const cookie = sessionCookie(sessionCookieNames(true).session, session.jti, cookieKey)
        return { clientId, identifier: `bench-user-${index}`, cookie }
      }),
    )
  },
  async welcome({ guests }) {
    const { directory } = app.core
    for (const { phone, githubId } of guests) {
      const byPhone = { provider: 'phone', subjects: [phone], profile: {} } as const
      const { user } = await directory.register(byPhone, { ip: '127.0.0.1' })
      const atGithub = { provider: 'github', subjects: [String(githubId)], profile: {} } as const
      await directory.bind(user.id, atGithub, { ip: '127.0.0.1' })
    }
  },
  async expire({ rows }) {
    const payload = JSON.stringify({ iat: 1, accountId: userIds[0], loginTs: 1, authorizations: {} })
    await app.core.database.maintenance((knex) =>
      knex.raw(
        `insert into oidc_records (model, id, payload, uid, user_id, expires_at)
         select 1, md5('id' || n) || n, ?, md5('uid' || n) || n, ?, now() - interval '2 days' from generate_series(1, ?) n`,
        [payload, userIds[0] ?? '', rows],
      ),
    )
  },
  async expired() {
    const [row] = await app.core.database.knex('oidc_records').whereRaw('expires_at < now()').count('* as rows')
    return Number(row?.['rows'])
  },
  beginSweep() {
    // The server is stopped before this has ended.
    app.core.sweep().catch(() => {})
  },
  sample,
  ...profiler(),
  startCounting() {
    counts = countRoundTrips(app.core, app.core.config.redis.url === undefined)
  },
  counted: () => counts,
}

answer(calls, async () => app?.close())
