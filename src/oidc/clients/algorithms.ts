/** Algorithms that an access token may be signed with; there is a key for each of them. */
export const accessTokenAlgorithms = ['ES256', 'RS256', 'EdDSA', 'PS256'] as const

/** Algorithms that an ID token may be signed with. */
export const idTokenAlgorithms = ['ES256', 'RS256'] as const

/** Algorithms that a client may sign its assertions with (RFC 7523), `HS256` with its secret. */
export const assertionAlgorithms = ['HS256', 'RS256', 'PS256', 'ES256', 'EdDSA'] as const

/** Algorithms that a DPoP proof may be signed with (RFC 9449). */
export const dpopAlgorithms = ['ES256', 'PS256', 'RS256', 'EdDSA'] as const

/** Whether the FAPI 2.0 Security Profile allows an algorithm (§5.4.1); EdDSA has the curve Ed25519 everywhere here. */
export function isAlgorithmOfFapi2(alg: unknown): boolean {
  return alg === 'ES256' || alg === 'PS256' || alg === 'EdDSA'
}
