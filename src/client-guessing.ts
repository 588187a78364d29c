import type { Middleware } from 'koa'
import type { RequestState } from '../interactions/browser/render.ts'
import type { Clock } from './base/clock.ts'
import { AppError } from './base/errors.ts'

const maxFailures = 30
const windowMs = 60_000
const maxAddresses = 10_000

/**
 * Slows down who tries client secrets: after 30 failed client authentications in a minute an address is answered 429 until a
 * minute has passed. Kept in the process, because the hot path must not wait for a store to learn that all is well; with several
 * processes an address gets that many tries in each.
 */
export function slowClientGuessing({ clock }: { readonly clock: Clock }): Middleware {
  const failures = new Map<string, { count: number; readonly until: number }>()

  return async (ctx, next) => {
    if (ctx.method !== 'POST') return next()
    const { ip } = ctx.state as RequestState
    const known = failures.get(ip)
    const remainingMs = known === undefined ? 0 : known.until - clock()
    if (remainingMs <= 0) failures.delete(ip)
    else if (known !== undefined && known.count >= maxFailures) {
      throw new AppError('request.too_many', { params: { retryAfterSeconds: Math.ceil(remainingMs / 1000) } })
    }
    await next()
    if ((ctx.body as { error?: unknown } | undefined)?.error !== 'invalid_client') return
    const current = failures.get(ip) ?? { count: 0, until: clock() + windowMs }
    current.count += 1
    if (failures.size >= maxAddresses) failures.clear()
    failures.set(ip, current)
  }
}
