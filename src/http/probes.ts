import type { Middleware } from 'koa'
import { paths } from '../base/paths.ts'
import type { Health } from '../ops/health.ts'

interface Dependencies {
  readonly health: Health
  /** Where a person who types the bare address is led. */
  readonly home: string
}

/** `/livez` says that the process can answer, `/readyz` whether it should be sent requests and what is amiss if not. */
export function probes({ health, home }: Dependencies): Middleware {
  return async (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next()
    switch (ctx.path) {
      case paths.livez:
        ctx['_matchedRouteName'] = 'livez'
        ctx.body = { status: 'ok' }
        break
      case paths.readyz: {
        ctx['_matchedRouteName'] = 'readyz'
        const { ok, checks } = await health.ready()
        ctx.status = ok ? 200 : 503
        ctx.body = { status: ok ? 'ok' : 'unavailable', checks }
        break
      }
      case '/':
        ctx['_matchedRouteName'] = 'home'
        ctx.redirect(home)
        ctx.status = 303
        break
      default:
        return next()
    }
    ctx.set('cache-control', 'no-store')
  }
}
