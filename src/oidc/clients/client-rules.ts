import { isAlgorithmOfFapi2 } from './algorithms.ts'
import type { ClientSeed } from './client-schema.ts'

/** What is wrong with one field of a client, because of what another says. */
export interface RuleProblem {
  readonly field: keyof ClientSeed
  readonly message: string
}

/** What the FAPI 2.0 Security Profile wants of a client (§5.3.2, §5.3.3); the algorithms are checked by themselves. */
const fapi2 = {
  token_endpoint_auth_method: 'private_key_jwt',
  require_pushed_authorization_requests: true,
  dpop_bound_access_tokens: true,
  require_pkce: true,
  require_nonce: true,
  rotate_refresh_tokens: false,
} as const satisfies Partial<ClientSeed>

/** Which fields of a client contradict each other. */
export function ruleProblems(seed: ClientSeed): RuleProblem[] {
  const others = seed.security_profile === 'fapi2' ? fapi2Problems(seed) : []
  return [...publicProblems(seed), ...eventProblems(seed), ...others]
}

/** SECURITY: what becomes of a person is nobody's business whose app they use once. */
function eventProblems({ account_events_uri: address, first_party: isOurs }: ClientSeed): RuleProblem[] {
  if (address === undefined || isOurs) return []
  return [{ field: 'account_events_uri', message: 'is only for first_party clients' }]
}

/**
 * SECURITY: nothing but PKCE keeps a stolen code of a client without a secret from being exchanged by a thief, and
 * nothing but rotation shows that its refresh token was stolen (RFC 9700 §2.1.1, §2.2.2).
 */
function publicProblems({ token_endpoint_auth_method: method, ...seed }: ClientSeed): RuleProblem[] {
  if (method !== 'none') return []
  const message = 'must be true for a client without a secret (token_endpoint_auth_method: none)'
  return (['require_pkce', 'require_nonce', 'rotate_refresh_tokens'] as const)
    .filter((field) => !seed[field])
    .map((field) => ({ field, message }))
}

function fapi2Problems(seed: ClientSeed): RuleProblem[] {
  const or = 'for security_profile: fapi2; a client that cannot says security_profile: none'
  const unlike = Object.entries(fapi2).filter(([field, value]) => seed[field as keyof typeof fapi2] !== value)
  const algorithms = (['id_token_signed_response_alg', 'token_endpoint_auth_signing_alg'] as const).filter((field) => {
    const alg = seed[field]
    return alg !== undefined && !isAlgorithmOfFapi2(alg)
  })
  return [
    ...unlike.map(([field, value]) => ({ field: field as keyof typeof fapi2, message: `must be ${value} ${or}` })),
    ...algorithms.map((field) => ({ field, message: `must be ES256, PS256 or EdDSA ${or}` })),
  ]
}
