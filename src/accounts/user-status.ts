import type { Knex } from 'knex'
import type { UserId } from '../base/ids.ts'
import { proofsEndNow } from './directory-statements.ts'
import { leaveRevocations } from './kept-credentials.ts'
import type { UserStatus } from './user.ts'

/** What is left of a deleted user beside the row: nothing. */
const erased = {
  ...{ nickname: null, nickname_chosen: false, picture: null, picture_from: null },
  ...{ picture_chosen: false, picture_copy: null, picture_due_at: null, picture_tries: 0 },
}

/** What taking merges apart needs goes with the account, but for one that becomes part of another itself. */
const forgetMerges = `
  update merges set kept = null where kept is not null
    and into_user in (select id from users where id = :userId or merged_into = :userId)
    and not exists (select from users where id = :userId and merged_into is not null)`

/**
 * What an account was called in the system it was moved in from may be a name or a number. A digest stays, by which no
 * later import brings back who is deleted; `checkAgainstEarlier` makes the same one.
 */
const forgetFormerNames = `
  update imported_accounts
  set external_id = 'forgotten:' || encode(sha256(convert_to(external_id, 'UTF8')), 'hex'), fingerprint = ''
  where user_id in (select id from users where id = :userId or merged_into = :userId)
    and not starts_with(external_id, 'forgotten:')
    and not exists (select from users where id = :userId and merged_into is not null)`

/** Gives a user another status, in a transaction. False when there is no such user or it is deleted. */
export async function setUserStatus(
  transaction: Knex.Transaction,
  { userId, status, at }: { readonly userId: UserId; readonly status: UserStatus; readonly at: Date },
): Promise<boolean> {
  const isDeletion = status === 'deleted'
  const proofs_ended_at = transaction.raw(proofsEndNow)
  const changed = await transaction('users')
    .where({ id: userId })
    .whereNot({ status: 'deleted' })
    .update({ status, updated_at: at, proofs_ended_at, ...(isDeletion ? erased : {}) })
  // SECURITY: whoever had taken an account that is locked may have allowed something to an app of theirs.
  if (changed > 0 && status !== 'active') await transaction('consents').where({ user_id: userId }).delete()
  if (changed > 0 && isDeletion) {
    await leaveRevocations(transaction, { userId, at })
    await transaction('identities').where({ user_id: userId }).delete()
    await transaction('passwords').where({ user_id: userId }).delete()
    await transaction('pictures').where({ user_id: userId }).delete()
    await transaction('known_devices').where({ user_id: userId }).delete()
    await transaction.raw(forgetMerges, { userId })
    await transaction.raw(forgetFormerNames, { userId })
  }
  return changed > 0
}
