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
import { readMoment } from '../moments.ts'
import type { RawRecord } from '../raw-rows.ts'

/** The tables `auth.users` and `auth.identities` of Supabase. */
export const supabaseFormat: Format = {
  name: 'supabase',
  tables: ['users', 'identities'],
  partOf({ table, record }) {
    const key = textOf(record, table === 'users' ? 'id' : 'user_id')
    return key ? { key } : undefined
  },
  convert(parts, options) {
    const user = parts.find(({ table }) => table === 'users')?.record
    if (!user) return { leftOut: 'identities without a row in users' }
    if (user['deleted_at']) return { leftOut: 'deleted there' }
    if (isYes(user, 'is_anonymous')) return { leftOut: 'an account of nobody' }
    const phone = textOf(user, 'phone')
    const names = {
      phone: phone && `+${phone.replace(/^\+/, '')}`,
      isPhoneProved: user['phone_confirmed_at'] !== undefined && user['phone_confirmed_at'] !== null,
      email: textOf(user, 'email'),
      isEmailProved: user['email_confirmed_at'] !== undefined && user['email_confirmed_at'] !== null,
    }
    const upstream = upstreamIdentities(
      parts
        .filter(({ table, record }) => table === 'identities' && !isLocal(record))
        .map(({ record }) => ({
          name: textOf(record, 'provider') ?? 'upstream',
          id: textOf(record, 'provider_id') ?? textOf(objectOf(record['identity_data']), 'sub'),
        })),
      options,
    )
    const told = objectOf(user['raw_user_meta_data'])
    const said = { formula: undefined, secret: options.secret }
    const account = {
      external_id: textOf(user, 'id'),
      ...present('nickname', textOf(told, 'nickname', 'name', 'full_name')),
      ...present('picture', textOf(told, 'avatar_url', 'picture')),
      ...present('created_at', textOf(user, 'created_at')),
      ...(isBanned(user, options.nowMs) ? { status: 'locked' as const } : {}),
      identities: [...localIdentities(names, options), ...upstream.identities],
      ...present('password', passwordByLook(textOf(user, 'encrypted_password'), undefined, said)),
    }
    return { account, findings: upstream.findings }
  },
}

function isLocal(record: RawRecord): boolean {
  return ['email', 'phone'].includes(textOf(record, 'provider') ?? '')
}

function isBanned(user: RawRecord, nowMs: number): boolean {
  const until = textOf(user, 'banned_until')
  return until !== undefined && (readMoment(until)?.getTime() ?? Number.POSITIVE_INFINITY) > nowMs
}
