import type { Knex } from 'knex'
import { AppError } from '../base/errors.ts'
import type { IdentityId, MergeId, UserId } from '../base/ids.ts'
import { requireFit } from './account-proof.ts'
import type { Kept } from './merge-kept.ts'
import { isWayIn } from './spare-identity.ts'
import { giveBackIdentities } from './unmerge-identities.ts'
import { giveBackConsents, giveBackPassword, giveBackProfile } from './unmerge-parts.ts'
import { type Locked, lockAll } from './user-locks.ts'

/** Which merge is to be taken back. */
export interface UnmergeOrder {
  readonly id: MergeId
  readonly limitOf: (provider: string) => number | undefined
  readonly at: Date
  /** Done for the account that stayed, before anything is taken from it. */
  readonly before: (into: UserId) => Promise<unknown>
}

/** What taking a merge back has done. */
export interface Unmerged {
  readonly id: MergeId
  readonly into: UserId
  readonly from: UserId
  /** Ids, at the account that stayed, of what is the other one's again. */
  readonly back: readonly IdentityId[]
  /** Whether the account that stayed has another password than a moment ago, or none. */
  readonly changesPassword: boolean
  /** Providers of what could not be given back: it leads to another account by now, or nowhere. */
  readonly missing: readonly string[]
}

interface Row {
  readonly into_user: UserId
  readonly from_user: UserId
  readonly undo_until: Date
  readonly undone_at: Date | null
  readonly kept: Kept | null
}

/** The account that went is deleted, so `lockAll` passes it over. */
const lockEnds = `select id from users where id = any(:ends) order by id for no key update`

/** Identities have another id: what had become part of the account that is back is found by these. */
const renameKept = `
  update merges set kept = cast(replace(cast(kept as text), :was, :isNow) as jsonb) where into_user = :from and kept is not null`

/**
 * Makes two accounts of one again, in a transaction: everything that was moved goes back, and what came later stays.
 * Throws `merge.over` when it is too late or has been done, `merge.later_first` when the account has become part of
 * another one since, `merge.unfit` when it is locked, `merge.nothing_left` when one of both could not log in then.
 */
export async function unmergeUsers(
  transaction: Knex.Transaction,
  { id, limitOf, at, before }: UnmergeOrder,
): Promise<Unmerged> {
  const read = () => transaction('merges').where({ id }).first<Row | undefined>()
  const found = await read()
  if (!found) throw new AppError('merge.over')
  const { into_user: into, from_user: from } = found
  await transaction.raw(lockEnds, { ends: [into, from] })
  const row = await read()
  if (!row?.kept || row.undone_at || at > row.undo_until) throw new AppError('merge.over')
  const { merged_into: became } = (await transaction('users').where({ id: from }).first('merged_into')) ?? {}
  if (became !== into) throw new AppError('merge.later_first')
  const { kept } = row
  const locked = (await lockAll(transaction, [into])).get(into)
  requireFit(locked)
  await before(into)

  const proofs = { proofs_ended_at: at, updated_at: at }
  await transaction('users')
    .where({ id: from })
    .update({ status: 'active', merged_into: null, ...proofs })
  const { back, ids, missing } = await giveBackIdentities(transaction, { kept, into, from, limitOf, at })
  const changesPassword = await giveBackPassword(transaction, { kept, into, from })
  await giveBackConsents(transaction, { kept, into, from })
  await giveBackProfile(transaction, { kept, into, from, ids, at })
  await transaction('users')
    .whereIn('id', [...kept.flattened])
    .where({ merged_into: into })
    .update({ merged_into: from })
  for (const [was, isNow] of ids) await transaction.raw(renameKept, { from, was, isNow })
  const ended = transaction.raw('greatest(proofs_ended_at, ?)', [at])
  await transaction('users').where({ id: into }).update({ proofs_ended_at: ended })
  await transaction('merges').where({ id }).update({ undone_at: at, kept: null })
  const both = await lockAll(transaction, [into, from])
  if (!hasWayIn(both.get(into)) || !hasWayIn(both.get(from))) throw new AppError('merge.nothing_left')
  return { id, into, from, back, changesPassword, missing }
}

function hasWayIn(locked: Locked | undefined): boolean {
  return locked !== undefined && isWayIn(locked.account.identities, locked.hasPassword)
}
