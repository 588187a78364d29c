import type { Client } from 'oidc-provider'

/** What decides it of an authorization request. */
interface Asked {
  readonly scope?: unknown
  readonly nonce?: unknown
}

/**
 * Whether an authorization request has to bring a PKCE challenge. SECURITY: every one has to, but for a client that
 * has a secret and is registered to send a nonce instead (RFC 9700 §2.1.1). By the nonce in the ID token such a client
 * notices a code that was not issued for its own request; one that need not send a nonce either has given that up.
 * What a client without a secret is registered for means nothing here.
 */
export function needsPkce(client: Client, { scope, nonce }: Asked): boolean {
  if (client.clientAuthMethod === 'none' || client['require_pkce'] !== false) return true
  if (client['require_nonce'] === false) return false
  const hasIdToken = typeof scope === 'string' && scope.split(' ').includes('openid')
  return !hasIdToken || typeof nonce !== 'string' || nonce === ''
}
