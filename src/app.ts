import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Context, Middleware } from 'koa'
import type { Provider } from 'oidc-provider'
import { LoginAttempts } from '../interactions/attempt.ts'
import { accountClient, accountPages } from '../interactions/browser/account.ts'
import { consentPages } from '../interactions/browser/consent.ts'
import { loginPages } from '../interactions/browser/login.ts'
import { renderer as buildRenderer, type Renderer } from '../interactions/browser/render.ts'
import { authorizationHref, browserRoutes } from '../interactions/browser/routes.ts'
import { otpCodes } from '../interactions/methods/otp.ts'
import { loginMethods } from '../interactions/methods/registry.ts'
import { assets, viewEngine, viewsFolder } from '../views/engine.ts'
import { hasher } from './accounts/hashing.ts'
import { passwords as buildPasswords } from './accounts/passwords.ts'
import { epochSeconds } from './base/clock.ts'
import { httpClient } from './base/http.ts'
import { i18n as buildI18n, type Locale } from './base/i18n.ts'
import { countryName } from './base/phone.ts'
import { type Core, openCore } from './core.ts'
import { libraryAnswers } from './library-answers.ts'
import { rules } from './limit-rules.ts'
import type { MailSender } from './mail/sender.ts'
import { smtpMail } from './mail/smtp.ts'
import { adapterFactory } from './oidc/adapter.ts'
import type { ResourceSeed } from './oidc/client-schema.ts'
import { listen } from './oidc/events.ts'
import { ensureKeys } from './oidc/keys.ts'
import { libraryPages } from './oidc/pages.ts'
import { revokeUser } from './oidc/revoke-user.ts'
import { type OidcRuntime, oidcRuntime } from './oidc/runtime.ts'
import { unitOfWork } from './oidc/unit-of-work.ts'
import { health as buildHealth, type Health } from './ops/health.ts'
import { limits as buildLimits } from './ops/limits.ts'
import { createMetrics, type Metrics, type MetricsListener, startMetricsListener } from './ops/metrics.ts'
import { probes } from './probes.ts'
import { requestContext, requestOrigin } from './request-context.ts'
import { httpListener } from './server.ts'
import { buildSmsSender } from './sms/registry.ts'
import type { SmsSender } from './sms/sender.ts'
import { assetBytes, metadataBytes } from './static-bytes.ts'
import { migrationStatus } from './store/migrate.ts'

/** What the sandbox brings along: senders that keep what they would send, a demo client and its API, pages of its own. */
export interface Sandbox {
  readonly sms: SmsSender
  readonly mail: MailSender
  readonly clients: readonly Record<string, unknown>[]
  readonly resources: readonly ResourceSeed[]
  middleware(page: Pick<Renderer, 'render' | 'locale'>): Middleware
  close(): Promise<void>
}

export interface App {
  readonly core: Core
  readonly runtime: OidcRuntime
  readonly health: Health
  /** Where the public listener is reached, and the one of the metrics. */
  listen(): Promise<{ readonly port: number; readonly metrics: string | undefined }>
  /** Finishes what is in flight and closes everything. */
  close(): Promise<void>
}

type OpenSandbox = (core: Core) => Promise<Sandbox>

type AppInput = Omit<Parameters<typeof openCore>[0], 'serve' | 'onAudit'> & {
  readonly sandbox?: OpenSandbox | undefined
}

const sweepMs = 60_000
const outboundTimeoutMs = 5000

/** Builds every part and hands each what it needs: the only place that knows them all. */
export async function buildApp({ config, log, clock = () => Date.now(), sandbox }: AppInput): Promise<App> {
  const metrics = createMetrics()
  const onAudit = (event: string, outcome: 'stored' | 'failed') => metrics.auditEvents.inc({ event, outcome })
  const core = await openCore({ config, log, clock, serve: true, onAudit })
  try {
    return await assemble(core, metrics, sandbox)
  } catch (error) {
    await core.close()
    throw error
  }
}

async function assemble(core: Core, metrics: Metrics, openSandbox: OpenSandbox | undefined): Promise<App> {
  const { config, log, clock, database, store, sealer, directory, audit } = core
  const sandbox = await openSandbox?.(core)
  const { issuer } = config
  const secure = issuer.startsWith('https:')
  const now = () => new Date(clock())
  const reportError = (error: unknown) => log.error({ err: error }, 'work in the background failed')

  const i18n = buildI18n({ resources: { 'zh-CN': readLocale('zh-CN'), en: readLocale('en') } })
  const engine = viewEngine({ folder: viewsFolder, translate: i18n.translate })
  const brand = { name: config.brand.name, supportUrl: config.brand.support_url }
  const renderer = buildRenderer({ engine, i18n, brand, sandbox: config.sandbox, secure, now })

  const { argon2, workers, max_queue: maxQueue } = config.password
  const hashing = hasher({ parameters: argon2, workers, maxQueue })
  const passwords = buildPasswords({ database, directory, hasher: hashing, store, clock, policy: config.password })
  const limits = buildLimits({ store, rules: rules(config), mac: (text) => sealer.mac('limit', text) })
  const http = httpClient({ timeoutMs: outboundTimeoutMs, allowInsecure: config.sandbox })
  const sms =
    sandbox && config.sms.senders.length === 0 ? sandbox.sms : buildSmsSender(config.sms.senders, { http, clock, log })
  const mail = config.mail ? smtpMail(config.mail) : sandbox?.mail
  const codes = otpCodes({
    store,
    sms,
    mail,
    limits,
    clock,
    options: { countries: config.sms.countries, mac: (text) => sealer.mac('otp', text), report: reportError },
  })
  const methods = loginMethods({
    codes,
    passwords,
    directory,
    limits,
    options: { methods: config.login.methods, registration: config.registration },
  })
  const attempts = new LoginAttempts({
    methods,
    directory,
    passwords,
    store,
    audit,
    options: {
      clock,
      agreements: config.agreements.map(({ id, version }) => `${id}@${version}`),
      seal: (text) => sealer.seal(text, 'attempt'),
      open: (sealed) => sealer.open(sealed, 'attempt'),
      revokeUser: async (userId) => {
        await revokeUser(database, userId)
      },
    },
  })

  const units = unitOfWork({ database, clock })
  const pages = libraryPages({ render: renderer.render, translate: renderer.translate, now })
  await ensureKeys({ database, sealer, clock })
  const health = buildHealth({
    checks: {
      database: async () => {
        const { pending, unknown } = await migrationStatus(database)
        if (pending.length + unknown.length > 0) throw new Error('the schema is not the expected one')
      },
      ephemeral_store: () => store.ping(),
    },
    timeoutMs: 2000,
    onFailure: (name, error) => log.warn({ check: name, err: error }, 'not ready'),
  })

  /** What stands at the root: in the sandbox the demo, elsewhere the visitor's own account. */
  const home = sandbox ? '/sandbox' : '/account'
  const restartKey = (uid: string) => `restart:${sealer.mac('restart', uid)}`
  const runtime: OidcRuntime = await oidcRuntime({
    parts: {
      issuer,
      adapter: adapterFactory({ units, store, sealer, clock }),
      units,
      directory,
      pages,
      sealer,
      clock,
      privateAddresses: config.outbound.private_addresses,
    },
    database,
    lifetimes: config.lifetimes,
    ownClients: [accountClient(issuer), ...(sandbox?.clients ?? [])],
    ownResources: sandbox?.resources ?? [],
    equip,
    onError: reportError,
  })
  const provider = () => runtime.provider()

  const accountRoom = accountPages({
    renderer,
    directory,
    passwords,
    audit,
    provider,
    options: {
      nowSeconds: () => epochSeconds(clock),
      formToken: (uid) => sealer.mac('form_token', uid),
      minPasswordLength: config.password.min_length,
    },
  })
  const loginRoom = loginPages({
    attempts,
    methods,
    renderer,
    options: {
      agreements: (ctx) => config.agreements.map((each) => ({ id: each.id, url: each.url, title: titleOf(ctx, each) })),
      countries: (ctx) =>
        config.sms.countries.map((code) => ({ callingCode: code, name: countryName(code, renderer.locale(ctx)) })),
      registration: config.registration,
      minPasswordLength: config.password.min_length,
      nowMs: clock,
    },
  })
  const router = browserRoutes({
    provider,
    renderer,
    pages: { login: loginRoom, consent: consentPages({ renderer }), account: accountRoom },
    directory,
    audit,
    restartHref: (uid) => store.get<string>(restartKey(uid)),
  })

  /** Everything in front of the library, put on every provider that is built. */
  function equip(each: Provider): void {
    listen(each, { log, metrics, audit })
    // The request outlives its interaction for a day, so that an expired page can offer to begin again.
    each.on('interaction.started', (ctx) => {
      const { Interaction: begun } = ctx.oidc.entities
      if (begun) store.set(restartKey(begun.uid), authorizationHref(begun.params), 86_400).catch(reportError)
    })
    each.use(requestContext({ renderer, log, metrics, secure }))
    each.use(assetBytes(assets()))
    each.use(probes({ health, home }))
    each.use(metadataBytes())
    if (sandbox) each.use(sandbox.middleware(renderer))
    each.use(
      libraryAnswers({
        units,
        store,
        mac: (text) => sealer.mac('device_poll', text),
        render: renderer.render,
        metrics,
      }),
    )
    each.use((ctx, next) => router.routes()(ctx as never, next))
  }

  function titleOf(ctx: Context, { id, title }: (typeof config.agreements)[number]): string {
    const own = title?.[renderer.locale(ctx)] ?? title?.['zh-CN'] ?? title?.en
    if (own) return own
    return id === 'terms' || id === 'privacy' ? renderer.translate(ctx, `agreement.${id}`) : id
  }

  const listener = httpListener({
    handler: () => runtime.handler(),
    clean: requestOrigin({ issuer, trustedProxies: config.server.trusted_proxies }),
  })
  let metricsListener: MetricsListener | undefined
  const timers = [
    setInterval(() => core.sweep().catch(reportError), sweepMs).unref(),
    setInterval(() => metrics.hashQueue.set(hashing.waiting()), 1000).unref(),
  ]

  return {
    core,
    runtime,
    health,
    async listen() {
      if (config.ops.metrics !== 'off') {
        metricsListener = await startMetricsListener({ address: config.ops.metrics, registry: metrics.registry })
      }
      const { port } = await listener.listen(config.server)
      return { port, metrics: metricsListener?.address }
    },
    async close() {
      health.drain()
      for (const timer of timers) clearInterval(timer)
      if (listener.server.listening) await listener.stop(config.server.shutdown_seconds)
      await metricsListener?.close()
      runtime.close()
      await sandbox?.close()
      await hashing.close()
      await core.close()
    },
  }
}

function readLocale(locale: Locale): Record<string, string> {
  return JSON.parse(readFileSync(join(viewsFolder, 'locales', `${locale}.json`), 'utf8')) as Record<string, string>
}
