import { type FirebasePassword, parseFirebase } from './firebase-scrypt.ts'
import { type Argon2Type, type HashParameters, parseArgon2 } from './phc.ts'

/** What a stored text says of a password: ours, one that another system has made, or one of those in a wrapper. */
export type StoredPassword = Argon2Password | BcryptPassword | ScryptPassword | Pbkdf2Password | FirebasePassword

/** The digest of another system that is hashed in place of the password. */
export interface Former {
  /** How it is made, see `formerDigest`. */
  readonly recipe: string
  readonly salt: Uint8Array
  /** Name of the secret of that site in the settings; empty: there is none. */
  readonly secretName: string
}

interface Argon2Password {
  readonly kind: 'argon2'
  readonly type: Argon2Type
  readonly parameters: HashParameters
  readonly salt: Uint8Array
  readonly tag: Uint8Array
  readonly former?: Former
}

interface BcryptPassword {
  readonly kind: 'bcrypt'
  /** Version, cost and salt: `$2b$10$…`. */
  readonly setting: string
  /** WordPress 6.8 and newer put an HMAC of the password in. */
  readonly isWordPress: boolean
  readonly tag: Uint8Array
}

interface ScryptPassword {
  readonly kind: 'scrypt'
  readonly cost: { readonly N: number; readonly r: number; readonly p: number }
  readonly salt: Uint8Array
  readonly tag: Uint8Array
}

/** The digests that PBKDF2 is made with. */
export const pbkdf2Digests = ['sha1', 'sha256', 'sha512'] as const
/** One of them. */
export type Pbkdf2Digest = (typeof pbkdf2Digests)[number]

interface Pbkdf2Password {
  readonly kind: 'pbkdf2'
  readonly digest: Pbkdf2Digest
  readonly iterations: number
  readonly salt: Uint8Array
  readonly tag: Uint8Array
}

// SECURITY: the costs below are the dearest that a login may cause: some seconds of one process, 256 MiB of memory.
const bcryptShape = /^(\$wp)?\$2[aby](\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/
const scryptShape = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{0,342})\$([A-Za-z0-9+/]{22,171})$/
const pbkdf2Shape = /^\$pbkdf2-(sha1|sha256|sha512)\$i=(\d{1,7})\$([A-Za-z0-9+/]{0,342})\$([A-Za-z0-9+/]{22,171})$/
const formerShape = /^\$former\$([^$\n]{1,200})\$([A-Za-z0-9_-]{0,342})\$([A-Za-z0-9_.-]{0,64})(\$argon2id\$.+)$/
const scryptBytes = 256 * 1024 * 1024
const mostIterations = 5_000_000

/** Reads what is stored; undefined for every other kind of hash, and for costs that no server should pay. */
export function parseStored(text: string): StoredPassword | undefined {
  if (text.startsWith('$former$')) return wrapped(text)
  if (text.startsWith('$scrypt$')) return scrypt(text)
  if (text.startsWith('$pbkdf2-')) return pbkdf2(text)
  if (text.startsWith('$firebase$')) return parseFirebase(text)
  const [, mark, setting, , tag] = bcryptShape.exec(text) ?? []
  if (setting !== undefined && tag !== undefined)
    return { kind: 'bcrypt', setting: `$2b${setting}`, isWordPress: mark !== undefined, tag: Buffer.from(tag) }
  const argon2 = parseArgon2(text)
  return argon2 && { kind: 'argon2', ...argon2 }
}

/** The wrapper of a digest: `hash` is argon2id of the digest, and nothing of the digest itself is left. */
export function formatWrapped({ recipe, salt, secretName }: Former, hash: string): string {
  return `$former$${recipe}$${Buffer.from(salt).toString('base64url')}$${secretName}${hash}`
}

/** As `parseStored` reads it. */
export function formatScrypt({ cost: { N, r, p }, salt, tag }: Omit<ScryptPassword, 'kind'>): string {
  return `$scrypt$ln=${Math.log2(N)},r=${r},p=${p}$${base64(salt)}$${base64(tag)}`
}

/** As `parseStored` reads it. */
export function formatPbkdf2({ digest, iterations, salt, tag }: Omit<Pbkdf2Password, 'kind'>): string {
  return `$pbkdf2-${digest}$i=${iterations}$${base64(salt)}$${base64(tag)}`
}

function wrapped(text: string): StoredPassword | undefined {
  const [, recipe, salt, secretName, hash] = formerShape.exec(text) ?? []
  if (recipe === undefined || salt === undefined || secretName === undefined || hash === undefined) return undefined
  const outer = parseArgon2(hash)
  return outer && { kind: 'argon2', ...outer, former: { recipe, salt: Buffer.from(salt, 'base64url'), secretName } }
}

function scrypt(text: string): StoredPassword | undefined {
  const [, ln, r, p, salt, tag] = scryptShape.exec(text) ?? []
  if (salt === undefined || tag === undefined) return undefined
  const cost = { N: 2 ** Number(ln), r: Number(r), p: Number(p) }
  if (cost.N < 2 || cost.r < 1 || cost.p < 1 || cost.p > 16 || 128 * cost.N * cost.r > scryptBytes) return undefined
  return { kind: 'scrypt', cost, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') }
}

function pbkdf2(text: string): StoredPassword | undefined {
  const [, digest, count, salt, tag] = pbkdf2Shape.exec(text) ?? []
  const iterations = Number(count)
  if (salt === undefined || tag === undefined || iterations < 1 || iterations > mostIterations) return undefined
  return {
    kind: 'pbkdf2',
    digest: digest as Pbkdf2Digest,
    iterations,
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
}

/** Name of the secret of another system that a password cannot be checked without; empty: of none. */
export function secretNameOf(stored: StoredPassword | undefined): string {
  if (stored?.kind === 'firebase') return stored.secretName
  return (stored?.kind === 'argon2' && stored.former?.secretName) || ''
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}
