import type { Knex } from 'knex'
import type { IdentityId, UserId } from '../base/ids.ts'
import type { Locale } from '../base/languages.ts'
import { identityLabel } from './account-labels.ts'
import { lockUser } from './directory-statements.ts'
import type { QueueOwnerMessage } from './owner-messages.ts'

/**
 * How many identities a person may have in all. Every token request reads them, so somebody with thousands would make
 * the server slow for everybody.
 */
export const mostIdentities = 100

/** An identity that a user gets. */
export interface Addition {
  readonly userId: UserId
  readonly identityId: IdentityId
  readonly provider: string
  readonly subjects: readonly string[]
  readonly ip: string
  readonly locale: Locale | null
  readonly at: Date
  /** How many identities of this provider a user may have; undefined: any number. */
  readonly limit: number | undefined
}

/**
 * Counts and adds in a transaction under the lock of the user, so that two at once cannot pass the limit together.
 * Throws a unique violation where somebody has one of the subjects. The owner is told at what was there before.
 */
export async function addIdentity(
  transaction: Knex.Transaction,
  { userId, identityId, provider, subjects, ip, locale, at, limit }: Addition,
  tell: QueueOwnerMessage,
): Promise<'added' | 'full' | 'gone'> {
  const used = {
    verified_at: at,
    proved_at: at,
    created_at: at,
    created_ip: ip,
    last_used_at: at,
    last_used_ip: ip,
    last_used_locale: locale,
  }
  // In the order of the subjects, so that two of them cannot wait for each other.
  const rows = subjects
    .map((subject, position) => ({ provider, subject, identity_id: identityId, position, created_at: at }))
    .toSorted((a, b) => (a.subject < b.subject ? -1 : 1))
  const { rows: owner } = await transaction.raw(lockUser, { userId })
  if (owner.length === 0) return 'gone'
  const held: readonly { readonly provider: string; readonly verified_at: Date | null }[] = await transaction(
    'identities',
  )
    .where({ user_id: userId })
    .select('provider', 'verified_at')
  const ofProvider = held.filter((each) => each.provider === provider && each.verified_at !== null).length
  if (held.length >= mostIdentities || ofProvider >= (limit ?? Number.POSITIVE_INFINITY)) return 'full'
  const what = { provider, label: identityLabel({ provider, subjects }) }
  await tell(transaction, { userId, event: 'way_added', at, what })
  await transaction('identities').insert({ id: identityId, user_id: userId, provider, ...used })
  await transaction('identity_subjects').insert(rows)
  return 'added'
}
