import {
  type Format,
  type FormatOptions,
  isYes,
  localIdentities,
  objectOf,
  objectsOf,
  present,
  textOf,
  upstreamIdentities,
} from '../format.ts'
import type { PasswordEntry } from '../password-entry.ts'
import type { RawRecord } from '../raw-rows.ts'

/** Vendors that Auth0 names in its own way. */
const local = new Set(['auth0', 'sms', 'email', 'username-password-authentication'])

/** Users of Auth0, as its export or an import of its own has them, with the hashes that its support gives out. */
export const auth0Format: Format = {
  name: 'auth0',
  convert([part], options) {
    const record = part?.record ?? {}
    const names = {
      phone: textOf(record, 'phone_number'),
      isPhoneProved: isYes(record, 'phone_verified', 'phone_number_verified'),
      email: textOf(record, 'email'),
      isEmailProved: isYes(record, 'email_verified', 'emailVerified'),
      username: textOf(record, 'username'),
    }
    const upstream = upstreamIdentities(
      objectsOf(record['identities'])
        .filter((each) => !local.has(textOf(each, 'provider') ?? 'auth0'))
        .map((each) => ({ name: textOf(each, 'connection', 'provider') ?? 'upstream', id: textOf(each, 'user_id') })),
      options,
    )
    const account = {
      external_id: textOf(record, 'user_id') ?? textOf(objectOf(record['_id']), '$oid'),
      ...present('nickname', textOf(record, 'nickname', 'name')),
      ...present('picture', textOf(record, 'picture')),
      ...present('created_at', textOf(record, 'created_at')),
      ...(isYes(record, 'blocked') ? { status: 'locked' as const } : {}),
      identities: [...localIdentities(names, options), ...upstream.identities],
      ...present('password', passwordOf(record, options)),
    }
    return { account, findings: upstream.findings }
  },
}

function passwordOf(record: RawRecord, { secret }: FormatOptions): PasswordEntry | undefined {
  const bcrypt = textOf(record, 'password_hash', 'passwordHash')
  if (bcrypt) return { algorithm: 'bcrypt', hash: bcrypt }
  const custom = objectOf(record['custom_password_hash'])
  const algorithm = textOf(custom, 'algorithm')
  if (!algorithm) return undefined
  const [given, salt] = [objectOf(custom['hash']), objectOf(custom['salt'])]
  const { value = '', encoding = 'hex' } = given
  const hash = String(value)
  if (algorithm === 'argon2' || algorithm === 'bcrypt') return { algorithm, hash }
  // It says how long the result is, which the result says too.
  if (algorithm === 'pbkdf2') return { algorithm, hash: hash.replace(/(\$i=\d+),l=\d+\$/, '$1$') }
  const salted = textOf(salt, 'value')
  const saltEntry = salted ? { salt: salted, salt_encoding: (textOf(salt, 'encoding') ?? 'utf8') as 'utf8' } : {}
  const written = { hash, encoding: encoding as 'hex' }
  if (algorithm === 'scrypt') return { algorithm, ...written, ...saltEntry, ...scryptCost(custom) }
  if (algorithm === 'ldap') return ldap(hash)
  const inner = salted ? (salt['position'] === 'prefix' ? 'salt+password' : 'password+salt') : 'password'
  if (algorithm === 'hmac') return { ...hmacOf(given, inner, { secret, salted: saltEntry }), ...written }
  return { algorithm: 'formula', formula: `${algorithm}(${inner})`, ...written, ...saltEntry }
}

/** As Node has them where nothing is said, because Auth0 is written in it. */
function scryptCost(custom: RawRecord) {
  const number = (name: string, usual: number) => Number(custom[name] ?? usual)
  return { N: number('cost', 16_384), r: number('blockSize', 8), p: number('parallelization', 1) }
}

/** The key stands in every row. One that the settings have is taken from there; else it takes the place of a salt. */
function hmacOf(
  given: RawRecord,
  inner: string,
  { secret, salted }: { readonly secret: string | undefined; readonly salted: Partial<PasswordEntry> },
): Omit<PasswordEntry, 'hash'> {
  const digest = textOf(given, 'digest') ?? 'sha1'
  const key = objectOf(given['key'])
  if (secret || salted.salt) {
    const named = secret ? { secret } : {}
    return { algorithm: 'formula', formula: `hmac_${digest}(secret,${inner})`, ...salted, ...named }
  }
  const keyEncoding = (textOf(key, 'encoding') ?? 'utf8') as 'utf8'
  const formula = `hmac_${digest}(salt,${inner})`
  return { algorithm: 'formula', formula, salt: textOf(key, 'value') ?? '', salt_encoding: keyEncoding }
}

/** `{SSHA}` and its like: base64 of the digest with the salt behind it. */
function ldap(text: string): PasswordEntry {
  const [, mark = '', data = ''] = /^\{(S?(?:SHA(?:256|512)?|MD5))\}([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? []
  const isSalted = mark.startsWith('S') && mark !== 'SHA' && !/^SHA\d/.test(mark)
  const kind = (isSalted ? mark.slice(1) : mark).replace(/^SHA$/, 'SHA1').toLowerCase()
  const bytes = Buffer.from(data, 'base64')
  const length = { md5: 16, sha1: 20, sha256: 32, sha512: 64 }[kind] ?? bytes.length
  const hash = bytes.subarray(0, length).toString('hex') || text
  if (!isSalted) return { algorithm: 'formula', formula: `${kind}(password)`, hash }
  const salt = bytes.subarray(length).toString('base64')
  return { algorithm: 'formula', formula: `${kind}(password+salt)`, hash, salt, salt_encoding: 'base64' }
}
