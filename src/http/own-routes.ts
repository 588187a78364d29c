import type Router from '@koa/router'
import type { Middleware } from 'koa'
import { AppError } from '../base/errors.ts'

/**
 * Looks at the first segment of the path before it asks the router. Most requests are for the library, and trying every
 * route of ours would cost a tenth of a cheap request. A path of ours with a method it does not know is answered 405
 * (RFC 9110 §15.5.6). Throws if the first segment of a route is not fixed.
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
      if (known.length === 0 || isRouted) return next()
      ctx.set('allow', [...new Set(known.flatMap(({ methods }) => methods))].join(', '))
      throw new AppError('request.method_not_allowed')
    })
  }
}

/** In lower case, because the router ignores case. */
function firstSegment(path: string): string {
  const end = path.indexOf('/', 1)
  return path.slice(1, end === -1 ? undefined : end).toLowerCase()
}
