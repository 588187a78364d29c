import type { Knex } from 'knex'
import {
  type AccountDeletion,
  beginDeletion,
  dropDeletion,
  findDeletion,
  lockedStatus,
} from '../../accounts/account-deletions.ts'
import { byOperator, queueClientEvent } from '../../accounts/client-events.ts'
import type { QueueOwnerMessage } from '../../accounts/owner-messages.ts'
import { eraseUser } from '../../accounts/user-erasure.ts'
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { UserId } from '../../base/ids.ts'
import { type AuditEvent, auditWithin } from '../../ops/audit.ts'
import { anonymiseAudit } from '../../ops/audit-erasure.ts'
import type { Log } from '../../ops/log.ts'
import type { Metrics } from '../../ops/metrics.ts'
import { type DueRow, type DueTable, sendDue } from '../../store/due-rows.ts'
import { olderMs } from '../../store/older-time.ts'
import type { Database } from '../../store/postgres.ts'
import { endRecords } from './endings.ts'

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  readonly queueOwnerMessage: QueueOwnerMessage
}

const enabled = { event: 'account-enabled' } as const

/** Who asks for something, and from where. */
export interface LeavingActor {
  /** Of the person; absent when an operator acts. */
  readonly ip?: string | undefined
  readonly requestId?: string | undefined
  readonly clientId?: string | undefined
  readonly operator?: string | undefined
  /** What the operator says about it. */
  readonly why?: string | undefined
}

/**
 * Puts an account on its way out, in one transaction: every session and token ends, its apps are told, and from then on
 * a login only offers to take it back. Consents stay until the end, so that whoever takes it back finds what they had.
 * Asked a second time it answers the date of the first. Throws `user.locked` for an account that only an operator may
 * delete, `login.required` for one that is gone.
 */
export function askToLeave(
  { database, clock, queueOwnerMessage }: Dependencies,
  userId: UserId,
  { waitSeconds, ...actor }: LeavingActor & { readonly waitSeconds: number },
): Promise<AccountDeletion & { readonly isNew: boolean }> {
  return database.knex.transaction(async (transaction) => {
    const status = await lockedStatus(transaction, userId)
    if (status === undefined) throw new AppError('login.required')
    const asked = await findDeletion(transaction, userId)
    if (asked) return { ...asked, isNew: false }
    if (status === 'locked' && actor.operator === undefined) throw new AppError('user.locked')
    const askedAt = await olderNow(transaction, clock)
    const deletion = { userId, askedAt, leavesAt: new Date(askedAt.getTime() + waitSeconds * 1000) }
    await beginDeletion(transaction, deletion)
    const { ip, requestId, operator } = actor
    await endRecords(
      ...[{ database, clock }, userId, { kind: 'all' } as const],
      ...[{ reason: 'leaving', ip, requestId, operator } as const, transaction],
    )
    const deletionAt = Math.floor(deletion.leavesAt.getTime() / 1000)
    const detail = { deletion_at: deletionAt }
    await queueClientEvent(transaction, { userId, event: 'account-disabled', at: askedAt, detail })
    await queueOwnerMessage(transaction, { userId, event: 'deletion_asked', at: askedAt, until: deletion.leavesAt })
    await note(transaction, { event: 'user.deletion_asked', userId, at: askedAt, actor, detail })
    return { ...deletion, isNew: true }
  })
}

/**
 * Takes a deletion back, for good, as long as it is not done, even when its time has come: whoever has the lock on the
 * row first decides. False where there is nothing to take back. Throws `user.locked` where only an operator may,
 * `attempt.expired` where the account is gone.
 */
export function stayAfterAll(
  { database, clock, queueOwnerMessage }: Dependencies,
  userId: UserId,
  actor: LeavingActor,
): Promise<boolean> {
  return database.knex.transaction(async (transaction) => {
    const status = await lockedStatus(transaction, userId)
    if (status === undefined) throw new AppError('attempt.expired')
    if (status === 'locked' && actor.operator === undefined) throw new AppError('user.locked')
    const at = await olderNow(transaction, clock)
    if (!(await dropDeletion(transaction, { userId, at }))) return false
    // Who is locked stays so: apps are told that it is no longer to go, and that nobody gets in.
    const told = status === 'locked' ? { event: 'account-disabled' as const, detail: byOperator } : enabled
    await queueClientEvent(transaction, { userId, at, ...told })
    await queueOwnerMessage(transaction, { userId, event: 'deletion_undone', at })
    await note(transaction, { event: 'user.deletion_undone', userId, at, actor })
    return true
  })
}

/**
 * Leaves nothing of an account but its id, in one transaction: done whole or not at all, so that a process that is
 * killed leaves it as it was and another one does it. False where it was taken back or done before.
 */
export function deleteAccount(
  { database, clock, queueOwnerMessage }: Dependencies,
  userId: UserId,
  actor: LeavingActor,
): Promise<boolean> {
  return database.knex.transaction(async (transaction) => {
    if ((await lockedStatus(transaction, userId)) === undefined) return false
    if (!(await findDeletion(transaction, userId))) return false
    const at = await olderNow(transaction, clock)
    const { operator } = actor
    await endRecords({ database, clock }, userId, { kind: 'all' }, { reason: 'leaving', operator }, transaction)
    await queueOwnerMessage(transaction, { userId, event: 'deletion_done', at })
    await eraseUser(transaction, { userId, at })
    for (const sub of [userId, ...(await aliasesOf(transaction, userId))]) {
      await anonymiseAudit(transaction, sub)
      await queueClientEvent(transaction, { userId: sub, event: 'account-purged', at })
    }
    await note(transaction, { event: 'user.deleted', userId, at, actor })
    return true
  })
}

/** Apps may know a person by the `sub` of an account that was merged into theirs. */
async function aliasesOf(transaction: Knex.Transaction, userId: UserId): Promise<UserId[]> {
  const rows: { id: UserId }[] = await transaction('users').where({ merged_into: userId }).select('id')
  return rows.map(({ id }) => id)
}

interface DeletionDue extends DueRow {
  readonly user_id: UserId
}

/** It is never given up: the person was promised that it is done. */
const deletions: DueTable = {
  table: 'account_deletions',
  columns: ['user_id'],
  pausesSeconds: [60, 600, 3600, 21_600],
}

/**
 * Deletes the accounts whose time has come, each by one process. Answers how many were tried. SECURITY: by the older
 * clock, because it cannot be undone.
 */
export async function deleteDueAccounts(
  dependencies: Dependencies & {
    readonly log: Pick<Log, 'error'>
    readonly metrics: Pick<Metrics, 'accountDeletions'>
  },
): Promise<number> {
  const { database, clock, log, metrics } = dependencies
  const { atMs } = await olderMs(database, clock)
  return sendDue<DeletionDue>({ database, clock: () => atMs }, deletions, async ({ user_id: userId, attempts }) => {
    try {
      const isDone = await deleteAccount(dependencies, userId, {})
      metrics.accountDeletions.inc({ outcome: isDone ? 'done' : 'undone' })
      return 'over'
    } catch (error) {
      metrics.accountDeletions.inc({ outcome: 'failed' })
      log.error({ err: error, user_id: userId, attempts }, 'an account could not be deleted, and is tried again')
      return 'failed'
    }
  })
}

async function olderNow(transaction: Knex.Transaction, clock: Clock): Promise<Date> {
  const { atMs } = await olderMs({ knex: transaction }, clock)
  return new Date(atMs)
}

interface Noted extends Pick<AuditEvent, 'event' | 'detail'> {
  readonly userId: UserId
  readonly at: Date
  readonly actor: LeavingActor
}

async function note(transaction: Knex.Transaction, { actor, detail, at, ...event }: Noted): Promise<void> {
  const { operator, why, ...origin } = actor
  const by = { ...detail, ...(operator === undefined ? {} : { operator }), ...(why === undefined ? {} : { why }) }
  await auditWithin(transaction, { ...event, ...origin, detail: by }, at)
}
