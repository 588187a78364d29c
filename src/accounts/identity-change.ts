import type { Knex } from 'knex'
import { type IdentityId, newId, type UserId } from '../base/ids.ts'
import type { Locale } from '../base/languages.ts'
import { maskSubject } from '../base/mask.ts'
import { queueClientEvent } from './client-events.ts'
import { lockUser } from './directory-statements.ts'
import type { QueueOwnerMessage } from './owner-messages.ts'

/** Identities that belong to another person some day, and so can be replaced. */
export type ChangeableProvider = 'phone' | 'email'

/** A number or address that takes the place of another one. */
export interface Replacement {
  readonly userId: UserId
  /** The identity that goes. */
  readonly identityId: IdentityId
  readonly provider: ChangeableProvider
  readonly subject: string
  readonly ip: string
  readonly locale: Locale | null
  /** When a code to the new one came back. */
  readonly provedAt: Date
  readonly at: Date
}

/**
 * Puts a number or address in the place of another one, in a transaction, and answers the id of the new identity;
 * undefined where the user does not have the old one any more. Throws a unique violation where somebody has the new
 * one. SECURITY: it is another identity with another id, so that what was proved by the old one and waits lets nobody
 * in, and whoever proved the new one before it was this account's does not get in by that.
 */
export async function replaceIdentity(
  transaction: Knex.Transaction,
  { userId, identityId, provider, subject, ip, locale, provedAt, at }: Replacement,
  tell: QueueOwnerMessage,
): Promise<IdentityId | undefined> {
  await transaction.raw(lockUser, { userId })
  const old = transaction('identities').where({ id: identityId, user_id: userId, provider })
  if (!(await old.clone().first('id'))) return undefined
  const what = { provider, label: maskSubject(provider, subject) }
  const also = [{ provider, subjects: [subject], verifiedAt: provedAt }]
  await tell(transaction, { userId, event: 'number_changed', at, what, also })
  await old.delete()
  const nowAs = newId('idn')
  await transaction('identities').insert({
    ...{ id: nowAs, user_id: userId, provider, verified_at: provedAt },
    ...{ created_at: at, created_ip: ip, last_used_at: at, last_used_ip: ip, last_used_locale: locale },
  })
  await transaction('identity_subjects').insert({ provider, subject, identity_id: nowAs, position: 0, created_at: at })
  const proofs_ended_at = transaction.raw('greatest(proofs_ended_at, ?)', [at])
  await transaction('users').where({ id: userId }).update({ proofs_ended_at, updated_at: at })
  await queueClientEvent(transaction, { userId, event: 'identifier-changed', at, detail: { provider } })
  return nowAs
}
