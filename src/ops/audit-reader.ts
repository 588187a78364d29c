import { cursorTime, microseconds, newest, type TimeCursor } from '../store/cursor.ts'
import type { Database } from '../store/postgres.ts'
import { param, type Sql, sql, statement } from '../store/statement.ts'

/** One line of the audit, as it is stored. */
export interface AuditLine {
  readonly id: number | string
  readonly at: Date
  readonly event: string
  readonly user_id: string | null
  readonly client_id: string | null
  readonly identity_provider: string | null
  readonly ip: string | null
  readonly request_id: string | null
  readonly detail: Readonly<Record<string, unknown>>
  /** When, in microseconds since the epoch. */
  readonly us: number
}

/** Which lines are read. */
export interface AuditFilter {
  /** Of one person: of the account, and of those that became part of it. */
  readonly userIds?: readonly string[] | undefined
  readonly clientId?: string | undefined
  readonly event?: string | undefined
  readonly since?: Date | undefined
  readonly until?: Date | undefined
}

const shown = `a.id, a.at, a.event, a.user_id, a.client_id, a.identity_provider, host(a.ip) as ip, a.request_id,
  a.detail, ${microseconds('a.at')} as us`
const most = param.int('most')
const clientId = param.text('clientId')
const event = param.text('event')

/** Lines of a time, the newest first; `where` is more that they have to be. */
const lines = <Values>(where: Sql<Values>) => linesAfter('', sql``, where)

/**
 * The same of lines that have these values in the columns before the time of an index. Compared together with the time
 * they fit that index alone: PostgreSQL would take the one by time otherwise where it plans for any values, and read
 * years of the audit in search of a few lines.
 */
const linesOf = <Values>(columns: readonly string[], values: Sql<Values>) =>
  linesAfter(
    columns.map((column) => `a.${column}, `).join(''),
    sql`${values}, `,
    sql`a.${columns[0] ?? 'id'} is not null`,
  )

const linesAfter = <First, Where>(columns: string, values: Sql<First>, where: Sql<Where>) => sql`
  select ${shown} from audit_events a
  where ${where} and (${columns}a.at) >= (${values}${param.time('since')})
    and (${columns}a.at) < (${values}${param.time('until')})
    and (${columns}a.at, a.id) < (${values}${cursorTime}, ${param.bigint('lineId')})
  order by ${columns.replaceAll(',', ' desc,')}a.at desc, a.id desc limit ${most}`

const also = sql`(${param.textOrNull('alsoClient')} is null or a.client_id = ${param.textOrNull('alsoClient')})
  and (${param.textOrNull('alsoEvent')} is null or a.event = ${param.textOrNull('alsoEvent')})`

/**
 * The statements that read the audit, by what is known; each finds its lines in an index, whichever they are. A client
 * alone is read event by event, because its index has them in that order: there are few.
 */
export const auditReads = {
  all: statement('audit_all', lines(sql`true`)),
  user: statement(
    'audit_user',
    sql`
    select each.* from unnest(${param.texts('userIds')}) as own (id)
      cross join lateral (${lines(sql`a.user_id = own.id and ${also}`)}) each
    order by each.at desc, each.id desc limit ${most}`,
  ),
  event: statement('audit_event', linesOf(['event'], event)),
  clientEvent: statement('audit_client_event', linesOf(['client_id', 'event'], sql`${clientId}, ${event}`)),
  client: statement(
    'audit_client',
    sql`
    with recursive kinds as (
      (select event from audit_events where client_id = ${clientId} order by event limit 1)
      union all
      select (
        select next.event from audit_events next where next.client_id = ${clientId} and next.event > kinds.event
        order by next.event limit 1
      ) from kinds where kinds.event is not null
    )
    select each.* from kinds cross join lateral (${linesOf(['client_id', 'event'], sql`${clientId}, kinds.event`)}) each
    order by each.at desc, each.id desc limit ${most}`,
  ),
  conflict: statement(
    'audit_conflict',
    sql`
    with found as materialized (
      select at from audit_events where event = 'identity.conflicted' and detail @> cast(${param.text('detail')} as jsonb)
    )
    select max(at) as at from found`,
  ),
  request: statement(
    'audit_request',
    sql`select ${shown} from audit_events a where a.request_id = ${param.text('requestId')}
      order by a.at, a.id limit ${most}`,
  ),
} as const

const everAfter = new Date('9999-12-31T00:00:00Z')

/** Reads one page of the audit, the newest lines first. */
export async function readAudit(
  { commitQuery }: Pick<Database, 'commitQuery'>,
  { userIds, clientId, event, since = new Date(0), until = everAfter }: AuditFilter,
  { after = newest, limit }: { readonly after?: TimeCursor | undefined; readonly limit: number },
): Promise<readonly AuditLine[]> {
  const page = { since, until, us: after.us, lineId: Number(after.id === '' ? 0 : after.id), most: limit }
  const others = { alsoClient: clientId ?? null, alsoEvent: event ?? null }
  const filled =
    userIds !== undefined
      ? auditReads.user.with({ ...page, userIds, ...others })
      : clientId !== undefined && event !== undefined
        ? auditReads.clientEvent.with({ ...page, clientId, event })
        : clientId !== undefined
          ? auditReads.client.with({ ...page, clientId })
          : event !== undefined
            ? auditReads.event.with({ ...page, event })
            : auditReads.all.with(page)
  return (await commitQuery<AuditLine>(filled)).rows
}

/** What one request can have left in the audit at most; more is left out. */
const mostOfRequest = 1000

/** What happened under a request id, the first thing first. */
export async function readRequest(
  { commitQuery }: Pick<Database, 'commitQuery'>,
  requestId: string,
): Promise<readonly AuditLine[]> {
  return (await commitQuery<AuditLine>(auditReads.request.with({ requestId, most: mostOfRequest }))).rows
}

/** When one proof led to all of these users last; null where none ever did, as far back as the audit is kept. */
export async function lastConflict(
  { commitQuery }: Pick<Database, 'commitQuery'>,
  users: readonly string[],
): Promise<Date | null> {
  const filled = auditReads.conflict.with({ detail: JSON.stringify({ users }) })
  return (await commitQuery<{ at: Date | null }>(filled)).rows[0]?.at ?? null
}

/** Where the page after this line begins. */
export function cursorAt({ us, id }: AuditLine): TimeCursor {
  return { us, id: String(id) }
}
