import type { Middleware } from 'koa'
import type { RequestState } from '../interactions/request-state.ts'
import type { Clock } from './base/clock.ts'
import { AppError } from './base/errors.ts'
import { networkOf } from './base/network.ts'

const maxFailures = 30
const windowMs = 60_000
const maxNetworks = 10_000

/** Where clients authenticate. What people post is none of this file's business: many can share an address with a broken client. */
const clientPaths = /^\/(token(\/introspection|\/revocation)?|request|device\/auth)\/?$/i

/**
 * Slows down who tries client secrets: after 30 failed client authentications in a minute a network is answered 429 there until a
 * minute has passed. Kept in the process, because the hot path must not wait for a store to learn that all is well; with several
 * processes a network gets that many tries in each, and requests that are under way together are all answered.
 */
export function slowClientGuessing({ clock }: { readonly clock: Clock }): Middleware {
  const failures = new Map<string, { count: number; readonly until: number }>()

  return async (ctx, next) => {
    if (ctx.method !== 'POST' || !clientPaths.test(ctx.path)) return next()
    const network = networkOf((ctx.state as RequestState).ip)
    const known = failures.get(network)
    const remainingMs = known === undefined ? 0 : known.until - clock()
    if (remainingMs <= 0) failures.delete(network)
    else if (known !== undefined && known.count >= maxFailures) {
      throw new AppError('request.too_many', { params: { retryAfterSeconds: Math.ceil(remainingMs / 1000) } })
    }
    await next()
    if ((ctx.body as { error?: unknown } | undefined)?.error !== 'invalid_client') return
    const current = failures.get(network) ?? { count: 0, until: clock() + windowMs }
    current.count += 1
    failures.set(network, current)
    // SECURITY: the oldest goes and not all, or a flood of new networks would set everybody's count back to nothing.
    if (failures.size > maxNetworks) failures.delete(failures.keys().next().value as string)
  }
}
