import type { Context } from 'koa'
import { AppError } from '../../src/base/errors.ts'
import type { LoginAttempts } from '../attempt.ts'
import type { LoginMethods } from '../methods/method-registry.ts'
import type { AdvanceRequest } from '../outcome.ts'

interface Dependencies {
  readonly attempts: Pick<LoginAttempts, 'advance'>
  readonly methods: LoginMethods
}

/**
 * Begins a login through an upstream whose page is to be a part of ours, and tells the script where it is. It is the
 * step of the button: the same form, agreement, limits and state, which belongs to this attempt and browser. What goes
 * wrong is answered as to a program; the script then sends the form, and the page tells the person.
 */
export function scanFrames({ attempts, methods }: Dependencies) {
  return async (ctx: Context, request: AdvanceRequest): Promise<undefined> => {
    if (!methods.get(request.method)?.connection?.frame) throw new AppError('request.invalid')
    const outcome = await attempts.advance(request)
    if (outcome.kind !== 'redirect') throw new AppError('request.invalid')
    ctx.set('cache-control', 'no-store')
    ctx.body = { location: outcome.to.href }
    return undefined
  }
}
