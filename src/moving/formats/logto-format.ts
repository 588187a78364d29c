import {
  type Format,
  isYes,
  localIdentities,
  objectOf,
  passwordByLook,
  present,
  textOf,
  upstreamIdentities,
} from '../format.ts'
import type { PasswordEntry } from '../password-entry.ts'
import type { RawRecord } from '../raw-rows.ts'

/** The table `users` of Logto. It keeps only numbers and addresses that were proved. */
export const logtoFormat: Format = {
  name: 'logto',
  convert([part], options) {
    const record = part?.record ?? {}
    const phone = textOf(record, 'primary_phone', 'primaryPhone')
    const names = {
      phone: phone && `+${phone.replace(/^\+/, '')}`,
      isPhoneProved: true,
      email: textOf(record, 'primary_email', 'primaryEmail'),
      isEmailProved: true,
      username: textOf(record, 'username'),
    }
    const { identities, findings } = upstreamIdentities(
      Object.entries(objectOf(record['identities'])).map(([name, value]) => upstreamOf(name, objectOf(value))),
      options,
    )
    const account = {
      external_id: textOf(record, 'id'),
      ...present('nickname', textOf(record, 'name')),
      ...present('picture', textOf(record, 'avatar')),
      ...present('created_at', textOf(record, 'created_at', 'createdAt')),
      ...(isYes(record, 'is_suspended', 'isSuspended') ? { status: 'locked' as const } : {}),
      identities: [...localIdentities(names, options), ...identities],
      ...present('password', passwordOf(record)),
    }
    return { account, findings }
  },
}

function upstreamOf(name: string, value: RawRecord) {
  const details = objectOf(value['details'])
  const raw = objectOf(details['rawData'])
  return {
    name,
    id: textOf(value, 'userId', 'user_id'),
    openid: textOf(details, 'openid') ?? textOf(raw, 'openid'),
    unionid: textOf(details, 'unionid') ?? textOf(raw, 'unionid'),
  }
}

function passwordOf(record: RawRecord): PasswordEntry | undefined {
  const hash = textOf(record, 'password_encrypted', 'passwordEncrypted')
  if (!hash) return undefined
  const method = textOf(record, 'password_encryption_method', 'passwordEncryptionMethod') ?? ''
  if (method === 'Legacy') return legacyOf(hash)
  const none = { formula: undefined, secret: undefined }
  return passwordByLook(hash, undefined, none)
}

/** `["sha256", ["salt", "@"], "hex"]`: the arguments joined, with the password where the `@` is. */
function legacyOf(written: string): PasswordEntry {
  const [algorithm, args, hash] = read(written)
  const parts = Array.isArray(args) ? args.map(String) : []
  if (algorithm === 'pbkdf2') {
    const [salt = '', iterations, , digest] = parts
    const isHex = salt.startsWith('hex:')
    return {
      ...{ algorithm: 'pbkdf2', hash: String(hash), encoding: 'hex', iterations: Number(iterations) },
      ...{ salt: salt.replace(/^hex:/, ''), salt_encoding: isHex ? 'hex' : 'utf8', digest: digest as 'sha256' },
    }
  }
  const inner = parts.map((each) => (each === '@' ? 'password' : `'${each}'`)).join('+')
  return { algorithm: 'formula', formula: `${String(algorithm)}(${inner})`, hash: String(hash) }
}

function read(written: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(written)
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}
