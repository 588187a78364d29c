import {
  type Format,
  localIdentities,
  type Part,
  passwordByLook,
  present,
  textOf,
  upstreamIdentities,
} from '../format.ts'
import type { RawRecord } from '../raw-rows.ts'

/**
 * Four tables, as many Chinese sites have had them: `users`; `user_auth_rel`, which says whose a row of the others is;
 * `user_local_auth` with names, numbers and passwords; `user_third_auth` with the openids of upstreams.
 */
export const seedTables: Format = {
  name: 'seed-tables',
  tables: ['users', 'user_auth_rel', 'user_local_auth', 'user_third_auth'],
  partOf({ table, record }) {
    const auth = textOf(record, 'auth_id', 'id')
    if (table === 'users') return keyed(textOf(record, 'id', 'user_id', 'uid'))
    const userId = textOf(record, 'user_id', 'uid')
    if (table === 'user_auth_rel') {
      const kind = isThird(record) ? 'third' : 'local'
      return userId && auth ? { key: userId, link: `${kind}:${textOf(record, 'auth_id')}` } : undefined
    }
    if (userId) return { key: userId }
    return keyed(auth && `${table === 'user_third_auth' ? 'third' : 'local'}:${auth}`)
  },
  convert(parts, options) {
    const user = only(parts, 'users')
    const locals = parts.filter(({ table }) => table === 'user_local_auth').map(({ record }) => record)
    const thirds = parts.filter(({ table }) => table === 'user_third_auth').map(({ record }) => record)
    if (!user) return { leftOut: 'ways in without a row in users' }
    if (Number(user['is_deleted'] ?? 0) === 1 || user['deleted_at']) return { leftOut: 'deleted there' }
    const { identities, findings } = upstreamIdentities(thirds.map(upstreamOf), options)
    const withPassword = locals.find((each) => textOf(each, 'password'))
    const password =
      withPassword && passwordByLook(textOf(withPassword, 'password'), textOf(withPassword, 'salt'), options)
    const account = {
      external_id: textOf(user, 'id', 'user_id', 'uid'),
      ...present('nickname', textOf(user, 'nickname', 'nick_name', 'name')),
      ...present('picture', textOf(user, 'avatar', 'picture', 'head_img')),
      ...present('created_at', textOf(user, 'created_at', 'create_time', 'gmt_create')),
      ...(isLocked(user) ? { status: 'locked' as const } : {}),
      identities: [...locals.flatMap((each) => localIdentities(namesOf(each), options)), ...identities],
      ...present('password', password),
    }
    return { account, findings }
  },
}

function keyed(key: string | undefined): { readonly key: string } | undefined {
  return key ? { key } : undefined
}

function only(parts: readonly Part[], wanted: string): RawRecord | undefined {
  return parts.find(({ table }) => table === wanted)?.record
}

/** A relation says `third`, or the name of a vendor, or the name of the table. */
function isThird(record: RawRecord): boolean {
  return /third|wechat|weixin|wx|qq|weibo|github|apple|oauth/i.test(textOf(record, 'auth_type', 'type') ?? '')
}

function namesOf(record: RawRecord) {
  return {
    phone: textOf(record, 'mobile', 'phone', 'phone_number'),
    isPhoneProved: isProved(record),
    email: textOf(record, 'email'),
    isEmailProved: isProved(record),
    username: textOf(record, 'username', 'user_name', 'account'),
  }
}

function isProved(record: RawRecord): boolean {
  return ['1', 'true'].includes(String(record['verified'] ?? record['is_verified'] ?? ''))
}

function upstreamOf(record: RawRecord) {
  return {
    name: textOf(record, 'login_type', 'third_type', 'platform', 'type', 'provider') ?? 'third',
    openid: textOf(record, 'openid', 'open_id', 'third_id'),
    unionid: textOf(record, 'unionid', 'union_id'),
  }
}

function isLocked(user: RawRecord): boolean {
  return /^(locked|disabled|banned|forbidden)$/i.test(textOf(user, 'status', 'state') ?? '')
}
