import type Router from '@koa/router'
import type { Middleware } from 'koa'

/**
 * A router behind a look at the first segment of the path. Most requests are the library's, and trying every route of ours costs a
 * tenth of the cheap ones. Throws when a route could begin with anything.
 */
export function ownRoutes(router: Router): Middleware {
  const segments = new Set(router.stack.map(({ path }) => firstSegment(String(path))))
  const open = [...segments].find((segment) => !/^[\w.-]+$/.test(segment))
  if (open !== undefined) throw new Error(`a route must begin with a fixed word, not with ${open}`)
  const routes = router.routes() as unknown as Middleware
  return (ctx, next) => (segments.has(firstSegment(ctx.path)) ? routes(ctx, next) : next())
}

/** In lower case, as the router does not look at the case. */
function firstSegment(path: string): string {
  const end = path.indexOf('/', 1)
  return path.slice(1, end === -1 ? undefined : end).toLowerCase()
}
