import { type Format, localIdentities, present, textOf } from '../format.ts'
import type { RawRecord } from '../raw-rows.ts'

/** Discuz! and UCenter: `ucenter_members`, and `common_member` with what the forum knows. */
export const discuzFormat: Format = {
  name: 'discuz',
  tables: ['ucenter_members', 'common_member'],
  partOf({ record }) {
    const key = textOf(record, 'uid')
    return key ? { key } : undefined
  },
  convert(parts, options) {
    const member = parts.find(({ table }) => table === 'ucenter_members')?.record
    const forum = parts.find(({ table }) => table === 'common_member')?.record ?? {}
    if (!member) return { leftOut: 'a member of the forum whom UCenter does not know' }
    const code = textOf(member, 'secmobicc')
    const mobile = textOf(member, 'secmobile')
    const names = {
      phone: mobile && mobile !== '0' ? `${code && code !== '0' ? `+${code}` : ''}${mobile}` : undefined,
      email: textOf(member, 'email'),
      isEmailProved: Number(forum['emailstatus'] ?? 0) === 1,
      username: textOf(member, 'username'),
    }
    const hash = textOf(member, 'password')
    const account = {
      external_id: textOf(member, 'uid'),
      ...present('nickname', textOf(member, 'username')),
      ...present('created_at', textOf(member, 'regdate') ?? textOf(forum, 'regdate')),
      ...(Number(forum['status'] ?? 0) === -1 ? { status: 'locked' as const } : {}),
      identities: localIdentities(names, options),
      ...(hash && { password: passwordOf(hash, member, options.formula) }),
    }
    return { account }
  },
}

/** X3.5 and newer leave the salt empty and use bcrypt. */
function passwordOf(hash: string, member: RawRecord, formula: string | undefined) {
  const salt = textOf(member, 'salt')
  if (!salt || hash.startsWith('$')) return { algorithm: 'bcrypt', hash }
  return formula ? { algorithm: 'formula', formula, hash, salt } : { algorithm: 'discuz', hash, salt }
}
