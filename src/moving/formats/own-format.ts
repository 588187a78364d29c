import { type Format, type FormatOptions, isYes, localIdentities, present, textOf } from '../format.ts'
import type { RawRecord } from '../raw-rows.ts'

const fixed = new Set([
  'external_id',
  'nickname',
  'picture',
  'created_at',
  'status',
  'deletion_at',
  'phone',
  'phone_verified',
  'email',
  'email_verified',
  'username',
  'password_algorithm',
  'password_hash',
  'password_salt',
  'password_formula',
  'password_secret',
])
const ofUpstream = 'identity:'

/** Our own form: what `users export --all` writes, and the same in columns. */
export const ownFormat: Format = {
  name: 'menshen',
  keepsIds: true,
  convert([part], options) {
    const given = part?.record ?? {}
    if ('identities' in given) return { account: given }
    const record = options.columns ? renamed(given, options.columns) : given
    const unknown = Object.keys(record).filter((name) => !fixed.has(name) && !name.startsWith(ofUpstream))
    const local = localIdentities(
      {
        phone: textOf(record, 'phone'),
        isPhoneProved: isYes(record, 'phone_verified'),
        email: textOf(record, 'email'),
        isEmailProved: isYes(record, 'email_verified'),
        username: textOf(record, 'username'),
      },
      options,
    )
    const account = {
      external_id: textOf(record, 'external_id'),
      ...present('nickname', textOf(record, 'nickname')),
      ...present('picture', textOf(record, 'picture')),
      ...present('created_at', textOf(record, 'created_at')),
      ...(record['status'] === undefined ? {} : { status: record['status'] }),
      ...present('deletion_at', textOf(record, 'deletion_at')),
      identities: [...local, ...upstreams(record)],
      ...passwordOf(record),
      // What nobody knows is told of, and not lost.
      ...Object.fromEntries(unknown.map((name) => [name, record[name]])),
    }
    return { account }
  },
}

/** What no one has named stays as it is called. */
function renamed(record: RawRecord, columns: NonNullable<FormatOptions['columns']>): RawRecord {
  const entries = Object.entries(record).flatMap(([name, value]) => {
    const ours = columns.has(name) ? columns.get(name) : name
    return ours === undefined ? [] : [[ours, value] as const]
  })
  return Object.fromEntries(entries)
}

/** A column `identity:wechat` has the subjects of that provider, with spaces between them. */
function upstreams(record: RawRecord) {
  return Object.keys(record)
    .filter((name) => name.startsWith(ofUpstream))
    .flatMap((name) => {
      const subjects = (textOf(record, name) ?? '').split(' ').filter(Boolean)
      return subjects.length > 0 ? [{ provider: name.slice(ofUpstream.length), subjects }] : []
    })
}

function passwordOf(record: RawRecord): { readonly password?: object } {
  const algorithm = textOf(record, 'password_algorithm')
  const hash = textOf(record, 'password_hash')
  if (algorithm === undefined && hash === undefined) return {}
  const rest = ['salt', 'formula', 'secret'].flatMap((name) => {
    const value = textOf(record, `password_${name}`)
    return value === undefined ? [] : [[name, value] as const]
  })
  return { password: { algorithm, hash, ...Object.fromEntries(rest) } }
}
