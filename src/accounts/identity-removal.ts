import type { Knex } from 'knex'
import type { IdentityId, UserId } from '../base/ids.ts'
import { accountFromJson, accountJson } from './account-json.ts'
import { identityLabel } from './account-labels.ts'
import { lockUser } from './directory-statements.ts'
import { leaveRevocations } from './kept-credentials.ts'
import type { QueueOwnerMessage } from './owner-messages.ts'
import { isSpare } from './spare-identity.ts'

interface WaysIn {
  readonly account: string | null
  readonly has_password: boolean
}

/** An identity that is to go. */
interface Removal {
  readonly userId: UserId
  readonly identityId: IdentityId
  readonly at: Date
  /** Also when its user would not get in without it: an operator may mean that. */
  readonly mayBeLast?: boolean
}

/**
 * A statement after `lockUser`: a statement sees what was committed when it began, and this one has to see what the
 * last holder of the lock removed.
 */
const waysIn = `
  select ${accountJson(':userId')} as account, exists (select from passwords where user_id = :userId) as has_password`

/**
 * Removes an identity of a user in a transaction, or says why not: it is not theirs, or they would not get in without
 * it. What an upstream gave us to keep for it will be given back. SECURITY: it ends what was proved for the account and
 * waits, a login or a code on its way. The owner is told, there too.
 */
export async function removeIdentity(
  transaction: Knex.Transaction,
  { userId, identityId, at, mayBeLast = false }: Removal,
  tell: QueueOwnerMessage,
): Promise<'removed' | 'not_theirs' | 'last'> {
  await transaction.raw(lockUser, { userId })
  const { rows } = await transaction.raw<{ rows: readonly WaysIn[] }>(waysIn, { userId })
  const { account: json = null, has_password: hasPassword = false } = rows[0] ?? {}
  const account = json === null ? undefined : accountFromJson(json)
  const identity = account?.identities.find(({ id }) => id === identityId)
  if (!account || !identity) return 'not_theirs'
  if (!mayBeLast && !isSpare(account, identity, hasPassword)) return 'last'
  const what = { provider: identity.provider, label: identityLabel(identity) }
  await tell(transaction, { userId, event: 'way_removed', at, what })
  await leaveRevocations(transaction, { userId, identityId, at })
  await transaction('identities').where({ id: identityId }).delete()
  const ended = transaction.raw('greatest(proofs_ended_at, ?)', [at])
  await transaction('users').where({ id: userId }).update({ proofs_ended_at: ended })
  return 'removed'
}
