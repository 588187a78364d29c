import { networkOf } from '../base/network.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'
import type { Audit, AuditEvent } from './audit.ts'

/** Refusals that cost a stranger nothing, so that they come as often as somebody cares to send them. */
const repeatable = new Set<unknown>([
  'request.too_many',
  'otp.too_soon',
  'otp.tries_used',
  'password.locked',
  'registration.closed',
])
const pauseSeconds = 60

interface Dependencies {
  readonly store: Pick<EphemeralStore, 'add'>
  readonly mac: (text: string) => string
}

/**
 * An audit that keeps such a refusal once a minute for each network, method and client. SECURITY: otherwise a limit would turn a
 * flood of requests into a flood of rows that are kept for ever.
 */
export function thriftyAudit(audit: Audit, { store, mac }: Dependencies): Audit {
  async function isRepeated({ event, ip = '', clientId, detail }: AuditEvent): Promise<boolean> {
    if (event !== 'login.failed' || !repeatable.has(detail?.['error'])) return false
    const key = JSON.stringify([detail?.['error'], detail?.['method'], clientId, networkOf(ip)])
    // A store that cannot say is no reason to lose the record, nor to answer the visitor with another error.
    return !(await store.add(`audited:${mac(key)}`, 1, pauseSeconds).catch(() => true))
  }

  return {
    async record(event) {
      if (!(await isRepeated(event))) await audit.record(event)
    },
  }
}
