import type { Clock } from '../../base/clock.ts'
import type { UserId } from '../../base/ids.ts'
import type { Database } from '../../store/postgres.ts'
import { clientsThatStay } from '../clients/browser-clients.ts'
import { isBoundSql, isSignedInSql, memberNumberSql, memberSql, payloadSql } from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'
import type { SignIn } from '../records/sign-in.ts'
import { type EndingScope, heldGrantsText } from './endings.ts'

/** Somewhere a user is signed in, and what ends when they sign out there. */
export interface Device {
  /** A browser with the apps that end with it, or an app that stays signed in on its own. */
  readonly kind: 'session' | 'grant'
  readonly id: string
  readonly clientIds: readonly string[]
  readonly signIn: Partial<SignIn>
  readonly createdAt: Date
  /** To the hour for browsers. */
  readonly lastUsedAt: Date
  readonly expiresAt: Date
}

interface DeviceRow {
  readonly kind: 'session' | 'grant'
  readonly id: string
  readonly clients: readonly string[] | null
  readonly about: string | null
  readonly created: number
  readonly used: number
  readonly expires_at: Date
}

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
}

/** One page of the places where a user is signed in. */
export interface DevicePage {
  readonly devices: readonly Device[]
  /** What to ask for the page after this one; undefined: there is none. */
  readonly next: string | undefined
}

/** How many places a page of the list has. */
export const devicesOfPage = 50

/**
 * Where a user is signed in now: browser sessions, and grants that outlive them while a token does. What was used last
 * comes first, but the session `here` before everything; what was given one name, as an app names its device, stands
 * together. Where the place `after` has ended meanwhile the list begins again.
 */
export async function listDevices(
  deps: Dependencies,
  userId: UserId,
  { after, here, limit = devicesOfPage }: DevicePageAsked = {},
): Promise<DevicePage> {
  const rows = await read<DeviceRow>(deps, listText, {
    ...{ userId, after: after ?? null, here: here ?? null },
    most: limit + 1,
  })
  const devices = rows.slice(0, limit).map(deviceOf)
  return { devices, next: rows.length > limit ? devices.at(-1)?.id : undefined }
}

/** Which page of the list. */
export interface DevicePageAsked {
  /** `next` of the page before. */
  readonly after?: string | undefined
  /** The session of the browser that is looked at. */
  readonly here?: string | undefined
  readonly limit?: number
}

/** The place of a user with this id; undefined when they are not signed in there. */
export async function findDevice(deps: Dependencies, userId: UserId, id: string): Promise<Device | undefined> {
  const [row] = await read<DeviceRow>(deps, `${listedText} select * from listed where id = :id`, { userId, id })
  return row && deviceOf(row)
}

/** At how many places a user is signed in. */
export async function countDevices(deps: Dependencies, userId: UserId): Promise<number> {
  const [row] = await read<{ count: number }>(deps, `${listedText} select cast(count(*) as int) as count from listed`, {
    userId,
  })
  return row?.count ?? 0
}

async function read<Row>(
  { database: { knex }, clock }: Dependencies,
  text: string,
  values: Readonly<Record<string, string | number | null>>,
): Promise<readonly Row[]> {
  const times = { now: new Date(clock()), staying: await clientsThatStay(knex) }
  return (await knex.raw<{ rows: readonly Row[] }>(text, { ...values, ...times })).rows
}

function deviceOf(row: DeviceRow): Device {
  return {
    kind: row.kind,
    id: row.id,
    clientIds: row.clients ?? [],
    signIn: row.about === null ? {} : (JSON.parse(row.about) as SignIn),
    createdAt: new Date(row.created * 1000),
    lastUsedAt: new Date(row.used * 1000),
    expiresAt: row.expires_at,
  }
}

/** What ends when somebody signs out at an entry of the list. */
export function endingOf({ kind, id }: Pick<Device, 'kind' | 'id'>): EndingScope {
  return kind === 'session' ? { kind, sessionUid: id } : { kind, grantId: id }
}

/** A login that was ended because one of its codes or tokens came a second time: somebody else may have it. */
export interface Alarm {
  readonly at: Date
  readonly clientId: string | undefined
  /** Where the second use came from. */
  readonly ip: string | undefined
}

const alarmMs = 90 * 86_400_000
const mostAlarms = 5

/** Alarms of the last 90 days, the newest first. */
export async function listAlarms(
  { database, clock }: { readonly database: Database; readonly clock: Clock },
  userId: UserId,
): Promise<readonly Alarm[]> {
  const rows: { at: Date; client_id: string | null; ip: string | null }[] = await database
    .knex('audit_events')
    .where({ user_id: userId, event: 'token.reused' })
    .where('at', '>', new Date(clock() - alarmMs))
    .orderBy('at', 'desc')
    .limit(mostAlarms)
    .select('at', 'client_id', 'ip')
  return rows.map(({ at, client_id, ip }) => ({ at, clientId: client_id ?? undefined, ip: ip ?? undefined }))
}

const { Session, Grant, RefreshToken, AccessToken } = durableModels

/** When a session or token was used last, in seconds since the epoch, as SQL; `row` is its row. */
export function lastUseSql(row: string): string {
  return `coalesce(cast(extract(epoch from ${row}.used_at) as float8), ${memberNumberSql(payloadSql(row), 'iat')})`
}

const listedText = `
  with ${heldGrantsText('session.user_id = :userId and session.expires_at > :now')}, listed as (
    select 'session' as kind, s.uid as id, s.about, ${memberNumberSql(payloadSql('s'), 'loginTs')} as created, ${lastUseSql('s')} as used, s.expires_at,
      (select jsonb_agg(client_id order by client_id) from held where uid = s.uid and ends_with_session) as clients
    from oidc_records s
    where s.model = ${Session} and s.user_id = :userId and s.expires_at > :now
      and ${isSignedInSql(payloadSql('s'))}
    union all
    select 'grant', g.id, g.about, ${memberNumberSql(payloadSql('g'), 'iat')}, ${lastUseSql('t')}, t.expires_at,
      jsonb_build_array(${memberSql(payloadSql('g'), 'clientId')})
    from oidc_records g
    cross join lateral (
      select * from oidc_records token
      where token.grant_id = g.id and token.model in (${RefreshToken}, ${AccessToken})
        and token.consumed_at is null and token.expires_at > :now
        and not ${isBoundSql(payloadSql('token'))}
      order by token.model, token.expires_at desc limit 1
    ) t
    where g.model = ${Grant} and g.user_id = :userId and g.expires_at > :now
      and g.id not in (select grant_id from held where ends_with_session)
  )`

/** Two browsers of one name may be two machines; apps that give their device one name are on one. */
const listText = `${listedText}, named as (
    select *, case kind when 'grant' then coalesce('name ' || (cast(about as jsonb) ->> 'device'), id) else id end as device from listed
  ), used_last as (
    select *, max(used) over (partition by device) as device_used from named
  ), placed as (
    select *, row_number() over (order by id = :here desc nulls last, device_used desc, device, used desc, id) as place
    from used_last
  )
  select * from placed where place > coalesce((select place from placed where id = :after), 0)
  order by place limit :most`
