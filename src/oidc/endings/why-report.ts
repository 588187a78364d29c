import type { Knex } from 'knex'
import type { Clock } from '../../base/clock.ts'
import type { UserId } from '../../base/ids.ts'
import { everyIdText } from '../../ops/every-id.ts'
import type { Database } from '../../store/postgres.ts'
import type { ClientPolicies } from '../clients/client-policies.ts'
import type { Sliding } from '../clients/lifetimes.ts'
import type { FamilyTokens } from '../records/family-tokens.ts'
import { recordId } from '../records/records.ts'
import { leavesLine, runOutLine } from './sweep.ts'
import { limitReached, sessionLimitsOf } from './why.ts'

/** One ending, for support. */
export interface EndingLine {
  /** When it ended; for something that is alive, when it is going to end if nobody uses it. */
  readonly at: Date
  /**
   * The audit event, or the one that the sweep will write; `….alive`, `token.used` and `token.expired` are in no audit.
   */
  readonly event: string
  readonly userId: string | null
  /** Of the session or grant. */
  readonly id: string | null
  readonly clientIds: readonly string[]
  readonly reason: string
  /** Length of the limit, where a limit ended it. */
  readonly limitSeconds?: number
  readonly device: string | null
  readonly ip: string | null
  readonly requestId: string | null
  readonly operator: string | null
}

/** Whose ending is asked about. */
export type WhyQuestion =
  | { readonly userId: UserId; readonly clientId?: string | undefined }
  /** A session, a grant, or a request: whatever has this id. */
  | { readonly id: string }
  | { readonly token: string }

/** What answering `users why` works with. */
export interface WhyDependencies {
  readonly database: Pick<Database, 'knex'>
  readonly policies: ClientPolicies
  readonly clock: Clock
  readonly families: Pick<FamilyTokens, 'recall'>
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
const userEvents = [
  ...endingEvents,
  'token.reused',
  'user.locked',
  'user.merged',
  'user.unmerged',
  'logout.undelivered',
]

/**
 * What ended, and why, newest first: from the audit, and from what has run out and is not swept yet.
 */
export async function endingsOf(dependencies: WhyDependencies, question: WhyQuestion): Promise<readonly EndingLine[]> {
  const { knex } = dependencies.database
  const rows: Row[] = await endingRows(knex, question)
  const lines = [...rows, ...(await runOut(dependencies, question))].map((row) => lineOf(row, dependencies.policies))
  const wanted = 'userId' in question ? question.clientId : undefined
  return lines
    .filter(({ clientIds }) => wanted === undefined || clientIds.includes(wanted))
    .toSorted((a, b) => b.at.getTime() - a.at.getTime())
}

const columns = ['id', 'at', 'event', 'user_id', 'client_id', 'ip', 'request_id', 'detail']

/**
 * The newest lines that are meant. They are found first, each part by its own index, and put in order then: PostgreSQL
 * would read the whole audit from its end otherwise, until it has met enough of them.
 */
export function endingRows(knex: Knex, question: WhyQuestion) {
  const [first, ...others] = partsOf(question).map((part) => knex('audit_events').select(columns).where(part))
  const found = others.reduce((all, part) => all.union(part), first as Knex.QueryBuilder)
  return knex.withMaterialized('found', found).select().from('found').orderBy('id', 'desc').limit(mostLines)
}

type Part = (audited: Knex.QueryBuilder) => void

function partsOf(question: WhyQuestion): readonly Part[] {
  const says = (...facts: object[]): Part => {
    const texts = facts.map((fact) => JSON.stringify(fact))
    return (either) => {
      for (const text of texts) either.orWhereRaw('detail @> ?::jsonb', [text])
    }
  }
  const ended =
    (...facts: object[]): Part =>
    (had) =>
      had.whereIn('event', endingEvents).where(says(...facts))
  if ('userId' in question) {
    const { userId, clientId } = question
    return [
      (audited) => {
        audited.whereRaw(`user_id = any(${everyIdText(':userId')})`, { userId }).whereIn('event', userEvents)
        if (clientId !== undefined)
          audited.where((had) => had.where({ client_id: clientId }).orWhere(says({ clients: [clientId] })))
      },
    ]
  }
  if ('token' in question) {
    const id = recordId('RefreshToken', question.token)
    // The value of a cookie is found too, by what its session left.
    return [ended({ tokens: [id] }, { key: id })]
  }
  const { id } = question
  return [ended({ session: id }, { grant: id }), (audited) => audited.where({ request_id: id })]
}

/** The same lines the sweep is going to write. */
async function runOut({ database, clock }: WhyDependencies, question: WhyQuestion): Promise<readonly Row[]> {
  const [whose, value] =
    'userId' in question
      ? [`r.user_id = any(${everyIdText(':value')})`, question.userId]
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
