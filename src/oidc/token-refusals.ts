import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import { unexplained, userinfoFault } from './library/faults.ts'

/**
 * Has userinfo say why it refuses a token (RFC 6750 §3): whoever holds the token may know, and who merely guesses
 * learns nothing, because all that is unknown, over or taken back is answered alike.
 */
export function explainRefusals(provider: Provider): void {
  provider.on('userinfo.error', (ctx: KoaContextWithOIDC, error) => {
    const reason = userinfoFault(error)
    if (reason === undefined) return
    if (ctx.body !== null && typeof ctx.body === 'object') Object.assign(ctx.body, { error_description: reason })
    const challenge = ctx.response.get('www-authenticate')
    ctx.set('www-authenticate', challenge.replace(`"${unexplained}"`, `"${reason}"`))
  })
}
