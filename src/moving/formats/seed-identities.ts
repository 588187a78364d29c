import { type Format, isYes, passwordByLook, present, textOf, upstreamIdentities } from '../format.ts'
import type { NeutralIdentity } from '../neutral-account.ts'
import type { RawRecord } from '../raw-rows.ts'

const localKinds: Readonly<Record<string, 'phone' | 'email' | 'username'>> = {
  phone: 'phone',
  mobile: 'phone',
  email: 'email',
  username: 'username',
  account: 'username',
}

/**
 * The variant with one table beside `users`: `user_auths` with `user_id`, `identity_type`, `identifier`, `credential`.
 * The credential of a name, number or address is the password; that of an upstream is its token, which is left behind.
 */
export const seedIdentities: Format = {
  name: 'seed-identities',
  tables: ['users', 'user_auths', 'user_identities'],
  partOf({ table, record }) {
    const key = table === 'users' ? textOf(record, 'id', 'user_id', 'uid') : textOf(record, 'user_id', 'uid')
    return key ? { key } : undefined
  },
  convert(parts, options) {
    const user = parts.find(({ table }) => table === 'users')?.record
    const ways = parts.filter(({ table }) => table !== 'users').map(({ record }) => record)
    if (user && (isYes(user, 'is_deleted') || user['deleted_at'])) return { leftOut: 'deleted there' }
    const locals = ways.filter((each) => kindOf(each) !== undefined)
    const thirds = ways.filter((each) => kindOf(each) === undefined)
    const upstream = upstreamIdentities(
      thirds.map((each) => ({
        name: textOf(each, 'identity_type') ?? 'third',
        openid: textOf(each, 'identifier'),
        unionid: textOf(each, 'unionid', 'union_id'),
      })),
      options,
    )
    const withPassword = locals.find((each) => textOf(each, 'credential'))
    const password =
      withPassword && passwordByLook(textOf(withPassword, 'credential'), textOf(withPassword, 'salt'), options)
    const account = {
      external_id: textOf(user ?? {}, 'id', 'user_id', 'uid') ?? textOf(ways[0] ?? {}, 'user_id', 'uid'),
      ...present('nickname', textOf(user ?? {}, 'nickname', 'nick_name', 'name')),
      ...present('picture', textOf(user ?? {}, 'avatar', 'picture')),
      ...present('created_at', textOf(user ?? {}, 'created_at', 'create_time')),
      ...(/^(locked|disabled|banned|forbidden)$/i.test(textOf(user ?? {}, 'status') ?? '')
        ? { status: 'locked' as const }
        : {}),
      identities: [...locals.map((each) => localOf(each, options.proved)), ...upstream.identities],
      ...present('password', password),
    }
    return { account, findings: upstream.findings }
  },
}

function kindOf(record: RawRecord) {
  return localKinds[(textOf(record, 'identity_type') ?? '').toLowerCase()]
}

function localOf(record: RawRecord, proved: ReadonlySet<string>): NeutralIdentity {
  const provider = kindOf(record) ?? 'username'
  const subject = textOf(record, 'identifier') ?? ''
  const isProved = provider === 'username' || isYes(record, 'verified', 'is_verified') || proved.has(provider)
  return { provider, subject, verified: isProved }
}
