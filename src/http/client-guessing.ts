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
 * Where clients authenticate. What people post is none of this file's business: many can share an address with a broken
 * client.
 */
const clientPaths: ReadonlySet<string> = new Set([
  paths.token,
  paths.introspection,
  paths.revocation,
  paths.push,
  paths.deviceAuthorization,
])

/**
 * Slows down who tries client secrets: after 30 failed client authentications in a minute a network is answered 429
 * there until a minute has passed; wider networks have a multiple of that. Kept in the process, because the hot path
 * must not wait for a store to learn that all is well; with several processes a network gets that many tries in each,
 * and requests that are under way together are all answered.
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
    // SECURITY: the oldest goes and not all, or a flood of new networks would set everybody's count back to nothing.
    if (failures.size > maxNetworks) failures.delete(failures.keys().next().value as string)
  }

  return async (ctx, next) => {
    if (ctx.method !== 'POST' || !clientPaths.has(plainPath(ctx.path))) return next()
    const networks = networksOf((ctx.state as RequestState).ip)
    const waitMs = Math.max(...networks.map(remainingMs))
    if (waitMs > 0) {
      throw new AppError('request.too_many', { params: { retryAfterSeconds: Math.ceil(waitMs / 1000) } })
    }
    await next()
    if ((ctx.body as { error?: unknown } | undefined)?.error === 'invalid_client') networks.forEach(countFailure)
  }
}
