import { isIP } from 'node:net'
import type { Knex } from 'knex'
import type { Clock } from '../base/clock.ts'
import type { UserId } from '../base/ids.ts'
import type { Log } from './log.ts'
import { excerpt, scrub, scrubValue } from './scrub.ts'

/** Every event that is recorded somewhere, and what has happened then; words in backticks are members of `detail`. */
export const auditEvents = {
  'login.succeeded': 'Somebody has logged in; `method`, `amr`, `agreements`, `device`, `begun_at`.',
  'login.disowned':
    'Somebody has said that a login was not theirs, and all of their logins were ended; `login`, the number of its row.',
  'login.failed': 'A proof was refused; `method`, `error`.',
  'abuse.suspected':
    'Somebody was not let through at once; `act`, `verdict`, `level` of the challenge, `reasons`: the rules that were broken, `numbers`: the million that the number is among, or the domain.',
  'upstream.failed':
    'An upstream answered with an error, or not at all; `method`, `connection`, `error`, `vendor_code`.',
  'upstream.notified':
    'An upstream has told something of somebody: that consent has ended, an account is deleted, mail does not arrive; `type`, `outcome`.',
  'upstream.revoked': 'What an upstream gave us to keep was given back; `clients`.',
  'upstream.unrevoked':
    'What an upstream gave us to keep could not be given back, and is not tried again; `attempts`, `error`.',
  'identity.conflicted':
    'What was proved belongs to several accounts, or to another than what waits: the person has to choose; `users`.',
  'session.ended': 'The session of a browser is over; `reason`.',
  'user.registered': 'A new account.',
  'invite.created': 'An operator has made invitations; `operator`, `invites`.',
  'invite.revoked': 'An operator has taken an invitation back; `operator`, `invite`.',
  'users.imported': 'Accounts were moved in, some thousand at once; `operator`, `source`, `accounts`.',
  'users.exported': 'All accounts were written to a file; `operator`, `why`, `accounts`.',
  'user.created': 'An operator has made an account; `operator`, `why`, `providers`, `proved`.',
  'user.deletion_asked':
    'Deletion of an account was asked for: everything of it was ended; `deletion_at`, in seconds, `operator`, `why`.',
  'user.deletion_undone': 'That was taken back; `operator`, `why`.',
  'user.deleted': 'Nothing is left of an account but its id; `operator`, `why`.',
  'user.locked': 'An operator has locked an account; `operator`.',
  'user.unlocked': 'An operator has unlocked an account; `operator`.',
  'support.looked':
    'An operator has looked at what is personal; `command`, `operator`, `why`, `full`, `shown`, and what was asked for.',
  'identity.bound': 'An account has a new way in; `method`.',
  'identity.unbound': 'A way in was removed; `identity`, of an operator also `operator` and `why`.',
  'identity.moved':
    'A way in leads to another account now; `from`, `to`, `identity`, `subjects`, `method` or `operator` and `why`.',
  'user.merged':
    'An account has become part of another one of the same person; `merge`, `from`, `into`, `proved` or `operator`, `evidence` and `confirmed_by`.',
  'user.unmerged': 'That was taken back; `merge`, `from`, `into`, `missing`, `operator`, `evidence`.',
  'identity.doubted':
    'Somebody has proved a number that its account had not proved for long, from a device it does not know, and was asked whose the account is; `method`, `has_changed`.',
  'identity.confirmed':
    'The owner of an account has shown, after its number was doubted, that the account is theirs; `by`: what else they showed, or their `word`.',
  'identity.freed':
    'A number was taken off an account because somebody else has it now; `identity`, `to`, `method`, `has_changed`: the carriers said so.',
  'identity.changing':
    'Another number or address waits to take the place of one that was not proved; `identity`, `due_at`.',
  'identity.changed': 'A number or address has taken the place of another one; `from`, `identity`.',
  'identity.change_stopped':
    'A number or address that waited does not take the place of another one; `identity`, `reason` where nobody stopped it.',
  'identity.refused': 'A way in could not be added or removed; `error`.',
  'export.requested': 'Somebody has asked for what is kept of them.',
  'export.made': 'An archive of what is kept of somebody is ready.',
  'export.fetched': 'An archive of what is kept of somebody was handed out; `operator`, `why`.',
  'profile.changed': 'Somebody has changed their profile; `fields`.',
  'password.set': 'An account that had no password has one; by a link of an operator also `method` and `operator`.',
  'password.changed': 'Somebody signed in has changed their password.',
  'password.link_made':
    'An operator has made a link by which a password is chosen for an account; `operator`, `why`, `expires_at`.',
  'password.reset': 'Somebody has a new password by a code, or by a link; of a link `method` and `operator`.',
  'consent.granted': 'Somebody has allowed a client what it asked for, or some of it; `granted`, `refused`.',
  'consent.refused': 'Somebody has declined.',
  'consent.withdrawn': 'Somebody has taken back what they had allowed a client; `granted`, `operator`.',
  'grant.revoked': 'The login of an app, or what a client was allowed, was ended; `reason`.',
  'grant.expired': 'The login of an app, or what a client was allowed, ran out by itself.',
  'logout.undelivered': 'A client could not be told of a logout, and is not tried again; `attempts`, `error`.',
  'event.undelivered':
    'A client could not be told what became of an account, and is not tried again; `type`, `attempts`, `error`.',
  'token.reused':
    'A code or refresh token came a second time, so everything that came of it was ended; `reason`, `grant`.',
  'owner.untold':
    'The owner of an account could not be told something, and is not tried again; `about`, `channel`, `attempts`, `error`.',
  'connection.accepted': 'An operator has said whose people a connection brings.',
  'client.created': 'A client was registered.',
  'client.changed': 'A client was changed.',
  'client.removed': 'A client was removed, with its grants and tokens.',
  'client.secret_rotated': 'A client has a new secret.',
  'resource.created': 'An API was registered.',
  'resource.changed': 'An API was changed.',
  'resource.removed': 'An API was removed.',
  'key.created': 'A key was made.',
  'key.rotated': 'Another key signs from now on.',
  'key.retired': 'A key was taken out of use.',
} as const

/** The name of an event in the audit. */
export type AuditEventName = keyof typeof auditEvents

/** One event for the audit. */
export interface AuditEvent {
  readonly event: AuditEventName
  readonly userId?: UserId | undefined
  readonly clientId?: string | undefined
  readonly identityProvider?: string | undefined
  /** Address of the person, without what untrusted proxies claim; absent when an operator acts. */
  readonly ip?: string | undefined
  readonly requestId?: string | undefined
  /**
   * Small facts: method, outcome, error code. Texts are scrubbed; even so, never pass a phone number, code or token.
   */
  readonly detail?: Readonly<Record<string, unknown>> | undefined
}

/** Keeps events for operators and the law. */
export interface Audit {
  /**
   * Adds one row, and resolves when it is stored. It never throws: when the row cannot be stored the whole event goes
   * to the log at level `error`, where the operator's log keeping takes its place, because an audit table that is away
   * must not lock everybody out.
   */
  write(event: AuditEvent): Promise<void>
}

interface AuditDeps {
  readonly database: { readonly knex: Knex }
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
  /** Called for every event, for the counters. */
  readonly onRecord?: (event: AuditEventName, outcome: 'stored' | 'failed') => void
}

/** The append-only record of security events in the table `audit_events`. */
export function audit({ database, clock, log, onRecord = () => {} }: AuditDeps): Audit {
  return {
    async write(event) {
      const row = rowOf(event, new Date(clock()))
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

/** Adds a row in the transaction of what it tells of, so that neither is there without the other. */
export async function auditWithin(transaction: Knex.Transaction, event: AuditEvent, at: Date): Promise<void> {
  await transaction('audit_events').insert(rowOf(event, at))
}

function rowOf(event: AuditEvent, at: Date) {
  return {
    at,
    event: event.event,
    user_id: event.userId ?? null,
    client_id: short(event.clientId),
    identity_provider: short(event.identityProvider),
    ip: storedIp(event.ip),
    request_id: short(event.requestId),
    detail: detailText(event),
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
