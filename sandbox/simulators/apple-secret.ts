import { createPublicKey, verify } from 'node:crypto'

interface Expected {
  /** PEM. */
  readonly publicKey: string
  readonly keyId: string
  readonly teamId: string
  readonly clientId: string
  readonly issuer: string
  /** Seconds since the epoch. */
  readonly now: number
}

const longestSeconds = 15_777_000
const skewSeconds = 60

/**
 * Whether a client_secret is what Apple wants: a JWT signed with ES256 as r‖s, for this client, of at most six months.
 */
export function isAppleSecret(secret: string, expected: Expected): boolean {
  const [header = '', payload = '', signature = '', ...rest] = secret.split('.')
  const { alg, kid } = objectOf(header)
  const { iss, iat, exp, aud, sub } = objectOf(payload)
  const bytes = Buffer.from(signature, 'base64url')
  if (rest.length > 0 || alg !== 'ES256' || kid !== expected.keyId) return false
  const key = { key: createPublicKey(expected.publicKey), dsaEncoding: 'ieee-p1363' } as const
  if (!verify('sha256', Buffer.from(`${header}.${payload}`), key, bytes)) return false

  if (iss !== expected.teamId || aud !== expected.issuer || sub !== expected.clientId) return false
  if (typeof iat !== 'number' || typeof exp !== 'number') return false
  return iat <= expected.now + skewSeconds && exp > expected.now && exp - iat <= longestSeconds
}

function objectOf(part: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {}
  } catch {
    return {}
  }
}
