import type { Middleware } from 'koa'
import type { RequestState } from '../interactions/request-state.ts'
import { AppError } from './base/errors.ts'
import { networkOf } from './base/network.ts'
import type { Limits } from './ops/limits.ts'

/** Pages of the library that keep a session row for a visitor nobody knows, because their form needs a token. */
const limited = { '/device': 'device.ip', '/session/end': 'logout.ip' } as const

export type AnonymousLimit = (typeof limited)[keyof typeof limited]

/**
 * Limits what a stranger can do at pages that ask for no login. SECURITY: each visit without a cookie is a row in the database, and
 * each code typed at `/device` a guess at somebody's device (RFC 8628 §5.1).
 */
export function slowStrangers({ limits }: { readonly limits: Limits<AnonymousLimit> }): Middleware {
  return async (ctx, next) => {
    const name = limitOf(ctx.path)
    if (name) await take(name, networkOf((ctx.state as RequestState).ip))
    return next()
  }

  async function take(name: AnonymousLimit, network: string): Promise<void> {
    try {
      await limits.take(name, network)
    } catch (error) {
      // Whoever wants to leave is let out, whatever the store of the counters says.
      if (name === 'logout.ip' && error instanceof AppError && error.code === 'server.unavailable') return
      throw error
    }
  }
}

/** The library reads paths without regard to case and a slash at the end. */
function limitOf(path: string): AnonymousLimit | undefined {
  const plain = path.toLowerCase().replace(/\/$/, '')
  return plain === '/device' || plain === '/session/end' ? limited[plain] : undefined
}
