import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { UserId } from '../base/ids.ts'
import type { PlacedLogin, PlaceLogin } from '../ops/login-places.ts'
import type { Database } from '../store/postgres.ts'
import { param, sql, statement } from '../store/statement.ts'
import { type QueueOwnerMessage, tellNobody } from './owner-messages.ts'

/**
 * What a browser or an app shows of itself before anybody knows who sits there. It lets nobody in: it only says to
 * which accounts somebody has logged in with it before, and so whose tries it uses.
 */
export interface Device {
  /** A browser's, from its cookie. */
  readonly marks: readonly Mark[]
  /** What a browser is counted under, whichever account it logs in to; absent before its first login. */
  readonly browser?: string | undefined
  /** Thumbprint of the key that an app proved with this request. */
  readonly key?: string | undefined
}

/** That a browser has logged in to an account. */
interface Mark {
  readonly userId: UserId
  /** What the tries of this browser are counted under. */
  readonly id: string
  /** Milliseconds since the epoch of its last login. */
  readonly usedAt: number
  /** When the devices of the account had last been forgotten, see `DeviceStanding`. */
  readonly forgottenAt: number
}

/** A mark as the cookie holds it. */
type Row = readonly [userId: UserId, id: string, usedAt: number, forgottenAt: number]

/** What the account table says of an account and a device. */
interface DeviceStanding {
  readonly userId: UserId
  /** When all devices of the account were forgotten last, in milliseconds since the epoch; 0: never. */
  readonly forgottenAt: number
  /** Whether the key of the app is one of the account's. */
  readonly isKeyKnown: boolean
}

/** A successful login. */
export interface DeviceUse {
  readonly userId: UserId
  /** When it was proved, in seconds since the epoch. */
  readonly authTime: number
  /**
   * Given where somebody has logged in to an account that was there before: its owner is told when the device is new to
   * it, and when the province is. `name` is what they know the device by.
   */
  readonly login?: (Pick<PlacedLogin, 'ip' | 'requestId'> & { readonly name: string | undefined }) | undefined
}

/** What has never logged in to anything. */
export const unknownDevice: Device = { marks: [] }

/** Whether a device can be known to no account, which saves looking. */
export function isUnknown({ marks, key }: Device): boolean {
  return marks.length === 0 && key === undefined
}

/** What a browser or app is called by, whosever account it is used for; undefined: it has not been here before. */
export function installationOf({ browser, key }: Device = unknownDevice): string | undefined {
  if (key !== undefined) return `key ${key}`
  return browser === undefined ? undefined : `browser ${browser}`
}

/** How long a device is known after its last login to an account. */
export const knownDeviceMs = 180 * 86_400_000
/** Accounts that one browser is known to. */
const maxMarks = 5
/** Apps that are known to one account. */
const maxKeys = 20
/** A cookie that is longer is not of our making, and is not opened. */
const maxCookieLength = 1500

const forgottenColumn = `coalesce(floor(extract(epoch from devices_forgotten_at) * 1000), 0)::float8`

/**
 * Columns of a query about a user `u`. A device that was there before everything was signed out elsewhere is compared
 * with the time of that, and not with a clock: of two processes with two clocks neither lets one of them slip through.
 */
export const deviceStandingColumns = sql`${forgottenColumn.replace('devices_', 'u.devices_')} as devices_forgotten,
    exists (
      select from known_devices d where d.user_id = u.id and d.key = ${param.textOrNull('deviceKey')}
        and d.used_at > ${param.time('oldestUse')}
    ) as is_key_known`

const userId = param.text('userId')

const readForgotten = statement(
  'known_devices_forgotten',
  sql`select ${forgottenColumn} as forgotten from users where id = ${userId} and status <> 'deleted'`,
)

const key = param.text('key')

/**
 * The user is locked, so that a login that was proved before devices were forgotten adds none afterwards. The use is
 * noted once a day; of too many keys the one that was used longest ago goes. Answers whether the key was known before.
 */
const rememberKey = statement(
  'known_devices_remember',
  sql`
    with owner as (
      select id from users
      where id = ${userId} and status <> 'deleted'
        and coalesce(date_trunc('milliseconds', devices_forgotten_at) <= ${param.time('provedAt')}, true)
      for share
    ),
    known as (
      select from known_devices
      where user_id = ${userId} and key = ${key} and used_at > ${param.time('oldestUse')}
    ),
    used as (
      insert into known_devices (user_id, key, used_at) select id, ${key}, ${param.time('usedAt')} from owner
      on conflict (user_id, key) do update set used_at = excluded.used_at
      where known_devices.used_at < excluded.used_at - interval '1 day'
    ),
    forgotten as (
      delete from known_devices where user_id = ${userId} and key <> ${key} and (used_at <= ${param.time('oldestUse')} or key in (
        select key from known_devices where user_id = ${userId} and key <> ${key} order by used_at desc offset ${maxKeys - 1}
      ))
    )
    select exists (select from known) as was_known`,
)

/** The last use of a device that is not known any more, in milliseconds since the epoch. */
export function oldestKnownUse(nowMs: number): number {
  return nowMs - knownDeviceMs
}

/**
 * What the tries of a device at an account are counted under; undefined when it never logged in to it, too long ago, or
 * when everything was signed out elsewhere since.
 */
export function knownDeviceName(
  device: Device,
  { userId, forgottenAt, isKeyKnown }: DeviceStanding,
  nowMs: number,
): string | undefined {
  if (isKeyKnown) return `key ${device.key}`
  const mark = device.marks.find((each) => each.userId === userId)
  return mark?.forgottenAt === forgottenAt && mark.usedAt > oldestKnownUse(nowMs) ? `mark ${mark.id}` : undefined
}

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  /** Tells owners of a device that is new. */
  readonly tell?: QueueOwnerMessage
  /** Says where a login came from; absent: nobody knows. */
  readonly placeOf?: PlaceLogin
  /** SECURITY: of a purpose of their own, so that nothing else that is sealed opens as a mark. */
  readonly seal: (plaintext: string) => string
  readonly open: (sealed: string) => string
}

/** The installations that have logged in to an account: the scheme of the OWASP device cookie, and keys of apps. */
export class KnownDevices {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /**
   * The browser that sent a cookie. What is not of our making, too long or sealed under a key that is gone says
   * nothing.
   */
  browser(cookie: string | undefined): Device {
    if (cookie === undefined || cookie === '' || cookie.length > maxCookieLength) return unknownDevice
    try {
      const kept = JSON.parse(this.#deps.open(cookie)) as readonly Row[] | { readonly id: string; readonly rows: Row[] }
      const { id: browser, rows } = 'rows' in kept ? kept : { id: undefined, rows: kept }
      const marks = rows.map(([userId, id, usedAt, forgottenAt]) => ({ userId, id, usedAt, forgottenAt }))
      return { marks, browser }
    } catch {
      return unknownDevice
    }
  }

  /** The app that proved a key. */
  app(key: string | undefined): Device {
    return key === undefined ? unknownDevice : { marks: [], key }
  }

  /**
   * After a login with it a browser is known to the account: answers its new cookie, or undefined when there is nothing
   * to keep. A browser that was known keeps its name, so that logging in again brings it no further tries.
   */
  async rememberBrowser(device: Device, use: DeviceUse): Promise<string | undefined> {
    const { userId, authTime } = use
    const { database, clock, seal } = this.#deps
    const { rows } = await database.readQuery<{ forgotten: number }>(readForgotten.with({ userId }))
    const forgottenAt = rows[0]?.forgotten
    if (forgottenAt === undefined || forgottenAt > endOf(authTime)) return undefined
    const before = device.marks.find((each) => each.userId === userId && each.forgottenAt === forgottenAt)
    if (before === undefined || before.usedAt <= oldestKnownUse(clock())) await this.#tellOfNew(use)
    const mark = { userId, id: before?.id ?? newName(), usedAt: clock(), forgottenAt }
    const others = device.marks.filter((each) => each.userId !== userId && each.usedAt > oldestKnownUse(clock()))
    const rest = others.toSorted((a, b) => b.usedAt - a.usedAt).slice(0, maxMarks - 1)
    const kept = [mark, ...rest].map((each): Row => [each.userId, each.id, each.usedAt, each.forgottenAt])
    return seal(JSON.stringify({ id: device.browser ?? newName(), rows: kept }))
  }

  /**
   * After a login with it an app is known to the account by its key. Nobody can tell whether an app without one is new,
   * and its owner would hear of every launch: they hear of those from a province where they have not been before.
   */
  async rememberApp({ key }: Device, use: DeviceUse): Promise<void> {
    if (key === undefined) return this.#tellOfNew(use, 'place')
    const { userId, authTime } = use
    const { database, clock } = this.#deps
    const nowMs = clock()
    const times = { usedAt: new Date(nowMs), provedAt: new Date(endOf(authTime)) }
    const values = { userId, key, ...times, oldestUse: new Date(oldestKnownUse(nowMs)) }
    const { rows } = await database.commitQuery<{ was_known: boolean }>(rememberKey.with(values))
    if (!rows[0]?.was_known) await this.#tellOfNew(use)
  }

  async #tellOfNew({ userId, login }: DeviceUse, news: 'device' | 'place' = 'device'): Promise<void> {
    if (!login) return
    const { database, clock, tell = tellNobody, placeOf = async () => undefined } = this.#deps
    const { name, ip, requestId } = login
    const found = await placeOf({ userId, ip, requestId })
    if (news === 'place' && !found?.isNew) return
    const what = { label: name, ...(found && { place: found.place, isNewPlace: found.isNew }) }
    await tell(database.knex, { userId, event: 'new_device', at: new Date(clock()), what })
  }
}

function newName(): string {
  return randomBytes(9).toString('base64url')
}

/** The last millisecond of a second, all of which may have been the moment. */
function endOf(authTime: number): number {
  return authTime * 1000 + 999
}
