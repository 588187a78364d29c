import type { UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import { digest } from '../store/seal.ts'
import { param, sql, statement } from '../store/statement.ts'
import type { ParsedIdentifier } from './identifier.ts'
import { type Device, deviceStandingColumns, knownDeviceName, oldestKnownUse } from './known-devices.ts'
import type { UserStatus } from './user.ts'

/** What a login needs to know about an identifier before anything is proved. */
export interface LoginAccount {
  readonly userId: UserId
  readonly status: UserStatus
  readonly passwordHash: string | undefined
  /** What the tries of the device that asks are counted under; undefined: it never logged in to this account. */
  readonly knownDevice: string | undefined
}

/** The account that an identifier leads to, if it leads to one. */
export interface FoundLogin {
  readonly account: LoginAccount | undefined
  /**
   * The password of another account, always the same one for the same identifier; undefined: nobody has one. SECURITY:
   * what is derived for an account without a password, or for none, costs what it costs for one that there is, however
   * many kinds of hashes were brought from elsewhere.
   */
  readonly likeHash: string | undefined
}

interface LoginRow {
  readonly id: UserId | null
  readonly like_hash: string | null
  readonly status: UserStatus
  readonly hash: string | null
  readonly devices_forgotten: number
  readonly is_key_known: boolean
}

const findByIdentifier = statement(
  'accounts_find_by_identifier',
  sql`
    select u.id, u.status, p.hash, ${deviceStandingColumns}, coalesce(
        (select hash from passwords where user_id >= ${param.text('somebody')} order by user_id limit 1),
        (select hash from passwords order by user_id limit 1)
      ) as like_hash
    from (select 1) as asked
    left join (
      identity_subjects s
      join identities i on i.id = s.identity_id and i.verified_at is not null
      join users u on u.id = i.user_id
    ) on s.provider = ${param.text('provider')} and s.subject = ${param.text('subject')}
    left join passwords p on p.user_id = u.id`,
)

/** The user a proved identifier belongs to, as the directory answers it. */
export async function findLogin(
  { database, nowMs }: { readonly database: Pick<Database, 'readQuery'>; readonly nowMs: number },
  { provider, subject }: ParsedIdentifier,
  device: Device,
): Promise<FoundLogin> {
  const somebody = `usr_${digest(`${provider}:${subject}`).toLowerCase()}`
  const values = {
    provider,
    subject,
    somebody,
    deviceKey: device.key ?? null,
    oldestUse: new Date(oldestKnownUse(nowMs)),
  }
  const { rows } = await database.readQuery<LoginRow>(findByIdentifier.with(values))
  const [row] = rows
  const likeHash = row?.like_hash ?? undefined
  if (!row?.id) return { account: undefined, likeHash }
  const standing = { userId: row.id, forgottenAt: row.devices_forgotten, isKeyKnown: row.is_key_known }
  const account: LoginAccount = {
    userId: row.id,
    status: row.status,
    passwordHash: row.hash ?? undefined,
    knownDevice: knownDeviceName(device, standing, nowMs),
  }
  return { account, likeHash }
}
