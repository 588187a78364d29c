import type { Knex } from 'knex'
import type { UserId } from '../base/ids.ts'
import { everyIdText } from './every-id.ts'

/** A login of the past, as the audit has it. */
export interface PastLogin {
  /** The number of its row in the audit. */
  readonly id: string
  readonly at: Date
  readonly method: string
  /** Provider of the identity that was proved, where it was one. */
  readonly provider: string | undefined
  readonly clientId: string | undefined
  /** Browser and system, or the name that an app gave the device. */
  readonly device: string | undefined
  readonly ip: string | undefined
  /** When its proof began, in milliseconds since the epoch: by that a session knows its own login. */
  readonly begunAt: number | undefined
  /** Whether its owner has said that it was not theirs. */
  readonly isDisowned: boolean
}

/** One page of the history, the newest login first. */
export interface LoginPage {
  readonly logins: readonly PastLogin[]
  /** What to ask for the page after this one; undefined: there is none. */
  readonly next: string | undefined
}

interface Row {
  readonly id: string | number
  readonly at: Date
  readonly identity_provider: string | null
  readonly client_id: string | null
  readonly ip: string | null
  readonly detail: Readonly<Record<'method' | 'device' | 'begun_at' | 'login', unknown>>
}

interface Asked {
  readonly userId: UserId
  /** Nothing from before is shown. */
  readonly since: Date
  /** `next` of the page before; the first page without it, and for what is none. */
  readonly after?: string | undefined
  readonly most: number
}

/** Reads one page of a user's logins. Logins that come meanwhile move nothing: the next page begins at a moment. */
export async function listLogins(knex: Knex, { userId, since, after, most }: Asked): Promise<LoginPage> {
  const [, ms, id] = /^(\d{1,13})-(\d{1,18})$/.exec(after ?? '') ?? []
  const query = loginsOf(knex, userId, since).orderBy([
    { column: 'at', order: 'desc' },
    { column: 'id', order: 'desc' },
  ])
  if (id !== undefined) query.whereRaw('(at, id) < (?, ?)', [new Date(Number(ms)), id])
  const rows = await query.limit(most + 1)
  const shown = rows.slice(0, most)
  const last = shown.at(-1)
  const disowned = last ? await disownedSince(knex, userId, last.at) : new Set<string>()
  return {
    logins: shown.map((row) => loginOf(row, disowned)),
    next: last && rows.length > most ? `${last.at.getTime()}-${last.id}` : undefined,
  }
}

/** One login of a user; undefined for one that is too old, or somebody else's. */
export async function findLogin(
  knex: Knex,
  { userId, since, id }: Pick<Asked, 'userId' | 'since'> & { readonly id: string },
): Promise<PastLogin | undefined> {
  if (!/^\d{1,18}$/.test(id)) return undefined
  const [row] = await loginsOf(knex, userId, since).where({ id })
  return row && loginOf(row, await disownedSince(knex, userId, row.at))
}

/**
 * SECURITY: only rows of this very user, and of what has become part of theirs. The index of the audit by user and time
 * finds them.
 */
function loginsOf(knex: Knex, userId: UserId, since: Date): Knex.QueryBuilder<Row, Row[]> {
  return knex('audit_events')
    .whereRaw(`user_id = any(${everyIdText(':userId')})`, { userId })
    .where({ event: 'login.succeeded' })
    .where('at', '>', since)
    .select('id', 'at', 'identity_provider', 'client_id', 'ip', 'detail')
}

/** The numbers of the logins that their owner has called somebody else's. */
async function disownedSince(knex: Knex, userId: UserId, at: Date): Promise<ReadonlySet<string>> {
  const rows: readonly Pick<Row, 'detail'>[] = await knex('audit_events')
    .whereRaw(`user_id = any(${everyIdText(':userId')})`, { userId })
    .where({ event: 'login.disowned' })
    .where('at', '>=', at)
    .select('detail')
  return new Set(rows.map(({ detail }) => String(detail.login)))
}

function loginOf(row: Row, disowned: ReadonlySet<string>): PastLogin {
  const { id, at, identity_provider, client_id, ip, detail } = row
  const { method, device, begun_at } = detail
  return {
    id: String(id),
    at,
    method: String(method ?? ''),
    provider: identity_provider ?? undefined,
    clientId: client_id ?? undefined,
    device: typeof device === 'string' ? device : undefined,
    ip: ip ?? undefined,
    begunAt: typeof begun_at === 'number' ? begun_at : undefined,
    isDisowned: disowned.has(String(id)),
  }
}
