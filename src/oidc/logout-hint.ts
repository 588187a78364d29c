import type { Middleware } from 'koa'
import type { Provider } from 'oidc-provider'
import { paths, plainPath } from '../base/paths.ts'
import type { Log } from '../ops/log.ts'
import { isOwnIdToken } from './library/models.ts'
import type { RequestState } from './request-state.ts'

/**
 * Leaves out the `id_token_hint` of a logout request that cannot be verified: its key may have gone, or it is somebody
 * else's. RP-Initiated Logout §4 forbids to use it and not to ask the person, who would otherwise stay signed in before
 * an error of the app. SECURITY: nothing is read from such a hint, not even whose client it names.
 */
export function withoutUnreadableHint(provider: Provider, log: Log): Middleware {
  return async (ctx, next) => {
    if (plainPath(ctx.path) !== paths.endSession) return next()
    const { id_token_hint: hint, ...query } = ctx.query
    if (typeof hint !== 'string') return next()
    const named = query['client_id']
    if (!(await isOwnIdToken(provider, hint, typeof named === 'string' ? named : undefined))) {
      ctx.query = query
      const { requestId } = ctx.state as RequestState
      log.info(
        { request_id: requestId, client_id: named },
        'an id_token_hint cannot be verified, so the person is asked',
      )
    }
    return next()
  }
}
