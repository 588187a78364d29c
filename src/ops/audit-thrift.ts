import { type NetworkWidth, networksOf } from '../base/network.ts'
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
  'abuse.suspected',
])
const pauseSeconds = 60
/** Such lines of one kind a minute: of an address, and of all addresses of a network together. */
const most: Readonly<Record<NetworkWidth, number>> = { address: 1, ipv6_56: 4, ipv4_24: 16, ipv6_48: 16 }

/** Such lines a minute of the whole world: an attack comes from thousands of networks at once. */
const mostOfAll: Partial<Readonly<Record<AuditEventName, number>>> = { 'abuse.suspected': 30 }

interface Dependencies {
  readonly store: Pick<EphemeralStore, 'count'>
  readonly mac: (text: string) => string
}

/**
 * An audit that writes such an event once a minute for each network, kind and client, and for each account it concerns.
 * SECURITY: otherwise a limit would turn a flood of requests into a flood of rows that are kept for months.
 * The networks around count too, because who has a /48 has 65 536 of the narrowest.
 */
export function thriftyAudit(audit: Audit, { store, mac }: Dependencies): Audit {
  async function isRepeated({ event, ip = '', clientId, userId, detail = {} }: AuditEvent): Promise<boolean> {
    const { error, method, reason, grant, action, act, verdict, reasons } = detail
    const kind = [error, method, reason, grant, action, act, verdict, reasons]
    const comesAgain = repeatedEvents.has(event) || (event === 'login.failed' && repeatable.has(error))
    if (!comesAgain) return false
    const ofNetworks = networksOf(ip).map(({ name, width }) => ({
      key: `audited:${mac(JSON.stringify([event, ...kind, userId, clientId, name]))}`,
      max: most[width],
      seconds: pauseSeconds,
    }))
    const ofAll = mostOfAll[event]
    const counters = [
      ...ofNetworks,
      ...(ofAll === undefined ? [] : [{ key: `audited:${event}`, max: ofAll, seconds: pauseSeconds }]),
    ]
    try {
      return !(await store.count(counters)).isCounted
    } catch {
      // When the store cannot answer, the event is written: a row too many is better than a lost one or another error.
      return false
    }
  }

  return {
    async write(event) {
      if (!(await isRepeated(event))) await audit.write(event)
    },
  }
}
