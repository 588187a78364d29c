import type { KoaContextWithOIDC } from 'oidc-provider'

/** What each grant type exchanges: its model, the parameter that carries it, and what the library says when it comes a second time. */
const sources = {
  authorization_code: { model: 'AuthorizationCode', param: 'code', reused: 'authorization code already consumed' },
  refresh_token: { model: 'RefreshToken', param: 'refresh_token', reused: 'refresh token already used' },
  'urn:ietf:params:oauth:grant-type:device_code': {
    model: 'DeviceCode',
    param: 'device_code',
    reused: 'device code already consumed',
  },
} as const

type Source = (typeof sources)[keyof typeof sources]

/** A value that a token request exchanges for tokens, good for one use. */
export type GrantSource = Source & { readonly value: string }

/** What this token request exchanges; undefined for a request that brings nothing of the kind. */
export function grantSource({ oidc }: KoaContextWithOIDC): GrantSource | undefined {
  const source = sources[oidc?.params?.['grant_type'] as keyof typeof sources] as Source | undefined
  const value = source && oidc.params?.[source.param]
  return source && typeof value === 'string' ? { ...source, value } : undefined
}

/** Whether a refusal of the library means that something came a second time. */
export function isReuse(detail: string | undefined): boolean {
  return Object.values(sources).some(({ reused }) => reused === detail)
}
