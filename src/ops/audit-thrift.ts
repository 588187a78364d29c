import { networksOf } from '../base/network.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'
import type { Audit, AuditEvent, AuditEventName } from './audit.ts'

/** Refusals of a login that cost a stranger nothing: they may come as often as somebody sends requests. */
const repeatable = new Set<unknown>([
  'request.too_many',
  'otp.too_soon',
  'otp.tries_used',
  'password.locked',
  'registration.closed',
])
/** Events that change no account and that the same request can cause again and again. */
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
 * An audit that writes such an event once a minute for each network, kind and client, and for each account it concerns.
 * SECURITY: otherwise a limit would turn a flood of requests into a flood of rows that are kept for months.
 * The widest network counts, because who has one has 65 536 of the narrowest.
 */
export function thriftyAudit(audit: Audit, { store, mac }: Dependencies): Audit {
  async function isRepeated({ event, ip = '', clientId, userId, detail = {} }: AuditEvent): Promise<boolean> {
    const { error, method, reason, grant, action } = detail
    const comesAgain = repeatedEvents.has(event) || (event === 'login.failed' && repeatable.has(error))
    if (!comesAgain) return false
    const key = JSON.stringify([event, error, method, reason, grant, action, userId, clientId, networksOf(ip).at(-1)?.name])
    // When the store cannot answer, the event is written: a row too many is better than a lost one or another error.
    return !(await store.add(`audited:${mac(key)}`, 1, pauseSeconds).catch(() => true))
  }

  return {
    async write(event) {
      if (!(await isRepeated(event))) await audit.write(event)
    },
  }
}
