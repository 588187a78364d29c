import type { Middleware } from 'koa'
import { paths } from '../base/paths.ts'
import type { Health } from '../ops/health.ts'

interface Dependencies {
  readonly health: Health
  /** Where a person is sent who enters only the host name. */
  readonly home: string
}

/** `/livez` says that the process can answer; `/readyz` says whether it should get requests and, if not, why. */
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
