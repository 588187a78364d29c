import type { Knex } from 'knex'
import type { UserId } from '../base/ids.ts'

const risc = 'https://schemas.openid.net/secevent/risc/event-type/'
const ours = 'urn:menshen:event-type:'

/** What apps of ours are told about an account, with the name a security event token has for it (RFC 8417, RISC). */
export const clientEvents = {
  /**
   * Nobody gets in. Deletion was asked for: `deletion_at` is the time, in seconds since the epoch, when the account
   * will be gone. Or an operator has locked it: `byOperator`, and no time.
   */
  'account-disabled': `${risc}account-disabled`,
  /** That was taken back. */
  'account-enabled': `${risc}account-enabled`,
  /** Nothing is left of the account, and its `sub` never comes again. */
  'account-purged': `${risc}account-purged`,
  /** The subject is an alias of `new_sub` from now on. */
  'account-merged': `${ours}account-merged`,
  /** The subject is an account of its own again; until now it was an alias of `former_sub`. */
  'account-unmerged': `${ours}account-unmerged`,
  /** A number or address is another one; `provider` says of which kind. What it is now, userinfo tells. */
  'identifier-changed': `${ours}identifier-changed`,
} as const

/** The short name of such an event. */
export type ClientEventName = keyof typeof clientEvents

/** The member that security events have for whoever began something (CAEP §2). */
export const byOperator = { initiating_entity: 'admin' } as const

/** Something that happened to an account, for apps of ours. */
export interface ClientEvent {
  /** The subject as apps know it: of a merge the one that is an alias now. */
  readonly userId: UserId
  readonly event: ClientEventName
  readonly at: Date
  /** Members of the event, see `clientEvents`. SECURITY: no number, address or name; a receiver may log them. */
  readonly detail?: Readonly<Record<string, string | number>>
}

const queue = `
  insert into client_events (client_id, user_id, event, detail, created_at, due_at)
  select client_id, :userId, :event, cast(:detail as jsonb), :at, least(:at, now())
  from clients
  where metadata ->> 'account_events_uri' is not null and metadata ->> 'first_party' = 'true'`

/**
 * Has every app of ours that asked for it told of something, once and in the order in which it happened: called in the
 * transaction that does it, so that nobody is told of what was rolled back, and nothing is lost when a process stops.
 */
export async function queueClientEvent(
  transaction: Knex.Transaction,
  { userId, event, at, detail = {} }: ClientEvent,
): Promise<void> {
  await transaction.raw(queue, { userId, event, at, detail: JSON.stringify(detail) })
}
