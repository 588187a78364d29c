import type { Knex } from 'knex'
import type { Clock } from '../base/clock.ts'
import type { IdentityId, UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import { durableModels } from './library/stored-models.ts'

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
}

/**
 * Lets the logins that are left of those by an identity say that they came by the one in its place, in the transaction
 * that replaces it. SECURITY: else they would not end with that one.
 */
export async function renameCameBy(
  transaction: Knex.Transaction,
  { userId, from, to }: { readonly userId: UserId; readonly from: IdentityId; readonly to: IdentityId },
): Promise<void> {
  await transaction('oidc_records')
    .where({ user_id: userId })
    .where('about', 'like', `%${from}%`)
    .update({ about: transaction.raw('replace(about, ?, ?)', [from, to]) })
}

/** Names a login by the session or the grant it belongs to. */
export type KeptLogin = { readonly sessionUid: string } | { readonly grantId: string }

/**
 * Lets one login count from now: the login of somebody who has just changed their password or removed a way in. Every
 * other proof from before is over, and without this they would have to log in again for their next change.
 */
export async function renewSignIn({ database, clock }: Dependencies, login: KeptLogin): Promise<void> {
  const { Session, Grant } = durableModels
  const row = 'grantId' in login ? { model: Grant, id: login.grantId } : { model: Session, uid: login.sessionUid }
  const about = database.knex.raw(
    `cast(jsonb_build_object('loginBegunAt', cast(about as jsonb) -> 'begunAt') || cast(about as jsonb)
      || jsonb_build_object('begunAt', cast(? as bigint)) as text)`,
    [clock()],
  )
  await database.knex('oidc_records').where(row).update({ about })
}
