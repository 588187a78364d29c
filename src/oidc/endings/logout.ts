import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import { currentSubject } from '../../accounts/merged-users.ts'
import type { Database } from '../../store/postgres.ts'
import { endsWithBrowser } from '../clients/browser-clients.ts'
import { logsOutWithoutQuestion } from '../clients/client-schema.ts'
import { hintedLogin } from '../library/context.ts'
import { authorizationsIn } from '../library/payload.ts'
import type { UnitOfWork } from '../records/unit-of-work.ts'

/**
 * Signing out means the apps too: everywhere, all that are signed in through this browser; of one app, that one. The
 * library keeps what was granted for offline use; of those who end with the browser all the same it ends here.
 */
export function endWebGrants(provider: Provider, clients: readonly Record<string, unknown>[], units: UnitOfWork): void {
  const ids = new Set(clients.filter(endsWithBrowser).map((client) => client['client_id']))
  provider.on('end_session.success', (ctx) => {
    const unit = units.current()
    const { session, params, client } = ctx.oidc
    if (!unit || !session) return
    // As it was read: the library has taken the app that is left out of the session already.
    const authorizations = authorizationsIn(unit.sessions.byCookie(session.uid)?.payload)
    for (const [clientId, { grantId, persistsLogout }] of Object.entries(authorizations)) {
      const isLeft = params?.['logout'] !== undefined || clientId === client?.clientId
      if (!isLeft || !ids.has(clientId) || !grantId || !persistsLogout) continue
      unit.revokeGrant(grantId)
      unit.destroy('Grant', grantId)
      provider.emit('grant.revoked', ctx, grantId)
    }
  })
}

/**
 * Whether a logout request is answered without asking the person. SECURITY: only what proves that the app asks for
 * whoever is signed in here does, because any site can send a browser to the logout: an ID token of ours for this very
 * person and client, which has a login in this session, and in no other where the token names one (`sid`).
 */
export async function isLogoutConfirmed(
  ctx: KoaContextWithOIDC,
  database: Pick<Database, 'readQuery'>,
): Promise<boolean> {
  const { client, session } = ctx.oidc
  const hinted = hintedLogin(ctx)
  if (!client || !session || !hinted || !logsOutWithoutQuestion(client)) return false
  const held = session.authorizations?.[client.clientId]
  const isTheirs = (await currentSubject(database, hinted.sub)) === session.accountId
  return isTheirs && held !== undefined && (hinted.sid ?? held.sid) === held.sid
}
