import type { KoaContextWithOIDC } from 'oidc-provider'
import { grantedProtocolScope } from './library/context.ts'

/**
 * Has a token answer say all that was granted (RFC 6749 §5.1). The library tells the scope of the access token alone,
 * which for an API has none of the protocol's, and may be empty. Without any scope there is none to tell: an empty one
 * is no scope (RFC 6749 appendix A.4).
 */
export function tellGrantedScope(ctx: KoaContextWithOIDC): void {
  const { AccessToken: token } = ctx.oidc.entities
  if (!token || ctx.status !== 200) return
  const { scope: _, ...answer } = ctx.body as Record<string, unknown>
  const scopes = [grantedProtocolScope(ctx), token.scope ?? ''].flatMap((each) => each.split(' ')).filter(Boolean)
  ctx.body = scopes.length === 0 ? answer : { ...answer, scope: [...new Set(scopes)].join(' ') }
}
