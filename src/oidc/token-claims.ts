import type { AccessToken, ClientCredentials, KoaContextWithOIDC } from 'oidc-provider'
import type { ClientPolicies } from './clients/client-policies.ts'
import { exchangedIn } from './library/context.ts'

/** How the person logged in, and what the resource's registration wants to know about them. */
export async function tokenClaims(
  ctx: KoaContextWithOIDC,
  token: AccessToken | ClientCredentials,
  policies: ClientPolicies,
): Promise<Record<string, unknown> | undefined> {
  const { client, account, grant } = ctx.oidc
  const resource = token.resourceServer?.identifier()
  if (!client || !account || !grant || resource === undefined) return loginClaims(ctx)
  const wanted = policies.tokenClaims(resource, client, new Set(grant.getOIDCScope().split(' ')))
  if (wanted.length === 0) return loginClaims(ctx)
  const known = await account.claims('userinfo', '', {}, [])
  return { ...loginClaims(ctx), ...Object.fromEntries(wanted.map((claim) => [claim, known[claim]])) }
}

function loginClaims(ctx: KoaContextWithOIDC): Record<string, unknown> | undefined {
  const source = exchangedIn(ctx)
  return source && { acr: source.acr, amr: source.amr, auth_time: source.authTime }
}
