import { createHash } from 'node:crypto'

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const shape = /^\$([PHS])\$([./0-9A-Za-z])([./0-9A-Za-z]{8})([./0-9A-Za-z]{22,43})$/
const setting = /^\$([PHS])\$([./0-9A-Za-z])([./0-9A-Za-z]{8})$/
/** 2 ** 18 rounds cost a third of a second; WordPress has 2 ** 13, Drupal 2 ** 15. */
const mostRounds = 18

/** The two parts of a portable hash of PHP (`$P$` of WordPress, `$H$` of phpBB, `$S$` of Drupal 7). */
export interface PortableHash {
  /** Kind, cost and salt: `$P$Bsalt1234`. */
  readonly setting: string
  readonly digest: string
}

/** Undefined for everything else, and for costs that no server should pay. */
export function parsePortable(text: string): PortableHash | undefined {
  const [, kind = '', cost = '', salt, digest] = shape.exec(text) ?? []
  if (salt === undefined || digest === undefined || alphabet.indexOf(cost) > mostRounds) return undefined
  if (digest.length !== lengthOf(kind)) return undefined
  return { setting: text.slice(0, 12), digest }
}

/** What a password becomes under this setting; undefined for a setting that nobody can read. */
export function portableDigest(password: string, given: string): string | undefined {
  const [, kind = '', cost = '', salt] = setting.exec(given) ?? []
  const log2 = alphabet.indexOf(cost)
  if (salt === undefined || log2 > mostRounds) return undefined
  const algorithm = kind === 'S' ? 'sha512' : 'md5'
  const bytes = Buffer.from(password)
  let digest = createHash(algorithm).update(salt).update(bytes).digest()
  for (let round = 2 ** log2; round > 0; round--) digest = createHash(algorithm).update(digest).update(bytes).digest()
  return encode64(digest).slice(0, lengthOf(kind))
}

/** Drupal cuts what it stores to 55 characters, twelve of which are the setting. */
function lengthOf(kind: string): number {
  return kind === 'S' ? 43 : 22
}

/** Three bytes become four characters, the lowest bits first. */
function encode64(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const group = bytes.subarray(at, at + 3)
    const value = group.reduce((sum, byte, index) => sum + byte * 256 ** index, 0)
    for (let index = 0; index <= group.length; index++) text += alphabet[Math.floor(value / 64 ** index) % 64]
  }
  return text
}
