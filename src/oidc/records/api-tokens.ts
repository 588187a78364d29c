import type { AccessToken } from 'oidc-provider'
import type { Payload } from '../library/stored-models.ts'

/** What we keep with an access token for an API: the scopes of the protocol that were granted with it. */
export function protocolScopeMember(scope: string): { readonly protocolScope: string } {
  return { protocolScope: scope }
}

/** No claim of an access token has this name. */
const apiMember = 'menshen:api'

/**
 * An access token as userinfo reads it. The library takes none with an audience. One for an API is taken by what was
 * granted with it: its scope is that of the protocol, and its API is kept beside, because that decides what is told. A
 * token that does not say what was granted, because an older version stored it, stays as it is and is refused.
 */
export function atUserinfo(payload: Payload): Payload {
  const { aud, protocolScope, ...rest } = payload
  if (aud === undefined || protocolScope === undefined) return payload
  return { ...rest, scope: protocolScope, extra: { ...(rest['extra'] as object | undefined), [apiMember]: aud } }
}

/** The API an access token is for, also at userinfo; undefined for one that is for userinfo alone. */
export function apiOf({ aud, extra }: Pick<AccessToken, 'aud' | 'extra'>): string | undefined {
  const api = aud ?? extra?.[apiMember]
  return typeof api === 'string' ? api : undefined
}

/**
 * The API that may be the one who asks with an access token. SECURITY: a bearer token is in the hands of the app and of
 * its API alike, and nobody can tell which of them asks. A token that is bound to a key only the app can use.
 */
export function apiThatMayAsk(token: AccessToken): string | undefined {
  return token.isSenderConstrained() ? undefined : apiOf(token)
}
