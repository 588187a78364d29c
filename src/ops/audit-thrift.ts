import { networkOf } from '../base/network.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'
import type { Audit, AuditEvent, AuditEventName } from './audit.ts'

/** Refusals of a login that cost a stranger nothing, so that they come as often as somebody cares to send them. */
const repeatable = new Set<unknown>([
  'request.too_many',
  'otp.too_soon',
  'otp.tries_used',
  'password.locked',
  'registration.closed',
])
/** What happens to nobody's account and can be had again and again by the same request. */
const repeatedEvents: ReadonlySet<AuditEventName> = new Set([
  'upstream.failed',
  'identity.conflicted',
  'identity.refused',
  'consent.refused',
  'token.reused',
])
const pauseSeconds = 60

interface Dependencies {
  readonly store: Pick<EphemeralStore, 'add'>
  readonly mac: (text: string) => string
}

/**
 * An audit that keeps such an event once a minute: of each network, kind and client, and of each account it is about.
 * SECURITY: otherwise a limit would turn a flood of requests into a flood of rows that are kept for months.
 */
export function thriftyAudit(audit: Audit, { store, mac }: Dependencies): Audit {
  async function isRepeated({ event, ip = '', clientId, userId, detail = {} }: AuditEvent): Promise<boolean> {
    const { error, method, reason, grant, action } = detail
    const comesAgain = repeatedEvents.has(event) || (event === 'login.failed' && repeatable.has(error))
    if (!comesAgain) return false
    const key = JSON.stringify([event, error, method, reason, grant, action, userId, clientId, networkOf(ip)])
    // A store that cannot say is no reason to lose the record, nor to answer the visitor with another error.
    return !(await store.add(`audited:${mac(key)}`, 1, pauseSeconds).catch(() => true))
  }

  return {
    async write(event) {
      if (!(await isRepeated(event))) await audit.write(event)
    },
  }
}
