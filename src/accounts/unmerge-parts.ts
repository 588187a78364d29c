import type { Knex } from 'knex'
import type { IdentityId, UserId } from '../base/ids.ts'
import type { Kept, KeptUser } from './merge-kept.ts'

interface GivingBack {
  readonly kept: Kept
  readonly into: UserId
  readonly from: UserId
}

/**
 * Each gets the password it had. One that was set since stays with the account that stayed. Answers whether that
 * account's has changed.
 */
export async function giveBackPassword(
  transaction: Knex.Transaction,
  { kept, into, from }: GivingBack,
): Promise<boolean> {
  const values = { kept: JSON.stringify(kept), into, from }
  const { rowCount } = await transaction.raw<{ rowCount: number }>(dropPassword, values)
  await transaction.raw(restorePasswords, values)
  return rowCount > 0
}

const before = (table: string) =>
  `jsonb_populate_recordset(cast(null as ${table}), cast(:kept as jsonb) -> 'before' -> '${table}')`
const after = (table: string) =>
  `jsonb_populate_recordset(cast(null as ${table}), cast(:kept as jsonb) -> 'after' -> '${table}')`

/** The one that came with the other account, unless another has taken its place since. */
const dropPassword = `
  delete from passwords where user_id = :into
    and updated_at in (select updated_at from ${after('passwords')})
    and updated_at not in (select updated_at from ${before('passwords')} known where known.user_id = :into)`

const restorePasswords = `
  insert into passwords select * from ${before('passwords')} on conflict (user_id) do nothing`

/**
 * Each gets the decisions it had. What was taken back since is not given again, and what was decided since stays with
 * the account that stayed.
 */
export async function giveBackConsents(transaction: Knex.Transaction, { kept, into, from }: GivingBack): Promise<void> {
  const values = { kept: JSON.stringify(kept), into, from }
  await transaction.raw(returnConsents, values)
  await transaction.raw(dropConsents, values)
  await transaction.raw(restoreConsents, values)
}

const returnConsents = `
  insert into consents select known.* from ${before('consents')} known
  where known.user_id = :from
    and exists (select from consents own where own.user_id = :into and own.client_id = known.client_id)`

/** What has not changed since, where the other account had a part in it. */
const dropConsents = `
  delete from consents own using ${after('consents')} afterwards, ${before('consents')} other
  where own.user_id = :into and afterwards.client_id = own.client_id and afterwards.updated_at = own.updated_at
    and other.user_id = :from and other.client_id = own.client_id`

const restoreConsents = `
  insert into consents select known.* from ${before('consents')} known
  where known.user_id = :into
    and exists (select from consents other where other.user_id = :from and other.client_id = known.client_id)
  on conflict (user_id, client_id) do nothing`

interface Profiles extends GivingBack {
  /** New ids of identities by those from before the merge. */
  readonly ids: ReadonlyMap<IdentityId, IdentityId>
  readonly at: Date
}

/**
 * Each gets the name, the picture and the wishes about messages it had. What the account that stayed has been given
 * since stays there.
 */
export async function giveBackProfile(
  transaction: Knex.Transaction,
  { kept, into, from, ids, at }: Profiles,
): Promise<void> {
  const [own, other] = [into, from].map((id) => kept.before.users.find((user) => user.id === id))
  const [then] = kept.after.users
  const now = await transaction('users').where({ id: into }).first<KeptUser | undefined>()
  if (!own || !other || !then || !now) return
  const givesName = now.nickname === then.nickname && then.nickname !== own.nickname
  const givesPicture = !isSamePicture(then, own) && isSamePicture(now, then)
  const pictured = (user: KeptUser) => pictureOf(user, ids)
  if (givesPicture) await transaction('pictures').where({ user_id: into }).delete()
  await transaction.raw(restorePictures, { kept: JSON.stringify(kept), from, both: givesPicture })
  await transaction('users')
    .where({ id: from })
    .update({ ...nameOf(other), ...pictured(other), muted_messages: other.muted_messages ?? [], updated_at: at })
  if (!givesName && !givesPicture) return
  await transaction('users')
    .where({ id: into })
    .update({ ...(givesName ? nameOf(own) : {}), ...(givesPicture ? pictured(own) : {}), updated_at: at })
}

const restorePictures = `
  insert into pictures select known.* from ${before('pictures')} known where known.user_id = :from or :both`

function nameOf({ nickname, nickname_chosen }: KeptUser) {
  return { nickname, nickname_chosen }
}

function pictureOf(user: KeptUser, ids: ReadonlyMap<IdentityId, IdentityId>) {
  const { picture, picture_chosen, picture_copy, picture_from, picture_due_at, picture_tries } = user
  const told = picture_from === null ? null : (ids.get(picture_from as IdentityId) ?? picture_from)
  return { picture, picture_chosen, picture_copy, picture_from: told, picture_due_at, picture_tries }
}

/** The copy of what an upstream tells may have been made since; a picture of one's own is its copy. */
function isSamePicture(a: KeptUser, b: KeptUser): boolean {
  return a.picture === b.picture && (a.picture_copy === b.picture_copy || !(a.picture_chosen || b.picture_chosen))
}
