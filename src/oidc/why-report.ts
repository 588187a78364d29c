import type { Clock } from '../base/clock.ts'
import type { UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import type { ClientPolicies } from './client-policies.ts'
import type { Sliding } from './lifetimes.ts'
import { recordId } from './records.ts'
import { leavesLine, runOutLine } from './sweep.ts'
import { limitReached, sessionLimitsOf } from './why.ts'

/** One ending, for support. */
export interface EndingLine {
  readonly at: Date
  /** The audit event; what has run out but was not swept yet has the one it will get. */
  readonly event: string
  readonly userId: string | null
  /** Of the session or grant. */
  readonly id: string | null
  readonly clientIds: readonly string[]
  readonly reason: string
  /** Of the limit, where it was one. */
  readonly limitSeconds?: number
  readonly device: string | null
  readonly ip: string | null
  readonly requestId: string | null
  readonly operator: string | null
}

export type WhyQuestion =
  | { readonly userId: UserId; readonly clientId?: string | undefined }
  /** A session, a grant, or a request: whatever has this id. */
  | { readonly id: string }
  | { readonly token: string }

interface Dependencies {
  readonly database: Pick<Database, 'knex'>
  readonly policies: ClientPolicies
  readonly clock: Clock
}

interface Row {
  readonly at: Date
  readonly event: string
  readonly user_id: string | null
  readonly client_id: string | null
  readonly ip: string | null
  readonly request_id: string | null
  readonly detail: Readonly<Record<string, unknown>>
}

const mostLines = 50
const endingEvents = ['session.ended', 'grant.revoked', 'grant.expired']
const userEvents = [...endingEvents, 'token.reused', 'user.locked', 'logout.undelivered']

/** What ended, and why, newest first: from the audit, and from what has run out since yesterday and is not swept yet. */
export async function endingsOf(dependencies: Dependencies, question: WhyQuestion): Promise<readonly EndingLine[]> {
  if ('token' in question) return endingsOfToken(dependencies, question.token)
  const { knex } = dependencies.database
  const audited = knex('audit_events').select('at', 'event', 'user_id', 'client_id', 'ip', 'request_id', 'detail')
  const rows: Row[] = await ('userId' in question
    ? audited.where({ user_id: question.userId }).whereIn('event', userEvents)
    : audited.where((either) =>
        either
          .where((ended) =>
            ended
              .whereIn('event', endingEvents)
              .whereRaw('(detail @> ?::jsonb or detail @> ?::jsonb)', [
                JSON.stringify({ session: question.id }),
                JSON.stringify({ grant: question.id }),
              ]),
          )
          .orWhere({ request_id: question.id }),
      )
  )
    .orderBy('id', 'desc')
    .limit(mostLines)
  const lines = [...rows, ...(await runOut(dependencies, question))].map((row) => lineOf(row, dependencies.policies))
  const wanted = 'userId' in question ? question.clientId : undefined
  return lines
    .filter(({ clientIds }) => wanted === undefined || clientIds.includes(wanted))
    .toSorted((a, b) => b.at.getTime() - a.at.getTime())
}

/** The same lines the sweep is going to write. */
async function runOut({ database, clock }: Dependencies, question: WhyQuestion): Promise<readonly Row[]> {
  const [whose, value] =
    'userId' in question
      ? ['r.user_id = :value', question.userId]
      : 'id' in question
        ? ['(r.uid = :value or r.grant_id = :value)', question.id]
        : ['r.id = :value', recordId('RefreshToken', question.token)]
  const { rows } = await database.knex.raw<{ rows: readonly Row[] }>(
    `select ${runOutLine('r')}, null as ip, null as request_id
     from oidc_records r where ${whose} and r.expires_at <= :now and ${leavesLine('r')} limit ${mostLines}`,
    { value, now: new Date(clock()) },
  )
  return rows
}

/**
 * A token is found by its digest while it is stored: unless it was revoked, until a day after its end. What is asked about is it
 * and what it hangs on.
 */
async function endingsOfToken(dependencies: Dependencies, token: string): Promise<readonly EndingLine[]> {
  const { database, clock } = dependencies
  const found = await database
    .knex('oidc_records')
    .where({ id: recordId('RefreshToken', token) })
    .first('model', 'consumed_at', 'expires_at', 'grant_id', 'session_uid', 'user_id', 'payload')
  if (!found) return []
  const { clientId } = JSON.parse(found.payload) as { readonly clientId?: string }
  const about = { userId: found.user_id, id: found.grant_id, clientIds: clientId === undefined ? [] : [clientId] }
  const rest = { device: null, ip: null, requestId: null, operator: null }
  const own: EndingLine[] = []
  if (found.consumed_at) own.push({ ...about, ...rest, at: found.consumed_at, event: 'token.used', reason: 'rotated' })
  const hangsOn = [found.grant_id, found.session_uid].filter((id): id is string => id !== null)
  const others = await Promise.all(hangsOn.map((id) => endingsOf(dependencies, { id })))
  const ran = found.grant_id === null || !others.flat().some(({ id }) => id === found.grant_id)
  if (ran && !found.consumed_at && found.expires_at.getTime() <= clock())
    own.push({ ...about, ...rest, at: found.expires_at, event: 'token.expired', reason: 'expired' })
  return [...own, ...others.flat()]
}

function lineOf({ at, event, user_id, client_id, ip, request_id, detail }: Row, policies: ClientPolicies): EndingLine {
  const text = (name: string) => (typeof detail[name] === 'string' ? (detail[name] as string) : null)
  const clients = Array.isArray(detail['clients']) ? (detail['clients'] as string[]) : []
  const line = {
    at,
    event,
    userId: user_id,
    id: text('session') ?? text('grant'),
    clientIds: client_id === null ? clients : [client_id],
    reason: text('reason') ?? text('error') ?? '',
    device: text('device'),
    ip,
    requestId: request_id,
    operator: text('operator'),
  }
  if (line.reason !== 'expired') return line
  const limits: readonly Sliding[] =
    event === 'session.ended'
      ? sessionLimitsOf(policies, line.clientIds)
      : [policies.lifetimes(client_id === null ? undefined : { clientId: client_id }).refresh]
  const { reason, seconds } = limitReached({
    loginAt: Number(detail['login_at'] ?? 0),
    endedAt: at.getTime() / 1000,
    limits,
  })
  return { ...line, reason, ...(seconds === undefined ? {} : { limitSeconds: seconds }) }
}
