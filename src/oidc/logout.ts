import type { Provider } from 'oidc-provider'
import type { UnitOfWork } from './unit-of-work.ts'

/**
 * "Sign out everywhere" means the apps in this browser too. The library keeps what was granted for offline use; for our own web apps
 * it ends here with the session. Native apps were signed in on their own and stay.
 */
export function endWebGrants(provider: Provider, clients: readonly Record<string, unknown>[], units: UnitOfWork): void {
  const ours = clients.filter((client) => client['first_party'] === true && client['application_type'] !== 'native')
  const ids = new Set(ours.map((client) => client['client_id']))
  provider.on('end_session.success', (ctx) => {
    const unit = units.current()
    if (!unit || !ctx.oidc.params?.['logout']) return
    for (const [clientId, authorization] of Object.entries(ctx.oidc.session?.authorizations ?? {})) {
      if (!ids.has(clientId) || !authorization.grantId) continue
      unit.revokeGrant(authorization.grantId)
      unit.destroy('Grant', authorization.grantId)
    }
  })
}
