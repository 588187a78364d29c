import { z } from 'zod'
import { formatFirebase } from '../accounts/firebase-scrypt.ts'
import { digestLength, jeecgRecipe, portableRecipe } from '../accounts/former-digest.ts'
import { isJeecgSalt, jeecgSalt } from '../accounts/jeecg-digest.ts'
import { parsePortable } from '../accounts/phpass.ts'
import {
  type Former,
  formatPbkdf2,
  formatScrypt,
  type Pbkdf2Digest,
  parseStored,
  pbkdf2Digests,
} from '../accounts/stored-password.ts'

const encodings = ['utf8', 'hex', 'base64'] as const

/** The kinds of hashes that can be brought. */
export const algorithms = [
  'argon2',
  'bcrypt',
  'scrypt',
  'pbkdf2',
  'md5',
  'md5_salted',
  'discuz',
  'phpass',
  'uni_id',
  'firebase_scrypt',
  'jeecgboot',
  'formula',
  'plain',
  'wrapped',
] as const

/** The member `password` of an account in the neutral form. */
export const passwordEntry = z.strictObject({
  algorithm: z.enum(algorithms),
  hash: z.string().min(1).max(1024),
  salt: z.string().max(256).optional(),
  /** How hash and salt are written, where that is not what the algorithm usually has. */
  encoding: z.enum(encodings).optional(),
  salt_encoding: z.enum(encodings).optional(),
  /** Of `md5_salted`: whether the salt comes before the password or after it. */
  position: z.enum(['prefix', 'suffix']).optional(),
  formula: z.string().max(200).optional(),
  /** Of `firebase_scrypt`: what stands behind every salt of the project, in base64. */
  separator: z.string().max(64).optional(),
  /** Of `jeecgboot`: the user name, which is what it encrypts. */
  username: z.string().max(150).optional(),
  /** Name of a secret in `password.former_secrets`. */
  secret: z.string().max(64).optional(),
  digest: z.enum(pbkdf2Digests).optional(),
  iterations: z.int().min(1).optional(),
  N: z.int().min(2).optional(),
  r: z.int().min(1).optional(),
  p: z.int().min(1).optional(),
})

/** A password as it comes in a file. */
export type PasswordEntry = z.input<typeof passwordEntry>

/**
 * A password that is ready to be stored, or one that has to be hashed first. SECURITY: the second is a digest that a
 * fast machine guesses, or the password itself, and may be kept nowhere as it is.
 */
export type ReadPassword =
  | { readonly kind: 'ready'; readonly hash: string }
  | { readonly kind: 'weak'; readonly digest: string; readonly former?: Former }

/** Why a password cannot be brought. */
export class UnreadablePassword extends Error {
  override readonly name = 'UnreadablePassword'
}

/** Reads a password; throws `UnreadablePassword` with a sentence. `secretNames` are those in the settings. */
export function readPassword(given: PasswordEntry, secretNames: ReadonlySet<string>): ReadPassword {
  const { algorithm, hash } = given
  switch (algorithm) {
    case 'argon2':
    case 'bcrypt':
      return ready(bcryptAsOurs(hash.replace(/^argon2(?=\$)/, '')), algorithm)
    case 'wrapped':
      return ready(hash, algorithm)
    case 'scrypt':
      return ready(hash.startsWith('$') ? hash : scryptOf(given), algorithm)
    case 'pbkdf2':
      return ready(pbkdf2Of(given), algorithm)
    case 'phpass':
      return portable(hash)
    case 'plain':
      return { kind: 'weak', digest: hash }
    case 'uni_id':
      return uniId(given, secretNames)
    case 'firebase_scrypt':
      return ready(firebaseOf(given, secretNames), 'firebase')
    case 'jeecgboot':
      return jeecg(given)
    case 'discuz':
      if (hash.startsWith('$2')) return ready(bcryptAsOurs(hash), 'bcrypt')
      return byFormula(given, 'md5(md5(password)+salt)', secretNames)
    case 'md5':
      return byFormula(given, hash.length === 16 ? 'substr(md5(password),8,24)' : 'md5(password)', secretNames)
    case 'md5_salted': {
      const usual = given.position === 'prefix' ? 'md5(salt+password)' : 'md5(password+salt)'
      return byFormula(given, given.formula ?? usual, secretNames)
    }
    case 'formula':
      return byFormula(given, given.formula ?? '', secretNames)
  }
}

/** PHP writes `$2y$`, old Java `$2a$`: all three are one thing. */
function bcryptAsOurs(hash: string): string {
  return hash.replace(/^((?:\$wp)?\$2)[ay]\$/, '$1b$')
}

function ready(hash: string, algorithm: string): ReadPassword {
  const stored = parseStored(hash)
  const isOfItsKind = stored?.kind === (algorithm === 'wrapped' ? 'argon2' : algorithm)
  const isWrapped = stored?.kind === 'argon2' && stored.former !== undefined
  if (!isOfItsKind || isWrapped !== (algorithm === 'wrapped'))
    throw new UnreadablePassword(`no ${algorithm} hash, or one whose cost no server should pay`)
  return { kind: 'ready', hash }
}

function scryptOf({ hash, salt, encoding = 'base64', salt_encoding = 'base64', N, r, p }: PasswordEntry): string {
  if (salt === undefined || N === undefined || r === undefined || p === undefined)
    throw new UnreadablePassword('scrypt needs salt, N, r and p')
  const cost = { N, r, p }
  return formatScrypt({ cost, salt: bytesOf(salt, salt_encoding), tag: bytesOf(hash, encoding) })
}

function pbkdf2Of({ hash, salt, encoding, salt_encoding, digest, iterations }: PasswordEntry): string {
  if (hash.startsWith('$')) return hash
  const [, sha, count, text, tag] = /^pbkdf2_(sha1|sha256|sha512)\$(\d{1,8})\$([^$]*)\$([^$]+)$/.exec(hash) ?? []
  if (text !== undefined && tag !== undefined) {
    const parts = { digest: sha as Pbkdf2Digest, iterations: Number(count) }
    return formatPbkdf2({ ...parts, salt: Buffer.from(text), tag: Buffer.from(tag, 'base64') })
  }
  if (salt === undefined || digest === undefined || iterations === undefined)
    throw new UnreadablePassword('pbkdf2 needs salt, digest and iterations')
  const bytes = { salt: bytesOf(salt, salt_encoding ?? 'base64'), tag: bytesOf(hash, encoding ?? 'base64') }
  return formatPbkdf2({ digest, iterations, ...bytes })
}

function portable(hash: string): ReadPassword {
  const found = parsePortable(hash)
  if (!found) throw new UnreadablePassword('no phpass hash, or one whose cost no server should pay')
  const former = { recipe: portableRecipe, salt: Buffer.from(found.setting), secretName: '' }
  return { kind: 'weak', digest: found.digest, former }
}

const uniIdShape = /^\$UNI_ID_HMAC_SHA256\$(\d{1,3})\$([0-9A-Za-z]+\$?[0-9A-Za-z]*)$/

/**
 * The newer kind has its salt in it, as text of the length that it says, with or without a `$` behind it; the older one
 * needs the secret of the site.
 */
function uniId(given: PasswordEntry, secretNames: ReadonlySet<string>): ReadPassword {
  const [, length, text = ''] = uniIdShape.exec(given.hash) ?? []
  if (length === undefined) return byFormula(given, 'hmac_sha1(secret,password)', secretNames)
  const [salt, hash] = [text.slice(0, Number(length)), text.slice(Number(length)).replace('$', '')]
  return byFormula({ algorithm: 'uni_id', hash, salt }, 'hmac_sha256(salt,password)', secretNames)
}

const firebaseText = /^\$fbscrypt\$v=1,n=(\d+),r=(\d+),p=1(?:,ss=([^,$]*))?(?:,sk=[^,$]*)?\$([^$]*)\$([^$]+)$/

/**
 * As Firebase writes users out, or in one text, as Supabase keeps what came from there. SECURITY: the key of the
 * project, which that text may have in it (`sk`), is not kept: it comes from the settings.
 */
function firebaseOf(given: PasswordEntry, secretNames: ReadonlySet<string>): string {
  if (given.hash.startsWith('$firebase$')) return given.hash
  const { secret: secretName = '' } = given
  if (!secretNames.has(secretName)) throw unknownSecret(secretName)
  const [, n, rounds, behind = '', text, made] = firebaseText.exec(given.hash) ?? []
  const {
    hash = '',
    salt,
    separator = '',
    N,
    r,
  } = text === undefined ? given : { hash: made, salt: text, separator: behind, N: 2 ** Number(n), r: Number(rounds) }
  if (salt === undefined || N === undefined || r === undefined)
    throw new UnreadablePassword('firebase_scrypt needs salt, separator, N (two to the power of mem_cost), r (rounds)')
  const [saltBytes, separatorBytes, tag] = [salt, separator, hash].map((each) => bytesOf(each, 'base64'))
  return formatFirebase({
    ...{ cost: { N, r }, secretName, salt: saltBytes as Buffer, separator: separatorBytes as Buffer },
    tag: tag as Buffer,
  })
}

function jeecg({ hash, salt = '', username = '' }: PasswordEntry): ReadPassword {
  const kept = jeecgSalt(salt, username)
  if (salt.length !== 8 || !isJeecgSalt(kept))
    throw new UnreadablePassword('jeecgboot needs its salt of eight characters, and the user name')
  const digest = hash.toLowerCase()
  // DES has blocks of eight bytes, and the last one is filled up.
  const length = 16 * (Math.floor((kept.length - salt.length) / 8) + 1)
  if (digest.length !== length || !/^[0-9a-f]+$/.test(digest))
    throw new UnreadablePassword(`expected ${length} hexadecimal digits`)
  return { kind: 'weak', digest, former: { recipe: jeecgRecipe, salt: kept, secretName: '' } }
}

function unknownSecret(name: string): UnreadablePassword {
  return new UnreadablePassword(`the settings have no password.former_secrets of the name "${name}"`)
}

function byFormula(given: PasswordEntry, formula: string, secretNames: ReadonlySet<string>): ReadPassword {
  const { hash, salt, encoding = 'hex', salt_encoding = 'utf8', secret = '' } = given
  const recipe = formula.replaceAll(' ', '')
  const length = digestLength(recipe)
  if (length === undefined) throw new UnreadablePassword('the formula cannot be read')
  if (/\bsalt\b/.test(recipe) !== (salt !== undefined && salt !== ''))
    throw new UnreadablePassword(`a salt is ${salt ? 'given, but the formula has none' : 'missing'}`)
  if (/\bsecret\b/.test(recipe) && !secretNames.has(secret)) throw unknownSecret(secret)
  const digest = encoding === 'hex' ? hash.toLowerCase() : bytesOf(hash, encoding).toString('hex')
  if (digest.length !== length || !/^[0-9a-f]+$/.test(digest))
    throw new UnreadablePassword(`expected ${length} hexadecimal digits`)
  const secretName = /\bsecret\b/.test(recipe) ? secret : ''
  return { kind: 'weak', digest, former: { recipe, salt: bytesOf(salt ?? '', salt_encoding), secretName } }
}

function bytesOf(text: string, encoding: (typeof encodings)[number]): Buffer {
  const isOfIt = { utf8: /^/, hex: /^(?:[0-9a-f]{2})*$/i, base64: /^[A-Za-z0-9+/_-]*={0,2}$/ }[encoding]
  if (!isOfIt.test(text)) throw new UnreadablePassword(`not written in ${encoding}`)
  return Buffer.from(text, encoding)
}
