import { isIP } from 'node:net'
import type { Knex } from 'knex'
import type { Clock } from '../base/clock.ts'
import type { UserId } from '../base/ids.ts'
import type { Log } from './log.ts'
import { excerpt, scrub, scrubValue } from './scrub.ts'

/** Every event that is recorded somewhere. */
export type AuditEventName =
  | 'login.succeeded'
  | 'login.failed'
  | 'upstream.failed'
  | 'identity.conflicted'
  | 'session.ended'
  | 'user.registered'
  | 'user.locked'
  | 'user.unlocked'
  | 'identity.bound'
  | 'identity.unbound'
  | 'identity.refused'
  | 'profile.changed'
  | 'password.set'
  | 'password.changed'
  | 'password.reset'
  | 'consent.granted'
  | 'consent.refused'
  | 'grant.revoked'
  | 'grant.expired'
  | 'logout.undelivered'
  | 'token.reused'
  | 'connection.accepted'
  | 'client.created'
  | 'client.changed'
  | 'client.removed'
  | 'client.secret_rotated'
  | 'resource.created'
  | 'resource.changed'
  | 'resource.removed'
  | 'key.created'
  | 'key.rotated'
  | 'key.retired'

export interface AuditEvent {
  readonly event: AuditEventName
  readonly userId?: UserId | undefined
  readonly clientId?: string | undefined
  readonly identityProvider?: string | undefined
  /** Address of the person, already freed of what untrusted proxies claim; absent when an operator acts. */
  readonly ip?: string | undefined
  readonly requestId?: string | undefined
  /** Small facts: method, outcome, error code. Texts are scrubbed; never give a phone number, OTP or token all the same. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined
}

export interface Audit {
  /**
   * Adds one row, and resolves when it is stored. It never throws: when the row cannot be stored the whole event goes to the log
   * at level `error`, where the operator's log keeping takes its place, because an audit table that is away must not lock
   * everybody out.
   */
  write(event: AuditEvent): Promise<void>
}

interface AuditDeps {
  readonly database: { readonly knex: Knex }
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
  /** Told of every attempt, for the counters. */
  readonly onRecord?: (event: AuditEventName, outcome: 'stored' | 'failed') => void
}

/** The append-only record of security events in the table `audit_events`. */
export function audit({ database, clock, log, onRecord = () => {} }: AuditDeps): Audit {
  return {
    async write(event) {
      const row = {
        at: new Date(clock()),
        event: event.event,
        user_id: event.userId ?? null,
        client_id: short(event.clientId),
        identity_provider: short(event.identityProvider),
        ip: storedIp(event.ip),
        request_id: short(event.requestId),
        detail: detailText(event),
      }
      try {
        await database.knex('audit_events').insert(row)
        onRecord(event.event, 'stored')
      } catch (error) {
        log.error({ err: error, audit: row }, 'audit event not stored')
        onRecord(event.event, 'failed')
      }
    },
  }
}

/** An address as PostgreSQL takes it. */
export function storedIp(ip: string | undefined): string | null {
  return ip !== undefined && isIP(ip) !== 0 ? ip.replace(/%.*$/, '') : null
}

const longestDetail = 4000

/** Bounded and scrubbed: a client id may be whatever a stranger sent. */
function short(text: string | undefined): string | null {
  return text === undefined ? null : scrub(storable(excerpt(text)))
}

function detailText({ detail, ip }: AuditEvent): string {
  // An operator acts from no address, and what they change may be long.
  const scrubbed = scrubValue(detail ?? {}, ip === undefined ? longestDetail : undefined)
  const json = JSON.stringify(scrubbed, (_, value) => (typeof value === 'string' ? storable(value) : value))
  return json.length > longestDetail ? JSON.stringify({ truncated: json.slice(0, longestDetail / 2) }) : json
}

/** PostgreSQL refuses NUL and half surrogate pairs. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}
