import { hash } from 'node:crypto'

const padBytes = 64

/**
 * Hides the successor of a refresh token so that only a holder of the old token can read it; the database has only a
 * digest of that value. A token is random and has one successor, so a digest of it is a pad for one use, for a
 * twentieth of what a cipher costs. Whoever alters the row makes a value of it that no token has. Throws for a
 * successor of more than 64 bytes.
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
  // SECURITY: another digest than that which tokens are stored under.
  const pad = hash('sha512', `menshen refresh successor ${token}`, 'buffer')
  for (let index = 0; index < bytes.length; index++) bytes[index] = (bytes[index] as number) ^ (pad[index] as number)
  return bytes
}

/**
 * What became of a code or refresh token. `consumed` is in seconds since the epoch, and null while the token is unused.
 */
export interface Use {
  readonly consumed: number | null
  readonly successor: string | null
  readonly grant_id: string | null
}
