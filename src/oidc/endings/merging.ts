import type { Knex } from 'knex'
import { queueClientEvent } from '../../accounts/client-events.ts'
import { type Merged, type MergeOrder, mergeUsers } from '../../accounts/merge.ts'
import type { QueueOwnerMessage } from '../../accounts/owner-messages.ts'
import { type Unmerged, type UnmergeOrder, unmergeUsers } from '../../accounts/unmerge.ts'
import type { Clock } from '../../base/clock.ts'
import type { IdentityId, UserId } from '../../base/ids.ts'
import { auditWithin } from '../../ops/audit.ts'
import { deleteInBatches, oldestSql } from '../../store/batches.ts'
import { olderMsText, olderValues } from '../../store/older-time.ts'
import type { Database } from '../../store/postgres.ts'
import { retryOnConflict } from '../../store/retry-on-conflict.ts'
import { type Ending, type EndingScope, endRecords } from './endings.ts'

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  /** How many identities of a provider a user may have; undefined: any number. */
  readonly limitOf: (provider: string) => number | undefined
  readonly tell: QueueOwnerMessage
}

/** Who merges, or takes it back. */
export interface MergeActor extends Omit<Ending, 'reason'> {
  /** The session it is done in: where it can stay, it stays. */
  readonly sessionUid?: string | undefined
  /** What an operator goes by. */
  readonly evidence?: string | undefined
  /** The second operator, where one is asked for. */
  readonly confirmedBy?: string | undefined
}

/** What is asked for; who may do what is decided under the locks. */
export type MergeRequest = Omit<MergeOrder, 'at' | 'limitOf'>

/** Thrown to give back what a trial has changed. */
class Trial extends Error {}

/** Merges accounts and takes it back, with all that has to end. */
export interface Merging {
  /**
   * Makes one account part of another in one transaction: everything of the one that goes ends, and of the other what
   * came by something that did not stay. Throws what `mergeUsers` throws.
   */
  merge(request: MergeRequest, actor: MergeActor): Promise<Merged | 'already'>
  /** What that would do; changes nothing. */
  tryMerge(request: MergeRequest, actor: MergeActor): Promise<Merged | 'already'>
  /**
   * Takes a merge back: every login to the account ends but the one it is asked in, and that too if it came by what is
   * the other account's again. Throws what `unmergeUsers` throws.
   */
  unmerge(
    id: UnmergeOrder['id'],
    actor: MergeActor & { readonly by?: readonly string[] | undefined },
  ): Promise<Unmerged>
  tryUnmerge(id: UnmergeOrder['id'], actor: MergeActor): Promise<Unmerged>
}

/** Merges the accounts of one database. */
export function merging(dependencies: Dependencies): Merging {
  const { database, clock, limitOf, tell } = dependencies

  /** An operator's clock may be anything; what they do counts by that of the database. */
  async function momentOf(transaction: Knex.Transaction, { operator }: MergeActor): Promise<Date> {
    if (operator === undefined) return new Date(clock())
    const { rows } = await transaction.raw<{ rows: readonly { now: Date }[] }>('select now() as now')
    return rows[0]?.now ?? new Date(clock())
  }

  async function mergeIn(transaction: Knex.Transaction, request: MergeRequest, actor: MergeActor) {
    const at = await momentOf(transaction, actor)
    const merged = await mergeUsers(transaction, { ...request, limitOf, at })
    if (merged === 'already') return merged
    const { id, into, from } = merged
    const end = (userId: UserId, scope: EndingScope) =>
      endRecords(dependencies, userId, scope, { ...whereOf(actor), reason: 'merged' }, transaction)
    await end(from, { kind: 'all' })
    for (const by of merged.leftOut) await end(into, { kind: 'by', by })
    if (merged.replacesPassword) await end(into, { kind: 'by', by: 'password', ...stayingOf(actor) })
    for (const clientId of merged.narrowed) await end(into, { kind: 'client', clientId })
    const proved = request.proofs?.map(({ claim, by }) => claim?.provider ?? by?.join(' ') ?? 'session')
    const detail = { merge: id, from, into, proved, ...operatorDetail(actor) }
    for (const userId of [into, from])
      await auditWithin(transaction, { event: 'user.merged', userId, ...whereOf(actor), detail }, at)
    const told = { userId: from, event: 'account-merged', at, detail: { new_sub: into } } as const
    await queueClientEvent(transaction, told)
    await tell(transaction, { userId: into, event: 'merged', at, also: merged.gone })
    return merged
  }

  async function unmergeIn(
    transaction: Knex.Transaction,
    id: UnmergeOrder['id'],
    actor: MergeActor & { readonly by?: readonly string[] | undefined },
  ) {
    const at = await momentOf(transaction, actor)
    const before = (staying: UserId) => tell(transaction, { userId: staying, event: 'unmerged', at })
    const unmerged = await unmergeUsers(transaction, { id, limitOf, at, before })
    const { into, from, missing } = unmerged
    const ending = { ...whereOf(actor), reason: 'unmerged' } as const
    await endRecords(dependencies, into, scopeOf(unmerged, actor), ending, transaction)
    const detail = { merge: id, from, into, missing, ...operatorDetail(actor) }
    for (const userId of [into, from])
      await auditWithin(transaction, { event: 'user.unmerged', userId, ...whereOf(actor), detail }, at)
    const told = { userId: from, event: 'account-unmerged', at, detail: { former_sub: into } } as const
    await queueClientEvent(transaction, told)
    return unmerged
  }

  async function within<T>(work: (transaction: Knex.Transaction) => Promise<T>, isTrial: boolean): Promise<T> {
    return retryOnConflict(async () => {
      let done: T | undefined
      try {
        await database.knex.transaction(async (transaction) => {
          done = await work(transaction)
          if (isTrial) throw new Trial()
        })
      } catch (error) {
        if (!(error instanceof Trial)) throw error
      }
      return done
    })
  }

  return {
    merge: (request, actor) => within((transaction) => mergeIn(transaction, request, actor), false),
    tryMerge: (request, actor) => within((transaction) => mergeIn(transaction, request, actor), true),
    unmerge: (id, actor) => within((transaction) => unmergeIn(transaction, id, actor), false),
    tryUnmerge: (id, actor) => within((transaction) => unmergeIn(transaction, id, actor), true),
  }
}

function whereOf({ ip, requestId, operator }: MergeActor) {
  return { ip, requestId, operator }
}

function operatorDetail({ operator, evidence, confirmedBy }: MergeActor) {
  return { operator, evidence, confirmed_by: confirmedBy }
}

function stayingOf({ sessionUid }: MergeActor) {
  return sessionUid === undefined ? {} : { sessionUid }
}

function scopeOf(
  { back, changesPassword }: Unmerged,
  { sessionUid, by }: MergeActor & { readonly by?: readonly string[] | undefined },
): EndingScope {
  const isGone = (each: string) => back.includes(each as IdentityId) || (changesPassword && each === 'password')
  if (sessionUid === undefined || !by || by.some(isGone)) return { kind: 'all' }
  return { kind: 'others', sessionUid, withApps: true }
}

/** Empties what was kept for merges that can no longer be taken back. */
export async function sweepMerges({ knex }: Pick<Database, 'knex'>, clock: Clock): Promise<void> {
  await deleteInBatches(async (limit) => {
    const { rowCount } = await knex.raw<{ rowCount: number }>(
      `update merges set kept = null where ctid = ${oldestSql(
        'merges',
        'undo_until',
        `kept is not null and undo_until < to_timestamp(${olderMsText('?', '?')} / 1000)`,
      )}`,
      [...olderValues(clock), limit],
    )
    return rowCount
  })
}
