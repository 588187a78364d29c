import type { Context, Middleware } from 'koa'
import { paths } from '../base/paths.ts'
import { type Health, type Part, parts } from '../ops/health.ts'

interface Dependencies {
  readonly health: Health
  /** Where a person is sent who enters only the host name. */
  readonly home: string
}

interface Probe {
  /** The name of the route in log and metrics. */
  readonly route: string
  /** The part that the status tells of. */
  readonly told: Part
  /** The parts that are looked at. */
  readonly asked: readonly Part[]
}

/**
 * Where logins alone cannot be served, `/readyz` says so and answers 200: the other processes miss the same Redis, and
 * whoever is logged in needs none.
 */
const probesOf: ReadonlyMap<string, Probe> = new Map([
  [paths.readyz, { route: 'readyz', told: 'tokens', asked: parts }],
  [paths.readyzKeys, { route: 'readyz_keys', told: 'keys', asked: ['keys'] }],
  [paths.readyzLogins, { route: 'readyz_logins', told: 'logins', asked: ['logins'] }],
])

/** `/livez` says that the process can answer; `/readyz` says whether it should get requests and what works. */
export function probes({ health, home }: Dependencies): Middleware {
  return async (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next()
    const probe = probesOf.get(ctx.path)
    if (probe) await answer(ctx, probe)
    else if (ctx.path === paths.livez) {
      ctx['_matchedRouteName'] = 'livez'
      ctx.body = { status: 'ok' }
    } else if (ctx.path === '/') {
      ctx['_matchedRouteName'] = 'home'
      ctx.redirect(home)
      ctx.status = 303
    } else return next()
    ctx.set('cache-control', 'no-store')
  }

  async function answer(ctx: Context, { route, told, asked }: Probe): Promise<void> {
    ctx['_matchedRouteName'] = route
    const { parts: works, checks } = await health.ready(asked)
    const serves = works[told] === true
    ctx.status = serves ? 200 : 503
    const status = Object.values(works).every(Boolean) ? 'ok' : serves ? 'degraded' : 'unavailable'
    const words = Object.entries(works).map(([part, isServed]) => [part, isServed ? 'ok' : 'unavailable'])
    ctx.body = { status, parts: Object.fromEntries(words), checks }
  }
}
