import type { KoaContextWithOIDC } from 'oidc-provider'
import { paramsOf } from '../library/context.ts'
import { secondUse } from '../library/faults.ts'

/**
 * What each grant type exchanges: the model, the parameter that carries the value, and what the library says when the
 * value comes a second time.
 */
const sources = {
  authorization_code: { model: 'AuthorizationCode', param: 'code', reused: secondUse.AuthorizationCode },
  refresh_token: { model: 'RefreshToken', param: 'refresh_token', reused: secondUse.RefreshToken },
  'urn:ietf:params:oauth:grant-type:device_code': {
    model: 'DeviceCode',
    param: 'device_code',
    reused: secondUse.DeviceCode,
  },
} as const

type Source = (typeof sources)[keyof typeof sources]

/** A value that a token request exchanges for tokens, good for one use. */
export type GrantSource = Source & { readonly value: string }

/** What this token request exchanges; undefined for a request that exchanges no such value. */
export function grantSource(ctx: KoaContextWithOIDC): GrantSource | undefined {
  const params = paramsOf(ctx)
  const source = sources[params['grant_type'] as keyof typeof sources] as Source | undefined
  const value = source && params[source.param]
  return source && typeof value === 'string' ? { ...source, value } : undefined
}
