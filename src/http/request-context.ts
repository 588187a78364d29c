import type { Context, Middleware } from 'koa'
import type { Renderer } from '../../interactions/browser/render.ts'
import { AppError, asAppError } from '../base/errors.ts'
import { libraryContext } from '../oidc/library/context.ts'
import type { RequestState } from '../oidc/request-state.ts'
import { allowedByLibrary } from './library-methods.ts'
import type { RequestRecord } from './request-record.ts'

interface Dependencies {
  readonly renderer: Renderer
  readonly record: RequestRecord
}

const routeOf = (ctx: Context): string => String(ctx['_matchedRouteName'] ?? 'other')

/** The outermost middleware. It gives the request an id, answers errors, writes the one log line and counts. */
export function requestContext({ renderer, record }: Dependencies): Middleware {
  return async (ctx, next) => {
    const started = performance.now()
    const state = ctx.state as RequestState
    state.requestId = record.nextId()
    state.ip = ctx.get('x-forwarded-for')
    ctx.set(record.headersOf(state.requestId))
    let failure: unknown
    try {
      refuseMalformed(ctx)
      await next()
      if (ctx.status === 404 && ctx.body === undefined) throw notRouted(ctx)
      // Nothing has no type, and a client that reads only JSON would refuse the text that koa calls it.
      if (ctx.body === '') ctx.remove('content-type')
    } catch (thrown) {
      const error = asAppError(thrown)
      failure = error.status >= 500 ? error : undefined
      for (const header of ['location', 'content-encoding']) ctx.remove(header)
      renderer.renderError(ctx, error)
    }
    const { requestId, ip } = state
    record.write({
      requestId,
      method: ctx.method,
      route: routeOf(ctx),
      status: ctx.status,
      durationMs: performance.now() - started,
      ip,
      clientId: libraryContext(ctx)?.oidc.client?.clientId,
      error: failure,
    })
  }
}

/** The error if nobody has answered: there is nothing here, or not for this method (RFC 9110 §15.5.6). */
function notRouted(ctx: Context): AppError {
  const allow = allowedByLibrary(ctx.path)
  if (allow === undefined) return new AppError('request.not_found')
  ctx.set('allow', allow)
  return new AppError('request.method_not_allowed')
}

const methods = new Set(['GET', 'HEAD', 'POST', 'OPTIONS'])
/** The only paths for which DELETE is allowed. */
const removable = /^\/(?:(?:identities|consents|account\/merge)\/[^/]+|identities\/[^/]+\/change)$/

/** Refuses addresses and methods that no route can use and that would make some routes fail. */
function refuseMalformed(ctx: Context): void {
  const isRemoval = ctx.method === 'DELETE' && removable.test(ctx.path)
  if (!methods.has(ctx.method) && !isRemoval) throw new AppError('request.method_not_allowed')
  if (!ctx.url.includes('%')) return
  if (ctx.url.includes('%00')) throw new AppError('request.invalid')
  try {
    decodeURIComponent(ctx.path)
  } catch (cause) {
    throw new AppError('request.invalid', { cause })
  }
}
