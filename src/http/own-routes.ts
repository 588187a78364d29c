import type Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { AppError } from '../base/errors.ts'

/** The methods that paths of ours know, where the path of a request is one of ours and its method is not. */
const knownMethods = new WeakMap<Context, Set<string>>()

/**
 * Looks at the first segment of the path before it asks the router. Most requests are for the library, and trying every
 * route of ours would cost a tenth of a cheap request. What this router does not answer is left to the next one. Throws
 * if the first segment of a route is not fixed.
 */
export function ownRoutes(router: Router): Middleware {
  const segments = new Set(router.stack.map(({ path }) => firstSegment(String(path))))
  const open = [...segments].find((segment) => !/^[\w.-]+$/.test(segment))
  if (open !== undefined) throw new Error(`a route must begin with a fixed word, not with ${open}`)
  const routes = router.routes() as unknown as Middleware
  return (ctx, next) => {
    if (!segments.has(firstSegment(ctx.path))) return next()
    return routes(ctx, () => {
      const { path: known, route: isRouted } = router.match(ctx.path, ctx.method)
      if (known.length > 0 && !isRouted) {
        const before = knownMethods.get(ctx) ?? []
        knownMethods.set(ctx, new Set([...before, ...known.flatMap(({ methods }) => methods)]))
      }
      return next()
    })
  }
}

/**
 * Behind all routes of ours: a path of ours with a method that none of them knows is answered 405 (RFC 9110 §15.5.6).
 */
export const refuseOtherMethods: Middleware = (ctx, next) => {
  const methods = knownMethods.get(ctx)
  if (!methods) return next()
  ctx.set('allow', [...methods].join(', '))
  throw new AppError('request.method_not_allowed')
}

/** In lower case, because the router ignores case. */
function firstSegment(path: string): string {
  const end = path.indexOf('/', 1)
  return path.slice(1, end === -1 ? undefined : end).toLowerCase()
}
