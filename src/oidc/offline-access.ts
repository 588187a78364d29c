import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import type { ClientPolicies } from './clients/client-policies.ts'

/**
 * The library removes `offline_access` from a request without `prompt=consent`, as OIDC Core §11 says. Our own apps
 * show no consent page, so this puts the scope back for them, and remembers it in a parameter of our own where the
 * request is stored (PAR).
 */
export function keepOfflineAccess(policies: ClientPolicies) {
  return (ctx: KoaContextWithOIDC, remembered: string | undefined, client: Client): void => {
    const { params } = ctx.oidc
    if (!params) return
    const asked = (ctx.oidc.body as { scope?: string } | undefined)?.scope ?? ctx.query['scope']
    const wants = (typeof asked === 'string' && asked.split(' ').includes('offline_access')) || remembered === 'yes'
    const allowed =
      policies.isFirstParty(client) &&
      client.grantTypeAllowed('refresh_token') &&
      (client.scope === undefined || client.scope.split(' ').includes('offline_access'))
    params['offline'] = undefined
    if (!wants || !allowed) return
    const scopes = new Set(
      String(params['scope'] ?? '')
        .split(' ')
        .filter(Boolean),
    )
    if (!scopes.has('openid')) return
    params['scope'] = [...scopes.add('offline_access')].join(' ')
    params['offline'] = 'yes'
  }
}
