import type { Grant, KoaContextWithOIDC } from 'oidc-provider'
import { isProfileClaim, type ProfileClaim, scopeOf } from './clients/claims.ts'
import type { ClientPolicies } from './clients/client-policies.ts'

/**
 * Has an introspection tell no more of a token than its person still allows the app: a scope that was taken back after
 * the token was issued is in its text for as long as it lives, and so is what that scope says of the person. SECURITY:
 * an API that asks is told at once; one that reads a JWT by itself learns it from the next token.
 */
export async function tellWhatIsGranted(ctx: KoaContextWithOIDC, policies: ClientPolicies): Promise<void> {
  const { route, entities, provider } = ctx.oidc
  const body = ctx.body as Readonly<Record<string, unknown>> | undefined
  if (route !== 'introspection' || body?.['active'] !== true || !entities.Grant) return
  const { scope, aud, client_id: clientId } = body
  const client = await provider.Client.find(String(clientId))
  // Our own apps ask nobody, so that nobody takes anything back from them but everything.
  if (!client || policies.isFirstParty(client)) return
  const granted = grantedScopes(entities.Grant, aud)
  const told = words(scope).filter((each) => granted.has(each))
  const released = new Set(words(entities.Grant.getOIDCScope()))
  const isReleased = (claim: ProfileClaim) => released.has(scopeOf(claim))
  const rest = Object.entries(body).filter(([name]) => !isProfileClaim(name) || isReleased(name))
  const { scope: _, ...answer } = Object.fromEntries(rest)
  ctx.body = told.length === 0 ? answer : { ...answer, scope: told.join(' ') }
}

/** What the app of a token is granted: of its API, or, where it has none, of everything. */
function grantedScopes(grant: Grant, aud: unknown): ReadonlySet<string> {
  if (typeof aud === 'string') return new Set(words(grant.getResourceScope(aud)))
  const apis = Object.keys(grant.resources ?? {}).map((resource) => grant.getResourceScope(resource))
  return new Set([grant.getOIDCScope(), ...apis].flatMap(words))
}

function words(text: unknown): string[] {
  return typeof text === 'string' ? text.split(' ').filter(Boolean) : []
}
