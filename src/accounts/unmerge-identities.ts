import type { Knex } from 'knex'
import { type IdentityId, newId, type UserId } from '../base/ids.ts'
import { copyIdentity } from './identity-move.ts'
import type { Kept, MovedIdentity } from './merge-kept.ts'

interface GivingBack {
  readonly kept: Kept
  readonly into: UserId
  readonly from: UserId
  readonly limitOf: (provider: string) => number | undefined
  readonly at: Date
}

interface GivenBack {
  /** Ids at the account that stayed. */
  readonly back: readonly IdentityId[]
  /** New ids by those from before the merge. */
  readonly ids: ReadonlyMap<IdentityId, IdentityId>
  readonly missing: readonly string[]
}

/**
 * Gives back the identities that were moved and are still there, and makes those again that did not stay and that
 * nobody has by now. SECURITY: each gets another id and is the account's from now on, as wherever an identity changes
 * its owner.
 */
export async function giveBackIdentities(transaction: Knex.Transaction, giving: GivingBack): Promise<GivenBack> {
  const { kept } = giving
  const back: IdentityId[] = []
  const ids = new Map<IdentityId, IdentityId>()
  const missing: string[] = []
  for (const identity of kept.before.identities) {
    const moved = kept.moved.find(({ was }) => was === identity.id)
    const isBack = moved ? await giveBack(transaction, moved, giving) : await makeAgain(transaction, identity, giving)
    if (isBack === undefined) missing.push(identity.provider)
    else ids.set(identity.id, isBack)
    if (moved && isBack !== undefined) back.push(moved.nowAs)
  }
  return { back, ids, missing }
}

/** Whole, with every subject it has got since; or, of an identity that it had become part of, what it was then. */
async function giveBack(
  transaction: Knex.Transaction,
  { was, nowAs, isJoined }: MovedIdentity,
  { kept, into, from, at }: GivingBack,
): Promise<IdentityId | undefined> {
  const there = await transaction('identities').where({ id: nowAs, user_id: into }).first('id')
  const own = kept.before.subjects.flatMap(({ identity_id: id, subject }) => (id === was ? [subject] : []))
  const rows = transaction('identity_subjects').where({ identity_id: nowAs })
  const leading = isJoined ? rows.whereIn('subject', own) : rows
  if (!there || (await leading.clone().first('subject')) === undefined) return undefined
  const id = newId('idn')
  await copyIdentity(transaction, nowAs, { nowAs: id, to: from, at })
  // What an upstream gave us to keep stays where it was before.
  if (isJoined) await transaction('identities').where({ id }).update({ upstream_credential: null })
  await leading.clone().update({ identity_id: id })
  await transaction('identities')
    .where({ id: nowAs })
    .whereNotExists(transaction('identity_subjects').where({ identity_id: nowAs }))
    .delete()
  return id
}

/** Of what did not stay. Nothing, where its subjects are others' by now or its owner has no room for it. */
async function makeAgain(
  transaction: Knex.Transaction,
  identity: Kept['before']['identities'][number],
  { kept, limitOf, at }: GivingBack,
): Promise<IdentityId | undefined> {
  const id = newId('idn')
  const row = JSON.stringify({ ...identity, id, created_at: at })
  await transaction.raw(insertAgain, { row })
  const subjects = kept.before.subjects
    .filter(({ identity_id: was }) => was === identity.id)
    .map((each) => ({ ...each, identity_id: id }))
  const { rowCount } = await transaction.raw<{ rowCount: number }>(insertSubjects, { rows: JSON.stringify(subjects) })
  const held = await transaction('identities')
    .where({ user_id: identity.user_id, provider: identity.provider })
    .select('id')
  if (rowCount > 0 && held.length <= (limitOf(identity.provider) ?? Number.POSITIVE_INFINITY)) return id
  await transaction('identities').where({ id }).delete()
  return undefined
}

const insertAgain = `
  insert into identities select * from jsonb_populate_record(cast(null as identities), cast(:row as jsonb))`

/** In the order of the subjects, so that two of them cannot wait for each other. */
const insertSubjects = `
  insert into identity_subjects select * from jsonb_populate_recordset(cast(null as identity_subjects), cast(:rows as jsonb))
  order by provider, subject on conflict do nothing`
