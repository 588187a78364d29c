import { type Format, isYes, localIdentities, phoneOf, present, textOf, upstreamIdentities } from '../format.ts'
import type { PasswordEntry } from '../password-entry.ts'
import type { RawRecord } from '../raw-rows.ts'

/** Columns that hold the subject of an upstream, of those that are used in China or everywhere. */
const upstreams = ['wechat', 'qq', 'weibo', 'github', 'apple', 'google', 'dingtalk', 'lark', 'wecom', 'alipay']

/** Users of Casdoor: its API or table as JSON, or its spreadsheet saved as CSV, whose first line says `label#field`. */
export const casdoorFormat: Format = {
  name: 'casdoor',
  convert([part], options) {
    const record = withPlainNames(part?.record ?? {})
    if (isYes(record, 'isDeleted', 'is_deleted')) return { leftOut: 'deleted there' }
    const names = {
      phone: phoneOf(textOf(record, 'phone'), textOf(record, 'countryCode', 'country_code')),
      email: textOf(record, 'email'),
      isEmailProved: isYes(record, 'emailVerified', 'email_verified'),
      username: textOf(record, 'name'),
    }
    const { identities, findings } = upstreamIdentities(
      upstreams.flatMap((name) => {
        const id = textOf(record, name)
        return id ? [{ name, id }] : []
      }),
      options,
    )
    const account = {
      external_id: textOf(record, 'id') ?? `${textOf(record, 'owner') ?? ''}/${textOf(record, 'name') ?? ''}`,
      ...present('nickname', textOf(record, 'displayName', 'display_name')),
      ...present('picture', textOf(record, 'avatar')),
      ...present('created_at', textOf(record, 'createdTime', 'created_time')),
      ...(isYes(record, 'isForbidden', 'is_forbidden') ? { status: 'locked' as const } : {}),
      identities: [...localIdentities(names, options), ...identities],
      ...present('password', passwordOf(record)),
    }
    return { account, findings }
  },
}

function withPlainNames(record: RawRecord): RawRecord {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name.split('#').at(-1), value]))
}

function passwordOf(record: RawRecord): PasswordEntry | undefined {
  const hash = textOf(record, 'password')
  if (!hash || hash === '***') return undefined
  const salt = textOf(record, 'passwordSalt', 'password_salt')
  const type = textOf(record, 'passwordType', 'password_type') ?? 'plain'
  const nested = (digest: string): PasswordEntry =>
    salt
      ? { algorithm: 'formula', formula: `${digest}(${digest}(password)+salt)`, hash, salt }
      : { algorithm: 'formula', formula: `${digest}(password)`, hash }
  switch (type) {
    case 'plain':
      return { algorithm: 'plain', hash }
    case 'salt':
      return nested('sha256')
    case 'sha512-salt':
      return nested('sha512')
    case 'md5-salt':
      return nested('md5')
    case 'pbkdf2-salt':
      return { algorithm: 'pbkdf2', digest: 'sha256', iterations: 27_500, hash, salt: salt ?? '' }
    case 'argon2id':
      return { algorithm: 'argon2', hash }
    case 'pbkdf2-django':
      return { algorithm: 'pbkdf2', hash }
    default:
      return { algorithm: type as 'bcrypt', hash }
  }
}
