import type { UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
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

interface LoginRow {
  readonly id: UserId
  readonly status: UserStatus
  readonly hash: string | null
  readonly devices_forgotten: number
  readonly is_key_known: boolean
}

const findByIdentifier = statement(
  'accounts_find_by_identifier',
  sql`
    select u.id, u.status, p.hash, ${deviceStandingColumns}
    from identity_subjects s
    join identities i on i.id = s.identity_id and i.verified_at is not null
    join users u on u.id = i.user_id
    left join passwords p on p.user_id = u.id
    where s.provider = ${param.text('provider')} and s.subject = ${param.text('subject')}`,
)

/** The user a proved identifier belongs to, as the directory answers it. */
export async function findLogin(
  { database, nowMs }: { readonly database: Pick<Database, 'readQuery'>; readonly nowMs: number },
  { provider, subject }: ParsedIdentifier,
  device: Device,
): Promise<LoginAccount | undefined> {
  const values = { provider, subject, deviceKey: device.key ?? null, oldestUse: new Date(oldestKnownUse(nowMs)) }
  const { rows } = await database.readQuery<LoginRow>(findByIdentifier.with(values))
  const [row] = rows
  if (!row) return undefined
  const standing = { userId: row.id, forgottenAt: row.devices_forgotten, isKeyKnown: row.is_key_known }
  return {
    userId: row.id,
    status: row.status,
    passwordHash: row.hash ?? undefined,
    knownDevice: knownDeviceName(device, standing, nowMs),
  }
}
