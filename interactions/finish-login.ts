import { isFresh } from '../src/accounts/proof.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import { acrOf, isEnough, isTooOld } from '../src/oidc/demand.ts'
import { deviceName } from '../src/oidc/records/sign-in.ts'
import type { Audit } from '../src/ops/audit.ts'
import { type Arrived, type AttemptMemories, type AttemptMemory, claimedIn } from './attempt-memory.ts'
import type { Proved } from './methods/method.ts'
import { type AdvanceRequest, auditContext, type Outcome } from './outcome.ts'

interface Dependencies {
  readonly audit: Audit
  readonly memories: AttemptMemories
}

/**
 * SECURITY: holds what was proved, together with what waits, against the demand of the request before anything is
 * stored. It does not matter by which page or app the method was chosen. A reset of the password is more than a login:
 * the reset is done, but it lets nobody in who has to prove something else. Throws `login.insufficient`.
 */
export function requireEnough(
  { demand }: AdvanceRequest,
  { amr, password }: Proved,
  memory: AttemptMemory,
  clock: Clock,
): void {
  const waiting = [memory.pending, memory.holder, claimedIn(memory, clock)?.proof].flatMap((each) =>
    each && isFresh(each, clock) ? each.amr : [],
  )
  if (password?.replace || isEnough(demand, [...amr, ...waiting])) return
  throw new AppError('login.insufficient')
}

/**
 * Ends an attempt with the account that was proved. When the login waited for an answer longer than the request allows,
 * nobody is let in, and what the login has changed stays changed.
 */
export async function finishLogin(
  { audit, memories }: Dependencies,
  request: AdvanceRequest,
  arrived: Arrived,
  memory: AttemptMemory,
): Promise<Outcome> {
  const { demand, attemptId, askedAt } = request
  const { userId, amr, by, isNew, endedSessions, method, provider: identityProvider, provedAt, begunAt } = arrived
  const authTime = Math.floor(provedAt / 1000)
  await memories.forget(attemptId)
  if (isTooOld(demand, authTime, askedAt) || !isEnough(demand, amr)) {
    return { kind: 'login', userId, endedSessions }
  }
  const device = request.deviceName ?? deviceName(request.visit.userAgent)
  const detail = { method, amr, agreements: memory.agreed, device, begun_at: begunAt }
  await audit.write({ event: 'login.succeeded', userId, identityProvider, ...auditContext(request), detail })
  const { agreed } = memory
  const acr = acrOf(amr, demand)
  return { kind: 'done', userId, method, amr, by, acr, authTime, begunAt, isNew, agreed, endedSessions }
}
