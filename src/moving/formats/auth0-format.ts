import {
  type Format,
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
      ...present('password', passwordOf(record)),
    }
    return { account, findings: upstream.findings }
  },
}

function passwordOf(record: RawRecord): PasswordEntry | undefined {
  const bcrypt = textOf(record, 'password_hash', 'passwordHash')
  if (bcrypt) return { algorithm: 'bcrypt', hash: bcrypt }
  const custom = objectOf(record['custom_password_hash'])
  const algorithm = textOf(custom, 'algorithm')
  if (!algorithm) return undefined
  const [{ value = '', encoding = 'hex' }, salt] = [objectOf(custom['hash']), objectOf(custom['salt'])]
  const hash = String(value)
  if (algorithm === 'argon2' || algorithm === 'bcrypt') return { algorithm, hash }
  // It says how long the result is, which the result says too.
  if (algorithm === 'pbkdf2') return { algorithm, hash: hash.replace(/(\$i=\d+),l=\d+\$/, '$1$') }
  const salted = textOf(salt, 'value')
  const inner = salted ? (salt['position'] === 'prefix' ? 'salt+password' : 'password+salt') : 'password'
  return {
    ...{ algorithm: 'formula', formula: `${algorithm}(${inner})`, hash, encoding: encoding as 'hex' },
    ...(salted && { salt: salted, salt_encoding: (textOf(salt, 'encoding') ?? 'utf8') as 'utf8' }),
  }
}
