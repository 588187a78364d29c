import type { Knex } from 'knex'
import type { IdentityId, UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import { retryOnConflict } from '../store/retry-on-conflict.ts'
import { identityLabel } from './account-labels.ts'
import { lockUser } from './directory-statements.ts'
import { removeIdentity } from './identity-removal.ts'
import { type QueueOwnerMessage, tellNobody } from './owner-messages.ts'

/** What came of an upstream's word that an identity is not to be used any more. */
export type Withdrawal =
  /** Nobody has it, or its owner has to prove it anew already. */
  | { readonly kind: 'nothing' }
  /** It was proved after that moment, so its owner has allowed it again. */
  | { readonly kind: 'again'; readonly userId: UserId }
  /** `kept`: the owner has no other way in. It counts as unproved until the owner comes by it again. */
  | { readonly kind: 'removed' | 'kept'; readonly userId: UserId; readonly identityId: IdentityId }

interface Word {
  readonly provider: string
  readonly subject: string
  /** When the upstream says that it happened, in milliseconds since the epoch. */
  readonly happenedAt: number
  readonly at: Date
}

/** The clocks of upstream and server differ, and some tell whole seconds. In doubt the owner logs in once more. */
const leewayMs = 60_000

type Done = Extract<Withdrawal, { kind: 'removed' | 'kept' }>

const owner = `
  select i.id, i.user_id from identity_subjects s join identities i on i.id = s.identity_id
  where s.provider = :provider and s.subject = :subject`
const used = 'select verified_at, last_used_at from identities where id = :identityId and user_id = :userId'

/**
 * Takes an identity out of use because its upstream says so. It goes where the account has another way in; the last one
 * stays and waits for its owner to come by it again, so that no upstream locks anybody out. What the upstream gave us
 * to keep is worth nothing any more and is dropped. The owner is told. `alongside` is done in the same transaction, if
 * something changed.
 */
export async function withdrawIdentity(
  { database, tell }: { readonly database: Database; readonly tell: QueueOwnerMessage },
  { provider, subject, happenedAt, at }: Word,
  alongside: (transaction: Knex.Transaction, done: Done) => Promise<unknown>,
): Promise<Withdrawal> {
  return retryOnConflict(() =>
    database.knex.transaction(async (transaction): Promise<Withdrawal> => {
      const found = await transaction.raw<{ rows: readonly { id: IdentityId; user_id: UserId }[] }>(owner, {
        provider,
        subject,
      })
      const { id: identityId, user_id: userId } = found.rows[0] ?? {}
      if (!identityId || !userId) return { kind: 'nothing' }
      await transaction.raw(lockUser, { userId })
      const { rows } = await transaction.raw<{
        rows: readonly { verified_at: Date | null; last_used_at: Date }[]
      }>(used, { identityId, userId })
      const [identity] = rows
      if (!identity?.verified_at) return { kind: 'nothing' }
      if (identity.last_used_at.getTime() > happenedAt + leewayMs) return { kind: 'again', userId }
      const row = transaction('identities').where({ id: identityId })
      await row.clone().update({ upstream_credential: null })
      const what = { provider, label: identityLabel({ provider, subjects: [subject] }) }
      await tell(transaction, { userId, event: 'way_withdrawn', at, what })
      const isLast = (await removeIdentity(transaction, { userId, identityId, at }, tellNobody)) === 'last'
      if (isLast) {
        await row.update({ verified_at: null })
        const ended = transaction.raw('greatest(proofs_ended_at, ?)', [at])
        await transaction('users').where({ id: userId }).update({ proofs_ended_at: ended })
      }
      const done: Done = { kind: isLast ? 'kept' : 'removed', userId, identityId }
      await alongside(transaction, done)
      return done
    }),
  )
}
