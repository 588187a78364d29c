import type { Provider } from 'oidc-provider'
import type { UnitOfWork } from '../records/unit-of-work.ts'

/**
 * Signing out means the apps too: everywhere, all that are signed in through this browser; of one app, that one. The
 * library keeps what was granted for offline use; for our own web apps it ends here. Native apps were signed in on
 * their own and stay, as do devices that showed a code, whose clients have no redirect URI.
 */
export function endWebGrants(provider: Provider, clients: readonly Record<string, unknown>[], units: UnitOfWork): void {
  const isWeb = ({ application_type, redirect_uris }: Record<string, unknown>) =>
    application_type !== 'native' && Array.isArray(redirect_uris) && redirect_uris.length > 0
  const ours = clients.filter((client) => client['first_party'] === true && isWeb(client))
  const ids = new Set(ours.map((client) => client['client_id']))
  provider.on('end_session.success', (ctx) => {
    const unit = units.current()
    const { session, params, client } = ctx.oidc
    if (!unit || !session) return
    // As it was read: the library has taken the app that is left out of the session already.
    const authorizations = (unit.sessions.byCookie(session.uid)?.payload['authorizations'] ?? {}) as NonNullable<
      typeof session.authorizations
    >
    for (const [clientId, { grantId, persistsLogout }] of Object.entries(authorizations)) {
      const isLeft = params?.['logout'] !== undefined || clientId === client?.clientId
      if (!isLeft || !ids.has(clientId) || !grantId || !persistsLogout) continue
      unit.revokeGrant(grantId)
      unit.destroy('Grant', grantId)
      provider.emit('grant.revoked', ctx, grantId)
    }
  })
}
