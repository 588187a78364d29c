import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Router from '@koa/router'
import type { Context } from 'koa'
import { refuseCrossSite } from '../../interactions/browser/guard.ts'
import type { Renderer } from '../../interactions/browser/render.ts'
import { readForm } from '../../interactions/form.ts'
import type { Clock } from '../../src/base/clock.ts'
import { formatDuration, parseDuration } from '../../src/base/duration.ts'
import { AppError } from '../../src/base/errors.ts'
import { i18n } from '../../src/base/i18n.ts'
import { inLanguage, nearest } from '../../src/base/languages.ts'
import { representations, sendBytes } from '../../src/base/representations.ts'
import type { Config } from '../../src/config/config.ts'
import { assets } from '../../views/engine.ts'
import { advanceClock, clockShiftMs, resetClock } from '../clock.ts'
import { codesFirst, type Outbox } from '../outbox.ts'
import { answerPage, clockPage, outboxPage, type Visit } from '../pages.ts'
import type { Switches } from '../switches.ts'
import type { NativeUpstreams } from '../upstreams.ts'
import { appleRoutes } from './apple-routes.ts'
import { brandRoutes } from './brand-routes.ts'
import { demoResource } from './clients.ts'
import type { Html } from './html.ts'
import { nativeAppRoutes } from './native-routes.ts'
import { demoPage, devicePage } from './page.ts'
import { resourceServer } from './resource-server.ts'
import { switchRoutes } from './switch-routes.ts'

interface Dependencies {
  readonly config: Config
  readonly clock: Clock
  readonly renderer: Pick<Renderer, 'render' | 'locale' | 'switchLanguage'>
  readonly messages: Outbox
  readonly backendSecret: string
  /** Whether the simulated vendors are there. */
  readonly hasUpstreams: boolean
  readonly vendors: NativeUpstreams | undefined
  readonly switches: Switches
}

const furthestShiftMs = 36_500 * 86_400_000

/** Every address under `/sandbox`. */
export function sandboxRoutes(dependencies: Dependencies): Router {
  const { config, clock, renderer, messages, backendSecret, hasUpstreams, vendors, switches } = dependencies
  const { issuer, brand } = config
  const resource = demoResource(issuer)
  const texts: Record<string, Readonly<Record<string, string>>> = { 'zh-CN': readTexts('zh-CN'), en: readTexts('en') }
  // The login pages speak more languages than these.
  const spoken = (ctx: Context) => nearest(renderer.locale(ctx), Object.keys(texts))
  const words = i18n({ resources: texts })
  const router = new Router()

  function visit(ctx: Context, path: string): Visit {
    const locale = spoken(ctx)
    const say: Visit['say'] = (key, params) => words.translate(locale, key, params)
    return { locale, brand: inLanguage(brand.name, locale), path, say }
  }
  const scriptTexts = (ctx: Context) =>
    Object.fromEntries(Object.entries(texts[spoken(ctx)] ?? {}).filter(([key]) => key.startsWith('js.')))
  const page = (name: string, path: string, draw: (ctx: Context) => Html) =>
    router.get(name, path, (ctx) => {
      if (!renderer.switchLanguage(ctx)) answerPage(ctx, draw(ctx))
    })

  // The address of a callback contains a code, so nothing on the page may repeat the address.
  const demo = (ctx: Context) =>
    demoPage(visit(ctx, '/sandbox'), { issuer, resource, backendSecret, hasUpstreams, texts: scriptTexts(ctx) })
  page('sandbox_demo', '/sandbox', demo)
  page('sandbox_callback', '/sandbox/callback', demo)
  page('sandbox_device', '/sandbox/device', (ctx) =>
    devicePage(visit(ctx, '/sandbox/device'), { issuer, resource, texts: scriptTexts(ctx) }),
  )

  switchRoutes(router, { issuer, renderer, visit, switches })
  appleRoutes(router, { issuer, renderer, visit, vendors })
  nativeAppRoutes(router, { config, renderer, visit, vendors })
  brandRoutes(router, { config, renderer, visit })

  for (const kind of ['terms', 'privacy'] as const) {
    router.get(`sandbox_${kind}`, `/sandbox/${kind}`, (ctx) => {
      if (!renderer.switchLanguage(ctx)) renderer.render(ctx, 'terms', { kind })
    })
  }

  const api = resourceServer({ issuer, resource, clock })
  router.get('sandbox_orders', '/sandbox/api/orders', api.orders)
  router.get('sandbox_admin', '/sandbox/api/admin', api.admin)

  router.get('sandbox_outbox', '/sandbox/outbox', async (ctx) => {
    if (renderer.switchLanguage(ctx)) return
    const to = recipient(ctx.query['to'])
    const entries = await messages.list({ to })
    if (prefersJson(ctx)) return answerJson(ctx, codesFirst(entries))
    const path = to === undefined ? '/sandbox/outbox' : `/sandbox/outbox?${new URLSearchParams({ to })}`
    answerPage(ctx, outboxPage(visit(ctx, path), { entries, to }))
  })

  function showClock(ctx: Context, isWrong = false): void {
    const shiftMs = clockShiftMs()
    const status = isWrong ? 400 : 200
    const now = new Date(clock())
    if (prefersJson(ctx)) {
      const refused = { error: 'invalid_request', error_description: 'no such duration' }
      answerJson(ctx, isWrong ? refused : { now: now.toISOString(), shifted_by_seconds: shiftMs / 1000 }, status)
      return
    }
    const shift = shiftMs === 0 ? undefined : formatDuration(shiftMs / 1000)
    answerPage(ctx, clockPage(visit(ctx, '/sandbox/clock'), { now, shift, isWrong }), status)
  }

  router.get('sandbox_clock', '/sandbox/clock', (ctx) => {
    if (!renderer.switchLanguage(ctx)) showClock(ctx)
  })
  router.post('sandbox_clock_move', '/sandbox/clock', async (ctx) => {
    refuseCrossSite(ctx, issuer)
    const { advance, reset } = (await readForm(ctx)).fields
    const byMs = (parseDuration(advance?.trim() ?? '') ?? 0) * 1000
    if (reset !== undefined) resetClock()
    else if (byMs === 0 || clockShiftMs() + byMs > furthestShiftMs) return showClock(ctx, true)
    else advanceClock(byMs)
    if (prefersJson(ctx)) return showClock(ctx)
    ctx.redirect('/sandbox/clock')
    ctx.status = 303
  })

  const files = new Map([...assets(import.meta.dirname)].map(([path, bytes]) => [path, representations(bytes)]))
  router.get('sandbox_file', '/sandbox/:file', (ctx) => {
    const found = files.get(`/assets/${ctx['params'].file}`)
    if (!found) throw new AppError('request.not_found')
    sendBytes(ctx, found, { 'cache-control': 'no-cache' })
  })
  return router
}

function readTexts(locale: string): Record<string, string> {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'locales', `${locale}.json`), 'utf8')) as Record<
    string,
    string
  >
}

/** A browser asks for HTML; a client that asks for nothing is a program. */
function prefersJson(ctx: Context): boolean {
  return ctx.accepts('json', 'html') === 'json'
}

function answerJson(ctx: Context, body: object, status = 200): void {
  ctx.status = status
  ctx.set('cache-control', 'no-store')
  ctx.vary('Accept')
  ctx.body = body
}

/** A number or an address; a plus that came through a query without encoding has become a space. */
function recipient(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.trim() === '') return undefined
  const text = value.trim()
  const digits = text.replace(/[\s-]/g, '')
  if (!/^\+?\d+$/.test(digits)) return text
  if (digits.startsWith('+')) return digits
  return /^1[3-9]\d{9}$/.test(digits) ? `+86${digits}` : `+${digits}`
}
