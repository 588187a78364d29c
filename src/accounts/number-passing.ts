import type { Knex } from 'knex'
import { AppError } from '../base/errors.ts'
import { type IdentityId, newId, type UserId } from '../base/ids.ts'
import type { Locale } from '../base/languages.ts'
import type { Database } from '../store/postgres.ts'
import { retryOnConflict } from '../store/retry-on-conflict.ts'
import { identityLabel } from './account-labels.ts'
import { lastProof } from './directory-statements.ts'
import { addIdentity } from './identity-addition.ts'
import { replaceIdentity } from './identity-change.ts'
import { type QueueOwnerMessage, tellNobody } from './owner-messages.ts'
import { requireActive } from './proof.ts'
import { lockAll } from './user-locks.ts'

/** A phone number that is to leave an account, because somebody else has it now. */
export interface Passing {
  readonly phone: string
  readonly from: UserId
  /** Whose it becomes; undefined: a new account's. */
  readonly to?: UserId | undefined
  /** Whoever proved it before this for the last time may have given it up. */
  readonly provedSince: Date
  readonly ip: string
  readonly locale: Locale | null
  readonly at: Date
  /** How many numbers an account may have; undefined: any number. */
  readonly limit: number | undefined
  /** The identity of the account it becomes, whose place it takes there. */
  readonly replaces?: { readonly identityId: IdentityId; readonly provedAt: Date } | undefined
}

/** What led to one account and leads to another one now. */
export interface Passed {
  readonly from: UserId
  readonly to: UserId
  /** What led to the earlier one, and is gone. */
  readonly identityId: IdentityId
  /** What leads to the one it is now. */
  readonly nowAs: IdentityId
  readonly isNew: boolean
}

const held = `
  select i.id, ${lastProof} as proved_at
  from identity_subjects s join identities i on i.id = s.identity_id
  where s.provider = :provider and s.subject = :phone and i.user_id = :from
  for update of i`

/**
 * Takes a number off an account and gives it to another one, which is made if need be, in one transaction. The earlier
 * account keeps everything else, also when nothing leads to it any more; its owner is told over what is left. It may
 * be locked or on its way out, and stays so. Throws `attempt.expired` where the number is not the earlier account's, or
 * was proved there since, `user.locked` where the other one is locked, and `identity.limit`.
 * SECURITY: like every removal it ends what was proved for that account and waits. `alongside` is done in the same
 * transaction.
 */
export async function passNumberOn(
  { database, tell }: { readonly database: Database; readonly tell: QueueOwnerMessage },
  passing: Passing,
  alongside: (transaction: Knex.Transaction, passed: Passed) => Promise<unknown>,
): Promise<Passed> {
  return retryOnConflict(() =>
    database.knex.transaction(async (transaction) => {
      const passed = await passOn(transaction, passing, tell)
      await alongside(transaction, passed)
      return passed
    }),
  )
}

async function passOn(
  transaction: Knex.Transaction,
  { phone, from, to: taker, provedSince, ip, locale, at, limit, replaces }: Passing,
  tell: QueueOwnerMessage,
): Promise<Passed> {
  const locked = await lockAll(transaction, taker ? [from, taker] : [from])
  const [giving, taking] = [locked.get(from), taker && locked.get(taker)]
  if (!giving || (taker && !taking)) throw new AppError('attempt.expired')
  if (taking) requireActive(taking.account)
  const provider = 'phone'
  const { rows } = await transaction.raw<{ rows: readonly { id: IdentityId; proved_at: Date | null }[] }>(held, {
    ...{ provider, phone, from },
  })
  const [identity] = rows
  // SECURITY: of its owner who logs in by it and somebody who says that the account is not theirs, the owner wins.
  if (!identity?.proved_at || identity.proved_at >= provedSince) throw new AppError('attempt.expired')
  await transaction('identities').where({ id: identity.id }).delete()
  const ended = transaction.raw('greatest(proofs_ended_at, ?)', [at])
  await transaction('users').where({ id: from }).update({ proofs_ended_at: ended })
  const what = { provider, label: identityLabel({ provider, subjects: [phone] }) }
  // SECURITY: not to the number itself, where somebody else would read it.
  await tell(transaction, { userId: from, event: 'number_freed', at, what })
  if (taker && replaces) {
    const replacement = { ...replaces, userId: taker, provider, subject: phone, ip, locale, at } as const
    const nowAs = await replaceIdentity(transaction, replacement, tell)
    if (!nowAs) throw new AppError('attempt.expired')
    return { from, to: taker, identityId: identity.id, nowAs, isNew: false }
  }
  const to = taker ?? newId('usr')
  if (!taker) await transaction('users').insert({ id: to, status: 'active', created_at: at, updated_at: at })
  const nowAs = newId('idn')
  const addition = { userId: to, identityId: nowAs, provider, subjects: [phone], ip, locale, at, limit }
  const added = await addIdentity(transaction, addition, taker ? tell : tellNobody)
  if (added === 'full') throw new AppError('identity.limit', { params: { provider } })
  return { from, to, identityId: identity.id, nowAs, isNew: taker === undefined }
}
