import type { Knex } from 'knex'
import type { IdentityId, UserId } from '../base/ids.ts'
import type { Kept } from './merge-kept.ts'

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
  readonly copyAt: Date | null
}

/** Each gets the name and picture it had. What the account that stayed has been given since stays there. */
export async function giveBackProfile(
  transaction: Knex.Transaction,
  { kept, into, from, ids, at, copyAt }: Profiles,
): Promise<void> {
  const [own, other] = [into, from].map((id) => kept.before.users.find((user) => user.id === id))
  const [then] = kept.after.users
  const now = await transaction('users').where({ id: into }).first('nickname', 'picture', 'picture_copy')
  if (!own || !other || !then || !now) return
  const givesName = now.nickname === then.nickname && then.nickname !== own.nickname
  const givesPicture = now.picture === then.picture && then.picture !== own.picture
  const idNow = (id: string | null) => (id === null ? null : (ids.get(id as IdentityId) ?? id))
  if (givesPicture) await transaction('pictures').where({ user_id: into }).update({ user_id: from })
  const named = ({ nickname, nickname_chosen }: typeof own) => ({ nickname, nickname_chosen })
  const pictured = ({ picture, picture_from }: typeof own, picture_copy: string | null) => ({
    ...{ picture, picture_from: idNow(picture_from), picture_copy, picture_tries: 0 },
    picture_due_at: picture !== null && picture_copy === null ? copyAt : null,
  })
  await transaction('users')
    .where({ id: from })
    .update({ ...named(other), ...pictured(other, givesPicture ? now.picture_copy : null), updated_at: at })
  if (!givesName && !givesPicture) return
  await transaction('users')
    .where({ id: into })
    .update({ ...(givesName ? named(own) : {}), ...(givesPicture ? pictured(own, null) : {}), updated_at: at })
}
