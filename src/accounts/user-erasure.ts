import type { Knex } from 'knex'
import type { UserId } from '../base/ids.ts'
import { proofsEndNow } from './directory-statements.ts'
import { leaveRevocations } from './kept-credentials.ts'

/**
 * What becomes of every table that names a user when the account is deleted: `erased`, its rows go, in this order; or
 * why they may stay. A test finds a table that is not in here.
 */
export const tablesOfUser: Readonly<Record<string, 'erased' | { readonly stays: string }>> = {
  consents: 'erased',
  identity_changes: 'erased',
  identities: 'erased',
  passwords: 'erased',
  pictures: 'erased',
  known_devices: 'erased',
  data_export_requests: 'erased',
  data_exports: 'erased',
  account_deletions: 'erased',
  users: { stays: 'the id alone, so that it is never given again' },
  oidc_records: { stays: 'none: everything was ended in the same transaction' },
  audit_events: { stays: 'the id and what happened; no address, device or place' },
  imported_accounts: { stays: 'a digest of what it was called elsewhere, so that no later import brings it back' },
  invites: { stays: 'the id, beside the invitation it was made with' },
  merge_requests: { stays: 'none: what an operator had asked for is dropped' },
  merges: { stays: 'the ids, because the old one is an alias for good; what taking it apart needs goes' },
  owner_messages: { stays: 'the sealed address, until the last message was sent or given up' },
  logout_notices: { stays: 'the id, until the client has been told' },
  client_events: { stays: 'the id, until the client has been told' },
  upstream_revocations: { stays: 'the sealed credential, until the upstream has taken it back, three days at most' },
}

/** What is left of a deleted user beside the row: nothing. */
const erased = {
  ...{ nickname: null, nickname_chosen: false, picture: null, picture_from: null },
  ...{ picture_chosen: false, picture_copy: null, picture_due_at: null, picture_tries: 0 },
  ...{ devices_forgotten_at: null, muted_messages: [] },
}

/** The account with all that became part of it; nobody where it becomes part of another one itself. */
const wholePerson = `
  in (select id from users where id = :userId or merged_into = :userId)
  and not exists (select from users where id = :userId and merged_into is not null)`
/** Merges that an operator has asked for and nobody has confirmed. */
const dropRequests = ['into_user', 'from_user'].map((end) => `delete from merge_requests where ${end} ${wholePerson}`)
/** What taking merges apart needs. */
const forgetMerges = `update merges set kept = null where kept is not null and into_user ${wholePerson}`

/**
 * What an account was called in the system it was moved in from may be a name or a number. A digest stays, by which no
 * later import brings back who is deleted; `checkAgainstEarlier` makes the same one.
 */
const forgetFormerNames = `
  update imported_accounts
  set external_id = 'forgotten:' || encode(sha256(convert_to(external_id, 'UTF8')), 'hex'), fingerprint = ''
  where not starts_with(external_id, 'forgotten:') and user_id ${wholePerson}`

/**
 * Leaves nothing of a user but the id, in a transaction that has locked the row: what led to the account is free for
 * anybody who proves it, and what upstreams gave us waits to be given back. Whoever ends an account for good ends its
 * records in the same transaction.
 */
export async function eraseUser(
  transaction: Knex.Transaction,
  { userId, at }: { readonly userId: UserId; readonly at: Date },
): Promise<void> {
  await leaveRevocations(transaction, { userId, at })
  for (const [table, what] of Object.entries(tablesOfUser)) {
    if (what === 'erased') await transaction(table).where({ user_id: userId }).delete()
  }
  for (const drop of dropRequests) await transaction.raw(drop, { userId })
  await transaction.raw(forgetMerges, { userId })
  await transaction.raw(forgetFormerNames, { userId })
  await transaction('users')
    .where({ id: userId })
    .update({ status: 'deleted', updated_at: at, proofs_ended_at: transaction.raw(proofsEndNow), ...erased })
}
