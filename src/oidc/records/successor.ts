import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const algorithm = 'aes-256-gcm'
const nonceBytes = 12

/**
 * Hides the successor of a refresh token so that only a holder of the old token can read it. The key comes from the
 * value of the old token, and the database has only a digest of that value.
 */
export function hideSuccessor(oldToken: string, successor: string): string {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, keyOf(oldToken), nonce)
  return Buffer.concat([nonce, cipher.update(successor, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
    'base64url',
  )
}

/** The successor that `hideSuccessor` hid. Throws if the token is not the old one. */
export function revealSuccessor(oldToken: string, hidden: string): string {
  const bytes = Buffer.from(hidden, 'base64url')
  const decipher = createDecipheriv(algorithm, keyOf(oldToken), bytes.subarray(0, nonceBytes))
  decipher.setAuthTag(bytes.subarray(-16))
  return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -16)), decipher.final()]).toString('utf8')
}

function keyOf(token: string): Buffer {
  return Buffer.from(hkdfSync('sha256', token, '', 'menshen refresh successor', 32))
}

/**
 * What became of a code or refresh token. `consumed` is in seconds since the epoch, and null while the token is unused.
 */
export interface Use {
  readonly consumed: number | null
  readonly successor: string | null
  readonly grant_id: string | null
}
