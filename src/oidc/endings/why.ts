import type { KoaContextWithOIDC } from 'oidc-provider'
import { type Clock, epochSeconds } from '../../base/clock.ts'
import type { Database } from '../../store/postgres.ts'
import type { ClientPolicies } from '../clients/client-policies.ts'
import { maxSeconds, type Sliding } from '../clients/lifetimes.ts'
import { signedCookie } from '../library/cookies.ts'
import { authorizationsIn } from '../library/payload.ts'
import type { Payload } from '../library/stored-models.ts'
import { recordId } from '../records/records.ts'
import type { UnitOfWork } from '../records/unit-of-work.ts'
import type { EndReason } from './endings.ts'

/** Why somebody has to log in: what ended their session or the grant of an app, or which limit it reached. */
export interface Why {
  readonly reason: EndReason | 'idle' | 'max'
  /** Length of the limit, where the reason is `idle` or `max`. */
  readonly seconds?: number
  /** Seconds since the epoch. */
  readonly at: number
}

/** A session or a family of tokens that ran out. Times in seconds since the epoch. */
interface RunOut {
  readonly loginAt: number
  readonly endedAt: number
  /** The limits that applied, one for each client, at least one. */
  readonly limits: readonly Sliding[]
}

/** By how many seconds something may end before its limit, because a small gain is not written. */
const slack = 61

/**
 * Which limit something reached. The limits are those of today: what an operator has changed since shows in the answer.
 */
export function limitReached({ loginAt, endedAt, limits }: RunOut): Why {
  const ends = limits.map((limit) => ({
    idle: limit.idle,
    max: maxSeconds(limit),
    left: loginAt + maxSeconds(limit) - endedAt,
  }))
  const atMax = ends.find(({ left }) => Math.abs(left) <= slack)
  if (atMax) return { reason: 'max', at: endedAt, seconds: atMax.max }
  // A limit that was reached earlier did not keep the session alive.
  const kept = ends.filter(({ left }) => left > 0)
  // It lived longer than every limit of today, so the limits were longer then.
  if (kept.length === 0) return { reason: 'max', at: endedAt, seconds: Math.max(...ends.map(({ max }) => max)) }
  return { reason: 'idle', at: endedAt, seconds: Math.max(...kept.map(({ idle }) => idle)) }
}

/** The limits of a session that these clients had; the defaults where there was none. */
export function sessionLimitsOf(policies: ClientPolicies, clients: readonly string[]): readonly Sliding[] {
  return policies.sessionLimits(Object.fromEntries(clients.map((client) => [client, true])))
}

interface Dependencies {
  readonly database: Pick<Database, 'knex'>
  readonly units: UnitOfWork
  readonly policies: ClientPolicies
  readonly clock: Clock
  /** Name of the session cookie. */
  readonly cookie: string
}

/**
 * Why the person of this authorization request is asked to log in although they once were logged in here; undefined
 * when they were not, or nothing is known. SECURITY: it is told to the holder of the signed cookie of that very session
 * and to nobody else: a session that was ended is found by the digest of the cookie.
 */
export function whyAsked({ database, units, policies, clock, cookie }: Dependencies) {
  async function ofSession(value: string): Promise<Why | undefined> {
    const kept: Payload | undefined = await units.current()?.find('Session', value)
    if (kept) {
      const { accountId, loginTs, exp } = kept
      if (typeof accountId !== 'string' || Number(exp) > epochSeconds(clock)) return undefined
      const limits = sessionLimitsOf(policies, Object.keys(authorizationsIn(kept)))
      return limitReached({ loginAt: Number(loginTs), endedAt: Number(exp), limits })
    }
    const ended = await lastEnding(database, { key: recordId('Session', value) })
    if (ended?.reason !== 'expired') return ended as Why | undefined
    const limits = sessionLimitsOf(policies, ended.clients)
    return limitReached({ loginAt: ended.loginAt, endedAt: ended.at, limits })
  }

  return async (ctx: KoaContextWithOIDC): Promise<Why | undefined> => {
    const { session, client, result } = ctx.oidc
    if (!session || !client || result?.login || ctx.oidc.promptPending('none')) return undefined
    if (!session.accountId) {
      const value = signedCookie(ctx, cookie)
      return value === undefined ? undefined : ofSession(value)
    }
    const max = maxSeconds(policies.lifetimes(client).session)
    if (session.past(max)) return { reason: 'max', seconds: max, at: (session.loginTs ?? 0) + max }
    // The session lives, but the app has lost its tokens and wants the person to log in again.
    if (!ctx.oidc.promptPending('login')) return undefined
    // The session as it was read: the library has given it another grant by now.
    const asRead = units.current()?.sessions.byCookie(session.uid)?.payload
    const grantId = authorizationsIn(asRead)[client.clientId]?.grantId
    if (grantId === undefined || (await units.current()?.find('Grant', grantId))) return undefined
    const ended = await lastEnding(database, { grant: grantId })
    return ended?.reason === 'expired' ? undefined : (ended as Why | undefined)
  }
}

interface EndedRow {
  readonly at: Date
  readonly detail: {
    readonly reason: EndReason | 'expired'
    readonly login_at?: number
    readonly clients?: readonly string[]
  }
}

async function lastEnding(
  { knex }: Pick<Database, 'knex'>,
  ended: { readonly key: string } | { readonly grant: string },
) {
  const [row]: EndedRow[] = await lastEndingRows(knex, ended)
  if (!row) return undefined
  const { reason, login_at: loginAt = 0, clients = [] } = row.detail
  return { reason, loginAt, clients, at: Math.floor(row.at.getTime() / 1000) }
}

/**
 * The last line of what ended. All of its lines are found first, and put in order then: in an audit of many millions
 * PostgreSQL would rather read from its end until it meets one, and through all of it where there is none.
 */
export function lastEndingRows(knex: Database['knex'], ended: { readonly key: string } | { readonly grant: string }) {
  const found = knex('audit_events')
    .select('id', 'at', 'detail')
    .whereIn('event', ['session.ended', 'grant.revoked', 'grant.expired'])
    .whereRaw('detail @> ?::jsonb', [JSON.stringify(ended)])
  return knex.withMaterialized('found', found).select('at', 'detail').from('found').orderBy('id', 'desc').limit(1)
}
