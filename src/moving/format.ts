import { whenNeeded } from '../base/when-needed.ts'
import type { Finding } from './findings.ts'
import type { NeutralAccount, NeutralIdentity } from './neutral-account.ts'
import type { PasswordEntry } from './password-entry.ts'
import type { RawRecord } from './raw-rows.ts'

const library = whenNeeded<typeof import('libphonenumber-js/max')>('libphonenumber-js/max')

/** A row of another system, and the table that it is from; a system with one table has no name for it. */
export interface Part {
  readonly table: string
  readonly record: RawRecord
}

/** What an operator says of the files, beside their names. */
export interface FormatOptions {
  /** The app of ours that an openid belongs to, by what the other system calls it; `unionid` for a union id. */
  readonly apps: ReadonlyMap<string, string>
  /** Identifiers that the other system has proved, whatever its files say. */
  readonly proved: ReadonlySet<string>
  /** How its passwords were hashed, where that cannot be seen. */
  readonly formula: string | undefined
  /** Name of the secret in `password.former_secrets` that it mixed in. */
  readonly secret: string | undefined
  readonly secretNames: ReadonlySet<string>
  readonly nowMs: number
  /** Our names of the columns of a file; a column without one is left out. */
  readonly columns?: ReadonlyMap<string, string | undefined> | undefined
}

/** What became of the rows of one account: the account in the neutral form, or why it is left out. */
export type Converted =
  | { readonly account: unknown; readonly findings?: readonly Finding[] }
  | { readonly leftOut: string }

/** The files of one system. */
export interface Format {
  /** As `--from` names it, and what accounts are filed under. */
  readonly name: string
  /** The member of a JSON document that the accounts are in. */
  readonly listMember?: string
  /** The tables of a system whose accounts are spread over several, each in a file of its name. */
  readonly tables?: readonly string[]
  /** Whose a row of such a table is, and what it is called by others. Undefined: the row says nothing of anybody. */
  partOf?(part: Part): { readonly key: string; readonly link?: string } | undefined
  /** Whether accounts keep their ids. */
  readonly keepsIds?: boolean
  /** Makes one account of its rows, which are in the order of the files. */
  convert(parts: readonly Part[], options: FormatOptions): Converted
}

/** The text of the first of these fields that has one. Numbers are ids. */
export function textOf(record: RawRecord, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = record[name]
    if (typeof value === 'string' && value !== '') return value
    if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  }
  return undefined
}

/** Whether a field says yes, in whatever way databases and spreadsheets say it. */
export function isYes(record: RawRecord, ...names: readonly string[]): boolean {
  return names.some((name) => ['true', 't', '1', 'yes'].includes(String(record[name] ?? '').toLowerCase()))
}

/** An object, which stands in a column as JSON text. */
export function objectOf(value: unknown): RawRecord {
  const parsed = typeof value === 'string' ? parse(value) : value
  return parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed) ? (parsed as RawRecord) : {}
}

/** A list of objects, which may stand in a column as JSON text. */
export function objectsOf(value: unknown): readonly RawRecord[] {
  const parsed = typeof value === 'string' ? parse(value) : value
  return Array.isArray(parsed) ? parsed.map(objectOf) : []
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a system knows somebody by, of what they may type to log in. */
export interface LocalNames {
  readonly phone?: string | undefined
  readonly isPhoneProved?: boolean
  readonly email?: string | undefined
  readonly isEmailProved?: boolean
  readonly username?: string | undefined
}

/** Identities of a number, an address and a name; a name that only repeats one of the others is none. */
export function localIdentities(names: LocalNames, { proved }: FormatOptions): NeutralIdentity[] {
  const { phone, email, username, isPhoneProved = false, isEmailProved = false } = names
  const same = (other: string | undefined) => other?.toLowerCase() === username?.toLowerCase()
  return [
    ...(phone ? [{ provider: 'phone', subject: phone, verified: isPhoneProved || proved.has('phone') }] : []),
    ...(email ? [{ provider: 'email', subject: email, verified: isEmailProved || proved.has('email') }] : []),
    ...(username && !same(phone) && !same(email) ? [{ provider: 'username', subject: username }] : []),
  ]
}

/** A number with the calling code of its country, which a system names by two letters. */
export function phoneOf(number: string | undefined, region: string | undefined): string | undefined {
  if (!number || number.startsWith('+') || !region || !library().isSupportedCountry(region.toUpperCase() as 'CN'))
    return number
  return `+${library().getCountryCallingCode(region.toUpperCase() as 'CN')}${number.replace(/^0+/, '')}`
}

/** Vendors whose subjects are the same everywhere, by what other systems call them. */
const plainVendors: Readonly<Record<string, string>> = {
  github: 'github',
  apple: 'apple',
  weibo: 'weibo',
  sina: 'weibo',
}

/** What an upstream knows somebody by. */
export interface UpstreamNames {
  /** What the other system calls the connection. */
  readonly name: string
  readonly id?: string | undefined
  readonly openid?: string | undefined
  readonly unionid?: string | undefined
}

/**
 * The identity of an upstream. Of WeChat and QQ a subject belongs to an app, which files of other systems do not name,
 * so the operator does.
 */
export function upstreamIdentity(
  { name, id, openid, unionid }: UpstreamNames,
  { apps }: FormatOptions,
): { readonly identity?: NeutralIdentity; readonly finding?: Finding } {
  const kind = name.toLowerCase()
  const provider = /^(wechat|weixin|wx)/.test(kind) ? 'wechat' : /^qq/.test(kind) ? 'qq' : undefined
  if (provider === undefined) {
    const subject = id ?? openid ?? unionid
    return subject ? { identity: { provider: plainVendors[kind] ?? `oidc:${name}`, subject } } : {}
  }
  const app = apps.get(name) ?? apps.get(kind)
  const union = unionid ?? (app === 'unionid' ? (id ?? openid) : undefined)
  const open = openid ?? (app === 'unionid' ? undefined : id)
  const subjects = [
    ...(union ? [`unionid:${union}`] : []),
    ...(open && app && app !== 'unionid' ? [`openid:${app}:${open}`] : []),
  ]
  if (subjects.length > 0) return { identity: { provider, subjects } }
  return open ? { finding: { code: 'identity_dropped', about: `whose app is "${name}"? --apps ${name}=<appid>` } } : {}
}

/** Identities of several upstreams, and what is told of those that are left out. */
export function upstreamIdentities(
  names: readonly UpstreamNames[],
  options: FormatOptions,
): { readonly identities: readonly NeutralIdentity[]; readonly findings: readonly Finding[] } {
  const read = names.map((each) => upstreamIdentity(each, options))
  return {
    identities: read.flatMap(({ identity }) => identity ?? []),
    findings: read.flatMap(({ finding }) => finding ?? []),
  }
}

/** A password whose kind shows in how it looks; what the operator has said goes before that. */
export function passwordByLook(
  hash: string | undefined,
  salt: string | undefined,
  { formula, secret }: Pick<FormatOptions, 'formula' | 'secret'>,
): PasswordEntry | undefined {
  if (!hash) return undefined
  const salted = salt ? { salt } : {}
  const look = looks.find(([pattern]) => pattern.test(hash))?.[1]
  if (look) return { algorithm: look, hash, ...(look === 'firebase_scrypt' && secret && { secret }) }
  if (formula) return { algorithm: 'formula', formula, hash, ...salted, ...(secret && { secret }) }
  const digest = { 40: 'sha1', 64: 'sha256', 128: 'sha512' }[hash.length]
  if (digest) return { algorithm: 'formula', formula: `${digest}(password${salt ? '+salt' : ''})`, hash, ...salted }
  return { algorithm: salt ? 'md5_salted' : 'md5', hash, ...salted }
}

const looks: readonly (readonly [RegExp, PasswordEntry['algorithm']])[] = [
  [/^\$(?:P|H|S)\$/, 'phpass'],
  [/^(?:\$wp)?\$2[aby]\$/, 'bcrypt'],
  [/^(?:argon2)?\$argon2/, 'argon2'],
  [/^\$scrypt\$/, 'scrypt'],
  [/^(?:\$pbkdf2-|pbkdf2_sha)/, 'pbkdf2'],
  [/^\$fbscrypt\$/, 'firebase_scrypt'],
  [/^\$UNI_ID_HMAC_SHA256\$/, 'uni_id'],
]

/** A member that is left away where there is nothing in it. */
export function present<Name extends keyof NeutralAccount>(
  name: Name,
  value: NeutralAccount[Name] | undefined,
): Partial<Pick<NeutralAccount, Name>> {
  return value === undefined ? {} : ({ [name]: value } as Partial<Pick<NeutralAccount, Name>>)
}
