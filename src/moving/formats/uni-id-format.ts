import {
  type Format,
  type FormatOptions,
  localIdentities,
  objectOf,
  objectsOf,
  present,
  textOf,
  type UpstreamNames,
  upstreamIdentities,
} from '../format.ts'
import type { NeutralIdentity } from '../neutral-account.ts'
import type { PasswordEntry } from '../password-entry.ts'
import type { RawRecord } from '../raw-rows.ts'

/** Statuses that lock: banned, in review, refused. Nothing is deleted there: a closed account is still in the file. */
const lockedStatuses = new Set([1, 2, 3])
const closedStatus = 4

/**
 * The collection `uni-id-users` of uniCloud. SECURITY: of its other members nothing is read, above all neither
 * `realname_auth` (names and numbers of identity cards) nor `third_party` (session keys of upstreams) nor `token`.
 */
export const uniIdFormat: Format = {
  name: 'uni-id',
  convert([part], options) {
    const record = part?.record ?? {}
    const status = Number(record['status'] ?? 0)
    if (status === closedStatus) return { leftOut: 'closed there; its data is still in the file, so delete that' }
    const mobile = textOf(record, 'mobile')
    const names = {
      phone: mobile && (mobile.startsWith('+') ? mobile : `+86${mobile}`),
      isPhoneProved: Number(record['mobile_confirmed'] ?? 0) === 1,
      email: textOf(record, 'email'),
      isEmailProved: Number(record['email_confirmed'] ?? 0) === 1,
      username: textOf(record, 'username'),
    }
    const { identities, findings } = upstreamIdentities(upstreamsOf(record, options), options)
    const account = {
      external_id: textOf(record, '_id') ?? textOf(objectOf(record['_id']), '$oid'),
      ...present('nickname', textOf(record, 'nickname')),
      ...present('picture', textOf(record, 'avatar') ?? textOf(objectOf(record['avatar_file']), 'url')),
      ...present('created_at', timeOf(record['register_date'])),
      ...(lockedStatuses.has(status) ? { status: 'locked' as const } : {}),
      identities: [...localIdentities(names, options).map((each) => used(each, record)), ...joined(identities)],
      ...present('password', passwordOf(record, options)),
    }
    return { account, findings }
  },
}

/** Newer versions write the openid of one app twice: under `mp` and under `mp_<id of the app at DCloud>`. */
function upstreamsOf(record: RawRecord, { apps }: FormatOptions): readonly UpstreamNames[] {
  const vendors = ['wx', 'qq'].flatMap((vendor) => {
    const openids = Object.entries(objectOf(record[`${vendor}_openid`]))
    const unionid = textOf(record, `${vendor}_unionid`)
    const all = openids.flatMap(([platform, value]) => {
      const openid = textOf({ value }, 'value')
      return openid ? [{ name: `${vendor}-${platform}`, openid }] : []
    })
    const known = new Set(all.flatMap(({ name, openid }) => (apps.has(name) ? [openid] : [])))
    const own = all.filter(({ name, openid }) => apps.has(name) || !known.has(openid))
    return [...own, ...(unionid ? [{ name: vendor, unionid }] : [])]
  })
  const [apple, alipay] = [textOf(record, 'apple_openid'), textOf(record, 'ali_openid')]
  const others = objectsOf(record['identities']).map((each) => ({
    name: textOf(each, 'provider') ?? 'upstream',
    openid: textOf(each, 'openid', 'uid'),
    unionid: textOf(each, 'unionid'),
  }))
  return [
    ...vendors,
    ...(apple ? [{ name: 'apple', id: apple }] : []),
    ...(alipay ? [{ name: 'alipay', id: alipay }] : []),
    ...others,
  ]
}

/** One person has one identity of a vendor, with the subjects of all apps of that vendor. */
function joined<Identity extends { provider: string; subject?: string | undefined; subjects?: string[] | undefined }>(
  identities: readonly Identity[],
): { provider: string; subjects: string[] }[] {
  const byProvider = Map.groupBy(identities, ({ provider }) => provider)
  return [...byProvider].map(([provider, all]) => {
    const subjects = all.flatMap(({ subject, subjects: several = [] }) => (subject ? [subject] : several))
    const isUnion = (subject: string) => subject.startsWith('unionid:')
    return { provider, subjects: [...new Set([...subjects.filter(isUnion), ...subjects])] }
  })
}

/** Whoever logged in there had the number then. */
function used<Identity extends NeutralIdentity>(identity: Identity, record: RawRecord): Identity {
  const at = timeOf(record['last_login_date'])
  return at === undefined ? identity : { ...identity, last_used_at: at }
}

function timeOf(value: unknown): number | string | undefined {
  const plain = objectOf(value)['$date'] ?? value
  return typeof plain === 'number' || typeof plain === 'string' ? plain : undefined
}

function passwordOf(record: RawRecord, { secret, secretNames }: FormatOptions): PasswordEntry | undefined {
  const hash = textOf(record, 'password')
  if (!hash) return undefined
  if (hash.startsWith('$')) return { algorithm: 'uni_id', hash }
  const version = textOf(record, 'password_secret_version')
  // Without a version it was the oldest secret that the site has had.
  const oldest = [...secretNames]
    .filter((name) => /^uni_id_\d+$/.test(name))
    .sort((a, b) => numberOf(a) - numberOf(b))[0]
  return { algorithm: 'uni_id', hash, secret: secret ?? (version ? `uni_id_${version}` : (oldest ?? 'uni_id_1')) }
}

function numberOf(name: string): number {
  return Number(name.replace(/\D+/, ''))
}
