import { type Format, isYes, localIdentities, passwordByLook, present, textOf } from '../format.ts'

/** WordPress: `wp_users`, and `wp_usermeta` with the nickname. */
export const wordPressFormat: Format = {
  name: 'wordpress',
  tables: ['users', 'usermeta'],
  partOf({ table, record }) {
    const key = table === 'users' ? textOf(record, 'ID', 'id') : textOf(record, 'user_id')
    return key ? { key } : undefined
  },
  convert(parts, options) {
    const user = parts.find(({ table }) => table === 'users')?.record
    if (!user) return { leftOut: 'settings without a row in users' }
    if (isYes(user, 'spam', 'deleted')) return { leftOut: 'deleted there' }
    const meta = parts.find(({ table, record }) => table === 'usermeta' && record['meta_key'] === 'nickname')?.record
    const registered = textOf(user, 'user_registered')
    const names = { email: textOf(user, 'user_email'), username: textOf(user, 'user_login') }
    const none = { formula: options.formula, secret: options.secret }
    const account = {
      external_id: textOf(user, 'ID', 'id'),
      ...present('nickname', textOf(meta ?? {}, 'meta_value') ?? textOf(user, 'display_name')),
      // It writes the time of Greenwich, and zeros for none.
      ...present('created_at', registered && !registered.startsWith('0000') ? `${registered}Z` : undefined),
      identities: localIdentities(names, options),
      ...present('password', passwordByLook(textOf(user, 'user_pass'), undefined, none)),
    }
    return { account }
  },
}
