import type { Middleware } from 'koa'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { type Network, networksOf } from '../base/network.ts'
import { paths, plainPath } from '../base/paths.ts'
import type { RequestState } from '../oidc/request-state.ts'
import type { NetworkFactors } from '../ops/limits.ts'

interface Dependencies {
  readonly clock: Clock
  readonly factors: NetworkFactors
}

const maxFailures = 30
const windowMs = 60_000
const maxNetworks = 30_000

/**
 * The paths where clients authenticate. What people post is not limited here, because many people can share an address
 * with a broken client.
 */
const clientPaths: ReadonlySet<string> = new Set([
  paths.token,
  paths.introspection,
  paths.revocation,
  paths.push,
  paths.deviceAuthorization,
])

/**
 * Slows down somebody who guesses client secrets. After 30 failed client authentications in a minute, a network is
 * answered 429 on these paths until the minute has passed; wider networks may have a multiple of that. The counts are
 * kept in the process, because the hot path must not wait for a store only to learn that all is well. So with several
 * processes a network gets that many tries in each, and requests that are under way at the same time are all answered.
 */
export function slowClientGuessing({ clock, factors }: Dependencies): Middleware {
  const failures = new Map<string, { count: number; readonly until: number }>()

  function remainingMs({ name, width }: Network): number {
    const known = failures.get(name)
    if (known === undefined) return 0
    const leftMs = known.until - clock()
    if (leftMs <= 0) failures.delete(name)
    return known.count >= maxFailures * (width === 'address' ? 1 : factors[width]) ? leftMs : 0
  }

  function countFailure({ name }: Network): void {
    const known = failures.get(name) ?? { count: 0, until: clock() + windowMs }
    known.count += 1
    failures.set(name, known)
    // SECURITY: only the oldest network is forgotten. If all were, a flood of new networks would set everybody's count
    // to 0.
    if (failures.size > maxNetworks) failures.delete(failures.keys().next().value as string)
  }

  return async (ctx, next) => {
    if (ctx.method !== 'POST' || !clientPaths.has(plainPath(ctx.path))) return next()
    const { ip } = ctx.state as RequestState
    const waitMs = failures.size === 0 ? 0 : Math.max(...networksOf(ip).map(remainingMs))
    if (waitMs > 0) {
      throw new AppError('request.too_many', { params: { retryAfterSeconds: Math.ceil(waitMs / 1000) } })
    }
    await next()
    if ((ctx.body as { error?: unknown } | undefined)?.error === 'invalid_client') networksOf(ip).forEach(countFailure)
  }
}
