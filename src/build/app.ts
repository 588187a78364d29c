import type { Middleware } from 'koa'
import type { Provider } from 'oidc-provider'
import { accountClient } from '../../interactions/browser/account-session.ts'
import type { Renderer } from '../../interactions/browser/render.ts'
import { reachedBy } from '../../interactions/methods/method-registry.ts'
import { namespacesOf } from '../../interactions/upstreams/connections.ts'
import { rememberIssuers } from '../accounts/issuers.ts'
import type { OwnerMessage } from '../accounts/owner-messages.ts'
import { documentVersion } from '../base/document.ts'
import { AppError } from '../base/errors.ts'
import { paths } from '../base/paths.ts'
import { slowClientGuessing } from '../http/client-guessing.ts'
import { libraryAnswers } from '../http/library-answers.ts'
import { listenAddress } from '../http/listen-address.ts'
import { refuseOtherMethods } from '../http/own-routes.ts'
import { postedRequests } from '../http/posted-requests.ts'
import { probes } from '../http/probes.ts'
import { requestContext } from '../http/request-context.ts'
import { requestOrigin } from '../http/request-origin.ts'
import { requestRecord } from '../http/request-record.ts'
import { httpListener } from '../http/server.ts'
import { metadataBytes } from '../http/static-bytes.ts'
import { boundedPlaces, slowStrangers } from '../http/stranger-limits.ts'
import { switchedLanguage } from '../http/switched-language.ts'
import type { ResourceSeed } from '../oidc/clients/client-schema.ts'
import { queueLogouts } from '../oidc/endings/logout-notices.ts'
import { listen } from '../oidc/events.ts'
import { jwtAnswers } from '../oidc/jwt-answers.ts'
import { payloadOfJwt } from '../oidc/jwt-origin.ts'
import { dueAtMs } from '../oidc/keys/key-life.ts'
import { advanceKeys, ensureKeys } from '../oidc/keys/key-rotation.ts'
import { libraryPages } from '../oidc/library-pages.ts'
import { withoutUnreadableHint } from '../oidc/logout-hint.ts'
import { reconfirm } from '../oidc/reconfirm-agreements.ts'
import { adapterFactory } from '../oidc/records/adapter.ts'
import { browsers } from '../oidc/records/browsers.ts'
import { familyTokens } from '../oidc/records/family-tokens.ts'
import type { RetrySeconds } from '../oidc/records/rotation.ts'
import { unitOfWork } from '../oidc/records/unit-of-work.ts'
import { type Handler, type OidcRuntime, oidcRuntime } from '../oidc/runtime.ts'
import { sessionLife } from '../oidc/session-life.ts'
import { explainRefusals } from '../oidc/token-refusals.ts'
import { dropEndedLogins } from '../oidc/waiting-logins.ts'
import type { Health } from '../ops/health.ts'
import { createMetrics, type Metrics, type MetricsListener, startMetricsListener } from '../ops/metrics.ts'
import { timeCheck } from '../ops/time-check.ts'
import { buildAssets } from './assets.ts'
import { buildPages } from './browser-pages.ts'
import { type Core, openCore } from './core.ts'
import { startDuties } from './duties.ts'
import { buildFace } from './face.ts'
import { buildLogins, connectionsOf, type StandIns } from './logins.ts'
import { buildNative } from './native-endpoints.ts'
import { buildExports } from './own-archives.ts'
import { buildPictures } from './pictures.ts'
import { buildReadiness } from './readiness.ts'
import { buildUpstreamDuties } from './upstream-duties.ts'

/** What the sandbox brings along: stand-ins for the vendors, a demo client and its API, pages of its own. */
export interface Sandbox extends StandIns {
  readonly clients: readonly Record<string, unknown>[]
  readonly resources: readonly ResourceSeed[]
  middleware(page: Pick<Renderer, 'render' | 'locale' | 'switchLanguage'>): Middleware
  close(): Promise<void>
}

/** The whole server, built and not yet listening. */
export interface App {
  readonly core: Core
  readonly runtime: OidcRuntime
  readonly health: Health
  readonly metrics: Metrics
  /** Where the public listener is reached, and the one of the metrics. */
  listen(): Promise<{ readonly port: number; readonly metrics: string | undefined }>
  /** Finishes what is in flight and closes everything. */
  close(): Promise<void>
}

type OpenSandbox = (core: Core) => Promise<Sandbox>

type AppInput = Omit<Parameters<typeof openCore>[0], 'serve' | 'onAudit'> & {
  readonly sandbox?: OpenSandbox | undefined
}

/** Builds every part and hands each what it needs: the only place that knows them all. */
export async function buildApp({
  config,
  log,
  clock = () => Date.now(),
  sandbox: openSandbox,
}: AppInput): Promise<App> {
  const metrics = createMetrics()
  const onAudit = (event: string, outcome: 'stored' | 'failed') => metrics.auditEvents.inc({ event, outcome })
  const core = await openCore({ config, log, clock, serve: true, onAudit })
  let sandbox: Sandbox | undefined
  try {
    sandbox = await openSandbox?.(core)
    return await assemble(core, metrics, sandbox)
  } catch (error) {
    await sandbox?.close()
    await core.close()
    throw error
  }
}

async function assemble(core: Core, metrics: Metrics, sandbox: Sandbox | undefined): Promise<App> {
  const { config, log, clock, database, store, marks, sealer, directory, audit } = core
  const { issuer } = config
  const secure = issuer.startsWith('https:')
  const reportError = (error: unknown) => log.error({ err: error }, 'work in the background failed')

  const namespaces = namespacesOf(connectionsOf(config, sandbox), { allowInsecure: config.sandbox })
  await rememberIssuers({ database, clock, log }, namespaces)
  const face = buildFace(config)
  const logins = buildLogins(core, sandbox, { metrics, face })
  const policies = () => runtime.policies()
  const sessions = sessionLife({ policies, secure, clock })
  const families = familyTokens(sealer)
  const units = unitOfWork({ database, clock, perClient: config.session.per_client, families })
  const pictures = buildPictures(core, logins)
  const exports = buildExports(core, logins, face)
  const pages = buildPages({ core, face, logins, pictures, exports, runtime: () => runtime, sessions, units })
  const { render, translate, locale } = pages.renderer
  const visitors = browsers({ secure, mac: (secret) => sealer.mac('browser', secret) })
  const native = buildNative({ core, logins, pages, units, runtime: () => runtime })
  const upstreams = buildUpstreamDuties(core, logins, metrics)
  const time = timeCheck({ database, clock, log })
  await time.measure()
  const health = buildReadiness({ core, time, runtime: () => runtime })

  const record = requestRecord({ log, metrics, secure })
  /**
   * The middleware in front of the library, in this order. At the root a person finds the demo in the sandbox,
   * otherwise their own account.
   */
  const front: readonly Middleware[] = [
    (ctx, next) => logins.background.during(ctx.res, next),
    requestContext({ renderer: pages.renderer, record }),
    ...buildAssets({ face, connectors: logins.connectors, looks: () => runtime.looks() }),
    probes({ health, home: sandbox ? paths.sandbox : paths.account }),
  ]
  const behindMetadata: readonly Middleware[] = [
    postedRequests({ secure }),
    switchedLanguage(pages.renderer),
    slowClientGuessing({ clock, factors: config.limits.networks }),
    slowStrangers({ limits: logins.limits }),
    ...(sandbox ? [sandbox.middleware(pages.renderer)] : []),
    native.tokenAnswers,
    visitors.middleware,
    libraryAnswers({
      units,
      store,
      mac: (text) => sealer.mac('device_poll', text),
      render,
      metrics,
      clock,
      policies,
      sessions,
      answerForJwt: jwtAnswers({ read: () => runtime.readJwt, policies, units, directory, store, clock }),
    }),
    native.routes,
    upstreams.routes,
    pictures.routes,
    pages.routes,
    refuseOtherMethods,
    dropEndedLogins({ provider: () => runtime.provider(), directory, units, clock }),
  ]

  const silence: Middleware = (_, next) => {
    if (runtime.isSilenced()) throw new AppError('server.unavailable')
    return next()
  }

  const tell = (message: OwnerMessage) => core.queueOwnerMessage(database.knex, message)

  function equip(provider: Provider): Handler {
    listen(provider, { log, metrics, audit, units, clock, tell })
    queueLogouts(provider, units)
    explainRefusals(provider)
    provider.on('interaction.started', pages.remember)
    const hints = withoutUnreadableHint(provider, log)
    const metadata = metadataBytes(record, () => runtime.isSilenced())
    for (const middleware of [...front, silence, metadata.middleware, ...behindMetadata, hints])
      provider.use(middleware)
    const serve = provider.callback()
    return (request, response) => (metadata.answer(request, response) ? Promise.resolve() : serve(request, response))
  }

  const ownJwt = async (value: string) => {
    const jwt = await runtime.readJwt(value)
    return jwt && payloadOfJwt(jwt)
  }
  const retrySeconds: RetrySeconds = (client) => runtime.policies().retrySeconds(client)
  const keyRules = { options: config.keys, lifetimes: config.lifetimes }
  const keyChange = { database, sealer, clock, log }
  await ensureKeys(keyChange)
  const runtime: OidcRuntime = await oidcRuntime({
    parts: {
      issuer,
      reachable: reachedBy(logins.methods),
      agreements: config.agreements,
      canRegister: (logins.methods.get('register')?.acrs ?? []).length > 0,
      adapter: boundedPlaces(
        adapterFactory({ units, store, marks, sealer, clock, browsers: visitors, ownJwt, retrySeconds }),
        {
          limits: logins.limits,
        },
      ),
      units,
      database,
      directory,
      pages: libraryPages({ render, translate, locale, now: () => new Date(clock()), database }),
      sealer,
      families,
      clock,
      mayContinue: reconfirm({
        units,
        agreements: config.agreements.filter((each) => each.reconfirm).map(documentVersion),
      }),
      privateAddresses: config.outbound.private_addresses,
      pictureAddress: pictures.address,
    },
    database,
    lifetimes: config.lifetimes,
    ownClients: [
      accountClient(issuer, config.brand.name, config.registration.account_pages),
      ...(sandbox?.clients ?? []),
    ],
    ownResources: sandbox?.resources ?? [],
    equip,
    keyLife: {
      dueAtMs: ({ infos }) => dueAtMs(infos, keyRules),
      advance: () => advanceKeys({ ...keyChange, rules: keyRules }),
    },
    time,
    onError: reportError,
    onDeaf: (error) => log.warn({ err: error }, 'the database does not tell of changes: they are looked for'),
  })

  const listener = httpListener({
    handler: () => runtime.handler(),
    clean: requestOrigin({ issuer, trustedProxies: config.server.trusted_proxies, log }),
  })
  let metricsListener: MetricsListener | undefined
  const duties = startDuties({ core, runtime, metrics, time, logins, exports, pictures, upstreams })

  return {
    core,
    runtime,
    health,
    metrics,
    async listen() {
      metricsListener = await startMetricsListener({
        address: config.ops.metrics,
        registry: metrics.registry,
        isOptional: config.sandbox,
      })
      const { port } = await listener.listen({ port: config.server.port, host: await listenAddress(config) })
      return { port, metrics: metricsListener?.address }
    },
    async close() {
      health.drain()
      duties.stop()
      const { drain_seconds: drainSeconds, shutdown_seconds: withinSeconds } = config.server
      if (listener.server.listening) await listener.stop({ drainSeconds, withinSeconds })
      await metricsListener?.close()
      await runtime.close()
      await logins.background.close()
      await sandbox?.close()
      await logins.hashing.close()
      await core.close()
    },
  }
}
