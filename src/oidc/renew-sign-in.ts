import type { Clock } from '../base/clock.ts'
import type { Database } from '../store/postgres.ts'
import { durableModels } from './library/stored-models.ts'

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
}

/** A login by the session or the grant it is kept beside. */
export type KeptLogin = { readonly sessionUid: string } | { readonly grantId: string }

/**
 * Lets one login count from now: that of whoever has themselves just changed the password or taken a way in away there.
 * Everything else that was proved before is over, and they would have to log in again for the next change.
 */
export async function renewSignIn({ database, clock }: Dependencies, login: KeptLogin): Promise<void> {
  const { Session, Grant } = durableModels
  const row = 'grantId' in login ? { model: Grant, id: login.grantId } : { model: Session, uid: login.sessionUid }
  const about = database.knex.raw(
    `cast(jsonb_set(cast(about as jsonb), '{begunAt}', to_jsonb(cast(? as bigint))) as text)`,
    [clock()],
  )
  await database.knex('oidc_records').where(row).whereNotNull('about').update({ about })
}
