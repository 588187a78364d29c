import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import type { ClientPolicies } from './clients/client-policies.ts'
import { isProtocolScope } from './clients/client-schema.ts'
import { paramsOf } from './library/context.ts'
import { settleMachineScope } from './machine-scope.ts'

/** For which API a token is made: RFC 8707. */
export function resourceIndicators(
  policies: ClientPolicies,
): NonNullable<Configuration['features']>['resourceIndicators'] {
  return {
    enabled: true,
    defaultResource: (ctx, client, oneOf) => {
      const own = policies.defaultResource(client)
      if (own === undefined) settleMachineScope(ctx, client, undefined)
      if (!oneOf) return own as string
      return own && oneOf.includes(own) ? own : (oneOf as unknown as string)
    },
    getResourceServerInfo: (ctx, resource, client) => {
      const server = policies.resourceServer(resource, client)
      settleMachineScope(ctx, client, server.scope)
      return server
    },
    // A refresh that names only scopes of the protocol asks for a token for userinfo; any other gets the granted
    // resource.
    useGrantedResource: (ctx) => !asksForProtocolOnly(ctx),
  }
}

function asksForProtocolOnly(ctx: KoaContextWithOIDC): boolean {
  const { scope, grant_type: grantType } = paramsOf(ctx)
  if (grantType !== 'refresh_token' || typeof scope !== 'string') return false
  return scope.split(' ').every(isProtocolScope)
}
