import type { Knex } from 'knex'
import type { Clock } from '../../base/clock.ts'
import type { UserId } from '../../base/ids.ts'
import { storedIp } from '../../ops/audit.ts'
import { olderMs } from '../../store/older-time.ts'
import type { Database } from '../../store/postgres.ts'
import { clientsThatStay } from '../clients/browser-clients.ts'
import {
  authorizationsSql,
  isBoundSql,
  isSignedInSql,
  memberTextSql,
  payloadSql,
  persistsSql,
} from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'
import { endedDetail } from '../records/ended-detail.ts'
import { lastTokensText } from '../records/last-tokens.ts'
import { lockRecordsOf } from '../records/lock-records.ts'
import type { CameBy } from '../records/sign-in.ts'
import { partText, toldClientText } from './parted-client.ts'

/** What ended a session or grant before its time, as the audit and the pages name it. */
export const endReasons = [
  /** Its owner, from the list of devices. */
  'device',
  /** Its owner, who has found a login that was not theirs. */
  'disowned',
  'password_changed',
  'password_reset',
  /** What it came by was taken away. */
  'identity_removed',
  /** An upstream said that what it came by is no longer allowed, or gone. */
  'upstream_ended',
  /** What it came by leads to another account of the same person, as they have chosen. */
  'identity_moved',
  /** The account has become part of another one of the same person, or what it came by did not stay. */
  'merged',
  /** Two accounts that were one are two again. */
  'unmerged',
  /** The number it came by is somebody else's now. */
  'number_freed',
  /** Its owner, where it was. */
  'logout',
  /** The app gave its token back. */
  'app',
  /** A token that was used up came again. */
  'reused',
  /** Its owner, who has taken back what they had allowed the app. */
  'consent_withdrawn',
  /** Its owner, by another login of the same app on the same device. */
  'replaced',
  /** Its owner, by more logins of the app than may live at once. */
  'outnumbered',
  /** Its owner has asked for the deletion of the account, or an operator has. */
  'leaving',
  'operator',
  'locked',
] as const

/** Why something ended, in one word. */
export type EndReason = (typeof endReasons)[number]

/** Who ended something and why. */
export interface Ending {
  readonly reason: EndReason
  /** Of the person; absent when an operator acts. */
  readonly ip?: string | undefined
  readonly requestId?: string | undefined
  readonly operator?: string | undefined
  /** What the operator says about it. */
  readonly why?: string | undefined
}

/** How many of each ended. `records` counts codes and tokens too. */
export interface Ended {
  readonly sessions: number
  readonly grants: number
  readonly records: number
}

/** Which sessions and grants of a user are to end. */
export type EndingScope =
  | { readonly kind: 'all' }
  /** All but this session. Its apps keep what they have, unless `withApps`. */
  | { readonly kind: 'others'; readonly sessionUid: string; readonly withApps: boolean }
  /** A browser session and what ends with it. */
  | { readonly kind: 'session'; readonly sessionUid: string }
  | { readonly kind: 'grant'; readonly grantId: string }
  /** Everything that one client has got. Browsers stay signed in, without it. */
  | { readonly kind: 'client'; readonly clientId: string }
  /**
   * Every login that was made with this, with everything that was taken from it; but for one session and what hangs on
   * that.
   */
  | { readonly kind: 'by'; readonly by: CameBy; readonly sessionUid?: string }

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
}

/** `endRecords` of one database. */
export type EndRecords = (
  userId: UserId,
  scope: EndingScope,
  ending: Ending,
  within?: Knex.Transaction,
) => Promise<Ended>

/**
 * Ends sessions, grants, codes and tokens of a user in every process at once; only JWT access tokens that are out
 * already live to their end, some minutes. In the same transaction, which may be one that takes away what they came by,
 * every session and grant leaves its reason in the audit, and every client of a session that asked to be told gets its
 * notice. SECURITY: the rows are locked first. Whatever a request in flight makes of them is committed by then and
 * seen, and a request that comes later finds them gone. When all ends, a login that was proved before and is finished
 * later is refused too, see `findAccount` of the provider.
 */
export async function endRecords(
  { database, clock }: Dependencies,
  ...[userId, scope, ending, within]: Parameters<EndRecords>
): Promise<Ended> {
  // By the older clock: an operator's that is ahead would refuse everybody who logs in next, and find that all has
  // expired already.
  const end = async (trx: Knex.Transaction) => {
    const { atMs } = await olderMs({ knex: trx }, clock)
    return endIn(trx, userId, scope, { ...ending, at: new Date(atMs), provedUntil: new Date(clock()) })
  }
  return within ? end(within) : database.knex.transaction(end)
}

async function endIn(
  trx: Knex.Transaction,
  userId: UserId,
  scope: EndingScope,
  { reason, ip, requestId, operator, why, at, provedUntil }: Ending & { readonly at: Date; readonly provedUntil: Date },
): Promise<Ended> {
  await endProved(trx, userId, { scope, at: provedUntil, operator })
  if (scope.kind === 'all' || scope.kind === 'others' || scope.kind === 'by') await forgetDevices(trx, userId, at)
  await lockRecordsOf(trx, userId)
  const { rows } = await trx.raw<{ rows: readonly { model: number; count: string }[] }>(endText(scope), {
    userId,
    uid: 'sessionUid' in scope ? (scope.sessionUid ?? null) : null,
    grantId: 'grantId' in scope ? scope.grantId : null,
    clientId: 'clientId' in scope ? scope.clientId : null,
    by: 'by' in scope ? scope.by : null,
    staying: await clientsThatStay(trx),
    at,
    reason,
    ip: storedIp(ip),
    requestId: requestId ?? null,
    operator: operator ?? null,
    why: why ?? null,
  })
  const of = (model: number) => Number(rows.find((row) => row.model === model)?.count ?? 0)
  const records = rows.reduce((sum, { count }) => sum + Number(count), 0)
  return { sessions: of(durableModels.Session), grants: of(durableModels.Grant), records }
}

/**
 * What logged in to the account before has tries of its own no longer. SECURITY: whoever had stolen a device would keep
 * them. The time only ever moves on, because marks are compared with it.
 */
async function forgetDevices(trx: Knex.Transaction, userId: UserId, at: Date): Promise<void> {
  const next = `greatest(?, devices_forgotten_at + interval '1 millisecond')`
  await trx('users')
    .where({ id: userId })
    .update({ devices_forgotten_at: trx.raw(next, [at]) })
  await trx('known_devices').where({ user_id: userId }).delete()
}

/**
 * Ends what was proved and is no session yet, and with everything also what is proved so by the time it tells. A
 * server's proofs are timed by its own clock, and so is this; an operator's clock may be anything, and one that is
 * ahead would refuse everybody who logs in next.
 */
async function endProved(
  trx: Knex.Transaction,
  userId: UserId,
  { scope, at, operator }: { readonly scope: EndingScope; readonly at: Date; readonly operator: string | undefined },
): Promise<void> {
  if (scope.kind !== 'all' && scope.kind !== 'others') return
  const moment = operator === undefined ? trx.raw('?::timestamptz', [at]) : trx.raw('now()')
  const ended = { proofs_ended_at: trx.raw('greatest(proofs_ended_at, ?)', [moment]) }
  await trx('users')
    .where({ id: userId })
    .update(scope.kind === 'all' ? { ...ended, signed_out_at: moment } : ended)
}

const { Session, Grant, RefreshToken, AccessToken } = durableModels

/** What a session's own row and the tokens bound to it look like. */
const isSession = `((r.model = ${Session} and r.uid = :uid)
  or (r.session_uid = :uid and ${isBoundSql(payloadSql('r'))}))`
const heldGrants = `(select grant_id from held where uid = :uid and ends_with_session)`

/** What was noted before logins said what they came by may have come by anything. */
const cameBy = `coalesce(cast(r.about as jsonb) -> 'by' @> to_jsonb(cast(:by as text)), true)`

/**
 * Sessions and grants of logins that came by something, as queries of that name. A session ends with all that was ever
 * taken from it, whichever of several logins in it that came of, and a grant that outlived its session by what it says
 * itself.
 */
const cameText = `came_sessions as (
    select r.uid from oidc_records r
    where r.user_id = :userId and r.model = ${Session} and r.uid is distinct from cast(:uid as text) and ${cameBy}
  ), came_grants as (
    select r.id from oidc_records r
    where r.user_id = :userId and r.model = ${Grant} and r.id not in (select grant_id from held where uid = :uid) and ${cameBy}
    union select grant_id from held where uid in (select uid from came_sessions)
    union select r.grant_id from oidc_records r where r.user_id = :userId and r.session_uid in (select uid from came_sessions)
  ), `

function condition(scope: EndingScope): string {
  switch (scope.kind) {
    case 'all':
      return 'true'
    case 'others':
      return scope.withApps
        ? `not (r.model = ${Session} and r.uid = :uid)
           and not (r.model = ${Grant} and r.id in (select grant_id from held where uid = :uid))`
        : `not (${isSession}) and coalesce(r.grant_id, r.id) not in ${heldGrants}`
    case 'session':
      return `${isSession} or r.grant_id in ${heldGrants} or (r.model = ${Grant} and r.id in ${heldGrants})`
    case 'grant':
      return `r.grant_id = :grantId or (r.model = ${Grant} and r.id = :grantId)`
    case 'client':
      return `${memberTextSql(payloadSql('r'), 'clientId')} = :clientId`
    case 'by':
      return `(r.model = ${Session} and r.uid in (select uid from came_sessions))
        or coalesce(r.grant_id, case r.model when ${Grant} then r.id end) in (select id from came_grants)
        or r.session_uid in (select uid from came_sessions)`
  }
}

const heldGrantId = memberTextSql('entry.value', 'grantId')

/**
 * The grants of browser sessions, as a query named `held`. A grant stays when its session ends if it was given for
 * offline use to one of `clientsThatStay`, which are the parameter `staying`. `whose` is SQL.
 */
export function heldGrantsText(whose: string): string {
  return `held as (
    select session.uid, entry.key as client_id, ${heldGrantId} as grant_id, ${memberTextSql('entry.value', 'sid')} as sid,
      client.metadata ->> 'backchannel_logout_uri' as told_at,
      not (${persistsSql('entry.value')} and entry.key = any(:staying))
        as ends_with_session
    from oidc_records session
    cross join jsonb_each(${authorizationsSql(payloadSql('session'))}) entry
    left join clients client on client.client_id = entry.key
    where session.model = ${Session} and ${whose} and ${heldGrantId} is not null
  )`
}

/** What has expired but not been swept was ended by its time, not by whoever comes now. */
function endText(scope: EndingScope): string {
  return `
    with ${heldGrantsText('session.user_id = :userId')}, ${scope.kind === 'by' ? cameText : ''}gone as (
      delete from oidc_records r where r.user_id = :userId and (${condition(scope)}) returning r.*
    ), recorded as (
      insert into audit_events (at, event, user_id, client_id, ip, request_id, detail)
      select least(expires_at, :at), case model when ${Session} then 'session.ended' else 'grant.revoked' end, user_id,
        ${memberTextSql(payloadSql('gone'), 'clientId')}, cast(:ip as inet), :requestId,
        jsonb_strip_nulls(jsonb_build_object('reason', case when expires_at > :at then :reason else 'expired' end,
          'operator', cast(:operator as text), 'why', cast(:why as text),
          'tokens', last.tokens)) || ${endedDetail('gone')}
      from gone left join (${lastTokensText('gone', [RefreshToken, AccessToken])}) last on last.grant_id = gone.id
      where model = ${Grant} or (model = ${Session} and ${isSignedInSql(payloadSql('gone'))})
    ), told as (
      insert into logout_notices (client_id, user_id, sid, created_at, due_at)
      ${scope.kind === 'client' ? toldClientText : toldClientsText}
    )${scope.kind === 'client' ? `, parted as (${partText})` : ''}
    select model, count(*) from gone group by model`
}

/** Every client of a session that is gone. */
const toldClientsText = `
  select held.client_id, gone.user_id, held.sid, :at, :at
  from gone join held on held.uid = gone.uid where gone.expires_at > :at and held.told_at is not null`
