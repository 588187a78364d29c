import type { Knex } from 'knex'
import { AppError } from '../base/errors.ts'
import { type IdentityId, type MergeId, newId, type UserId } from '../base/ids.ts'
import { type AccountProof, requireFit, requireProof } from './account-proof.ts'
import { copyIdentity, joinIdentity } from './identity-move.ts'
import { leaveRevocations } from './kept-credentials.ts'
import { collisionsOf, isJoined, leftOut, type MergeChoices, type Pair } from './merge-collisions.ts'
import { type MovedIdentity, takeKept } from './merge-kept.ts'
import { moveConsents, movePassword, moveProfile } from './merge-parts.ts'
import { isWayIn } from './spare-identity.ts'
import type { Identity, IdentityClaim } from './user.ts'
import { type Locked, lockAll } from './user-locks.ts'
import { setUserStatus } from './user-status.ts'

/** That one account is to become part of another. */
export interface MergeOrder {
  readonly into: UserId
  readonly from: UserId
  /** That both are one person's. SECURITY: absent only where an operator vouches for it, by evidence in the audit. */
  readonly proofs?: readonly [AccountProof, AccountProof]
  readonly choices: MergeChoices
  /** What one proof vouches for in both: there it becomes one identity. */
  readonly joins?: IdentityClaim | undefined
  /** How many identities of a provider a user may have; undefined: any number. */
  readonly limitOf: (provider: string) => number | undefined
  readonly at: Date
}

/** What a merge has done, for whoever ends what must end and tells whoever must be told. */
export interface Merged {
  readonly id: MergeId
  readonly into: UserId
  readonly from: UserId
  readonly undoUntil: Date
  /** Identities have another id at the account that stays. */
  readonly moved: readonly MovedIdentity[]
  /** Identities of the account that stays which did not, because there were too many. */
  readonly leftOut: readonly IdentityId[]
  /** What leads nowhere now, of either: whoever had it there is told. */
  readonly gone: readonly Identity[]
  /** Whether the account that stays has the password of the other one now, instead of its own. */
  readonly replacesPassword: boolean
  /** Clients to which the account that stays had granted what its owner has refused at the other one since. */
  readonly narrowed: readonly string[]
}

const daysToUndo = 7

/**
 * Makes one account part of another, in a transaction: ways in, password, profile, consents and known apps. SECURITY:
 * both must be proved, under the locks of both; what led to the account that goes has another id afterwards, so that a
 * login to it that is not written yet finds nothing. Throws `attempt.expired`, `merge.unfit` and `merge.undecided`, and
 * then nothing has changed. Answers `already` where that has been done before.
 */
export async function mergeUsers(transaction: Knex.Transaction, order: MergeOrder): Promise<Merged | 'already'> {
  const { into, from, at, choices } = order
  if (into === from) throw new AppError('merge.same')
  const locked = await lockAll(transaction, [into, from])
  if (!locked.has(from) && (await hasBecome(transaction, from, into))) return 'already'
  const pair = requirePair(locked, order)
  const collisions = collisionsOf(pair, order)
  const without = leftOut(collisions, choices)
  const isLeftOut = ({ id }: Identity) => without.some((each) => each.id === id)
  const staying = [...pair.into.account.identities, ...pair.from.account.identities].filter((each) => !isLeftOut(each))
  if (!isWayIn(staying, pair.into.hasPassword || pair.from.hasPassword)) throw new AppError('merge.undecided')

  const kept = await takeKept(transaction, { into, from, leftOut: without.map(({ id }) => id) })
  for (const { id } of without) await drop(transaction, id, { pair, at })
  const moved: MovedIdentity[] = []
  for (const identity of pair.from.account.identities.filter((each) => !isLeftOut(each))) {
    moved.push(await moveTo(transaction, identity, { pair, order, without }))
  }
  const replacesPassword = await movePassword(transaction, pair, choices)
  await moveProfile(transaction, { pair, choices, moved, at })
  const narrowed = await moveConsents(transaction, { into, from })
  await transaction.raw(moveDevices, { into, from })
  const flattened = await flatten(transaction, { into, from })
  await transaction('users').where({ id: from }).update({ merged_into: into })
  await setUserStatus(transaction, { userId: from, status: 'deleted', at })
  const lost = without.filter(({ id }) => pair.into.account.identities.some((each) => each.id === id))
  if (lost.length > 0 || replacesPassword) {
    const ended = transaction.raw('greatest(proofs_ended_at, ?)', [at])
    await transaction('users').where({ id: into }).update({ proofs_ended_at: ended })
  }
  const id = newId('mrg')
  const undoUntil = new Date(at.getTime() + daysToUndo * 86_400_000)
  await kept.store({ id, at, undoUntil, moved, flattened })
  return {
    id,
    into,
    from,
    undoUntil,
    moved,
    leftOut: lost.map((each) => each.id),
    gone: without,
    replacesPassword,
    narrowed,
  }
}

function requirePair(locked: ReadonlyMap<UserId, Locked>, { into, from, proofs }: MergeOrder): Pair {
  const [staying, going] = [locked.get(into), locked.get(from)]
  requireFit(staying)
  requireFit(going)
  for (const proof of proofs ?? []) requireProof(locked.get(proof.userId), proof)
  const proved = proofs?.map(({ userId }) => userId)
  if (proved && !(proved.includes(into) && proved.includes(from))) throw new AppError('attempt.expired')
  return { into: staying, from: going }
}

async function hasBecome(transaction: Knex.Transaction, from: UserId, into: UserId): Promise<boolean> {
  const row = await transaction('users').where({ id: from, merged_into: into }).first('id')
  return row !== undefined
}

/** What does not stay leads nowhere any more, and what its upstream gave us is given back. */
async function drop(
  transaction: Knex.Transaction,
  identityId: IdentityId,
  { pair, at }: { readonly pair: Pair; readonly at: Date },
): Promise<void> {
  const isOwn = pair.into.account.identities.some(({ id }) => id === identityId)
  const userId = (isOwn ? pair.into : pair.from).account.user.id
  await leaveRevocations(transaction, { userId, identityId, at })
  await transaction('identities').where({ id: identityId }).delete()
}

interface Moving {
  readonly pair: Pair
  readonly order: MergeOrder
  readonly without: readonly Identity[]
}

/** To an identity of its own, or to the one that the same proof vouches for. */
async function moveTo(
  transaction: Knex.Transaction,
  identity: Identity,
  { pair, order, without }: Moving,
): Promise<MovedIdentity> {
  const { joins, into, at } = order
  const own = pair.into.account.identities.filter(({ id }) => !without.some((each) => each.id === id))
  const isPart = isJoined(identity, pair.into.account, joins)
  const joined = own.find(
    ({ provider, subjects }) =>
      isPart && provider === identity.provider && subjects.some((each) => joins?.subjects.includes(each)),
  )
  const nowAs = joined?.id ?? newId('idn')
  if (joined) await joinIdentity(transaction, identity.id, nowAs)
  else await copyIdentity(transaction, identity.id, { nowAs, to: into, at })
  await transaction('identity_subjects').where({ identity_id: identity.id }).update({ identity_id: nowAs })
  await transaction('identities').where({ id: identity.id }).delete()
  return { was: identity.id, nowAs, isJoined: joined !== undefined }
}

const moveDevices = `
  insert into known_devices as known (user_id, key, used_at)
  select :into, key, used_at from known_devices where user_id = :from
  on conflict (user_id, key) do update set used_at = greatest(known.used_at, excluded.used_at)`

/** What had become part of the account that goes is part of the one that stays: no chain is ever longer than one. */
async function flatten(
  transaction: Knex.Transaction,
  { into, from }: { readonly into: UserId; readonly from: UserId },
): Promise<readonly UserId[]> {
  const rows = await transaction('users').where({ merged_into: from }).update({ merged_into: into }).returning('id')
  return rows.map(({ id }: { id: UserId }) => id)
}
