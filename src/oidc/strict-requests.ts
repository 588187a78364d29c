import type { KoaContextWithOIDC } from 'oidc-provider'
import { givenByClient } from './library/context.ts'
import { errors } from './library/faults.ts'

/**
 * Throws `invalid_client` for a client assertion that is not made for this issuer alone. SECURITY: the library takes
 * the address of an endpoint, too, and a list. With such an audience a hostile authorization server gets clients that
 * know several to sign an assertion for us (FAPI 2.0 Security Profile §5.3.2.1, draft-ietf-oauth-rfc7523bis).
 */
export function refuseOtherAudience({ oidc }: KoaContextWithOIDC, { aud }: { readonly aud?: unknown }): void {
  if (aud === oidc.issuer) return
  throw new errors.InvalidClientAuth('audience (aud) must be the issuer identifier, as a text')
}

/**
 * Throws `invalid_request` for an authorization request without `redirect_uri` (OIDC Core §3.1.2.1), before anybody is
 * sent anywhere. The library puts the only registered one in its place, so that the request would fail on the day the
 * client registers another.
 */
export function refuseWithoutRedirectUri(ctx: KoaContextWithOIDC): void {
  const given = givenByClient(ctx)
  if (given === undefined || given['redirect_uri'] !== undefined) return
  const error = new errors.InvalidRequest("missing required parameter 'redirect_uri'")
  throw Object.assign(error, { allow_redirect: false })
}
