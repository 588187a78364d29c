import type { Knex } from 'knex'
import { type IdentityId, newId, type UserId } from '../base/ids.ts'
import { identityLabel } from './account-labels.ts'
import { proofsEndNow } from './directory-statements.ts'
import type { QueueOwnerMessage } from './owner-messages.ts'
import { canSpare } from './spare-identity.ts'
import type { Account, Identity } from './user.ts'
import { lockAll } from './user-locks.ts'

/** What an operator wants: a way in of one user is to be another's. */
export interface IdentityMove {
  readonly identityId: IdentityId
  readonly to: UserId
  /** How many identities of a provider a user may have; undefined: any number. */
  readonly limitOf: (provider: string) => number | undefined
  /** Also when its user is left without a way in. */
  readonly mayBeLast: boolean
  /** Make it part of the identity that the user has at the same vendor, because both are one person's there. */
  readonly joins: boolean
  readonly at: Date
}

/** Why an identity stays where it is. */
export const moveRefusals = {
  gone: 'there is no such identity any more',
  same: 'it is this user’s already',
  locked: 'one of both users is locked or deleted: unlock them first',
  last: 'its user would be left without a way in: say --last if that is meant',
  full: 'the user has as many identities of this provider as may be (identities_per_provider)',
  no_partner: 'the user has not exactly one identity of this provider that it could become part of',
  other_person: 'the user’s identity of this provider has another subject of the same app: these are two people there',
} as const

/** What was moved, or why nothing was. */
export type IdentityMoved =
  | {
      readonly kind: 'moved'
      readonly from: UserId
      readonly identity: Identity
      /** Under which the user has it now. */
      readonly nowAs: IdentityId
      readonly leavesWayIn: boolean
    }
  | { readonly kind: keyof typeof moveRefusals }

/**
 * Moves a way in to another user, in a transaction. SECURITY: it gets another id, so that a login to the earlier user
 * that was proved by it and is not written yet finds nothing; a number or address is the new user's from now on, and
 * whoever proved it before is not let in there. Both owners are told where they could be reached before, because an
 * operator may have believed the wrong person.
 */
export async function moveIdentity(
  transaction: Knex.Transaction,
  move: IdentityMove,
  tell: QueueOwnerMessage,
): Promise<IdentityMoved> {
  const { identityId, to, at } = move
  const found = await transaction('identities').where({ id: identityId }).first<{ user_id: UserId }>('user_id')
  if (!found) return { kind: 'gone' }
  const from = found.user_id
  if (from === to) return { kind: 'same' }
  const locked = await lockAll(transaction, [from, to])
  const [giving, taking] = [locked.get(from), locked.get(to)]
  if (giving?.account.user.status !== 'active' || taking?.account.user.status !== 'active') return { kind: 'locked' }
  const identity = giving.account.identities.find(({ id }) => id === identityId)
  if (!identity) return { kind: 'gone' }
  const leavesWayIn = canSpare(giving.account, identity, giving.hasPassword)
  if (!leavesWayIn && !move.mayBeLast) return { kind: 'last' }
  const target = move.joins ? partner(taking.account, identity) : place(taking.account, identity, move)
  if (typeof target !== 'object') return { kind: target }
  const what = { provider: identity.provider, label: identityLabel(identity) }
  await tell(transaction, { userId: from, event: 'way_removed', at, what })
  await tell(transaction, { userId: to, event: 'way_added', at, what })
  const nowAs = target.joined?.id ?? newId('idn')
  if (target.joined) await joinIdentity(transaction, identityId, nowAs)
  else await copyIdentity(transaction, identityId, { nowAs, to })
  await transaction('identity_subjects').where({ identity_id: identityId }).update({ identity_id: nowAs })
  await transaction('identities').where({ id: identityId }).delete()
  const proofs_ended_at = transaction.raw(proofsEndNow)
  await transaction('users').where({ id: from }).update({ proofs_ended_at })
  return { kind: 'moved', from, identity, nowAs, leavesWayIn }
}

type Target = { readonly joined?: Identity } | 'full' | 'no_partner' | 'other_person'

function place({ identities }: Account, { provider }: Identity, { limitOf }: IdentityMove): Target {
  const held = identities.filter((each) => each.provider === provider)
  return held.length >= (limitOf(provider) ?? Number.POSITIVE_INFINITY) ? 'full' : {}
}

/** The identity it may become part of: one person has one unionid, and one openid in each app. */
function partner({ identities }: Account, { provider, subjects }: Identity): Target {
  const [joined, ...others] = identities.filter((each) => each.provider === provider)
  if (!joined || others.length > 0) return 'no_partner'
  const names = new Set(joined.subjects.map(namespaceOf))
  return subjects.some((each) => names.has(namespaceOf(each))) ? 'other_person' : { joined }
}

/** `openid:wx1` of `openid:wx1:oL…`; of a subject that does not say it, everybody at that provider. */
function namespaceOf(subject: string): string {
  return subject.slice(0, Math.max(0, subject.lastIndexOf(':')))
}

/**
 * Makes the same identity under another id for another user, whose it is from `at` on: by the clock of the database
 * unless that is given. All that is kept beside it goes with it; its subjects still lead to the first.
 */
export async function copyIdentity(
  transaction: Knex.Transaction,
  identityId: IdentityId,
  { nowAs, to, at = null }: { readonly nowAs: IdentityId; readonly to: UserId; readonly at?: Date | null },
): Promise<void> {
  const text = `
    insert into identities select (jsonb_populate_record(i, jsonb_build_object('id', cast(:nowAs as text),
      'user_id', cast(:to as text), 'created_at', coalesce(cast(:at as timestamptz), now())))).*
    from identities i where id = :identityId`
  await transaction.raw(text, { nowAs, to, identityId, at })
}

/** Keeps what an upstream gave us for one identity beside another one of the same person there, if that has none. */
export async function joinIdentity(
  transaction: Knex.Transaction,
  identityId: IdentityId,
  nowAs: IdentityId,
): Promise<void> {
  const text = `
    update identities set upstream_credential = coalesce(identities.upstream_credential, other.upstream_credential)
    from identities other where identities.id = :nowAs and other.id = :identityId`
  await transaction.raw(text, { nowAs, identityId })
}
