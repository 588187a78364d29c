import { hash } from 'node:crypto'

/** Enough for the longest refresh token: one whose grant an earlier version made. */
const padBytes = 128

/**
 * Hides the successor of a refresh token so that only a holder of the old token can read it; the database has only a
 * digest of that value. A token is random and has one successor, so a digest of it is a pad for one use, for a
 * twentieth of what a cipher costs. Whoever alters the row makes a value of it that no token has. Throws for a
 * successor of more than 128 bytes.
 */
export function hideSuccessor(oldToken: string, successor: string): string {
  return padded(oldToken, Buffer.from(successor, 'utf8')).toString('base64url')
}

/** The successor that `hideSuccessor` hid; something that is no token, if the token is not the old one. */
export function revealSuccessor(oldToken: string, hidden: string): string {
  return padded(oldToken, Buffer.from(hidden, 'base64url')).toString('utf8')
}

function padded(token: string, bytes: Buffer): Buffer {
  if (bytes.length > padBytes) throw new Error('a successor is longer than what hides it')
  // SECURITY: other digests than that which tokens are stored under, and no byte of them twice.
  const block = (name: string) => hash('sha512', `menshen refresh successor${name} ${token}`, 'buffer')
  const pad = bytes.length > 64 ? Buffer.concat([block(''), block(' 2')]) : block('')
  for (let index = 0; index < bytes.length; index++) bytes[index] = (bytes[index] as number) ^ (pad[index] as number)
  return bytes
}

/**
 * What became of a code or refresh token. `consumed` is in seconds since the epoch, and null while the token is unused.
 * In the table `successor` is hidden.
 */
export interface Use {
  readonly consumed: number | null
  readonly successor: string | null
  readonly grant_id: string | null
}
