import type { UserId } from '../base/ids.ts'
import { cursorTime, microseconds, newest, type TimeCursor } from '../store/cursor.ts'
import type { Database } from '../store/postgres.ts'
import { param, sql, statement } from '../store/statement.ts'
import type { UserStatus } from './user.ts'

/** A user in a list of people. */
export interface ListedUser {
  readonly id: UserId
  readonly status: UserStatus
  readonly nickname: string | null
  readonly created_at: Date
  /** When any of the identities was used last; null: there is none. */
  readonly last_used_at: Date | null
  /** Some of the identities, with the first subject of each. */
  readonly identities: readonly { readonly provider: string; readonly subject: string; readonly verified: boolean }[]
}

/** Which users are listed. */
export interface UserFilter {
  readonly status?: UserStatus | undefined
  readonly createdSince?: Date | undefined
  readonly createdUntil?: Date | undefined
  readonly usedSince?: Date | undefined
  /** Nobody has logged in since. */
  readonly unusedSince?: Date | undefined
}

/** One page of users. */
export interface UserPage<Cursor> {
  readonly users: readonly ListedUser[]
  /** Where the next page begins; undefined: there is none. */
  readonly next: Cursor | undefined
}

type Queries = Pick<Database, 'commitQuery'>

/** Identities of one user that a list shows. */
const shownIdentities = 5

/** When a user was here last, as SQL. */
const lastUse = (id: string) => `(select max(i.last_used_at) from identities i where i.user_id = ${id})`

/** What a list shows of the user `u`, as SQL. */
const listed = `u.id, u.status, u.nickname, u.created_at, ${lastUse('u.id')} as last_used_at, coalesce((
    select json_agg(json_build_object('provider', i.provider, 'verified', i.verified_at is not null, 'subject', (
      select s.subject from identity_subjects s where s.identity_id = i.id order by s.position, s.created_at desc limit 1
    ))) from (
      select * from identities own where own.user_id = u.id order by own.created_at, own.id limit ${shownIdentities}
    ) i
  ), '[]') as identities`

const most = param.int('most')
const usedSince = param.timeOrNull('usedSince')
const unusedSince = param.timeOrNull('unusedSince')

/**
 * How many users one statement looks at where their last use decides: no index knows that, because it changes with
 * every login. A page is as many statements as it takes to fill it.
 */
export const lookedAt = 10_000

const listStatement = (status: UserStatus | undefined) =>
  statement(
    `users_list_${status ?? 'any'}`,
    sql`
    with looked as materialized (
      select u.id, u.created_at,
        case when ${usedSince} is not null or ${unusedSince} is not null then ${lastUse('u.id')} end as used
      from users u
      where ${status === undefined ? 'true' : `u.status = '${status}'`}
        and u.created_at >= ${param.time('createdSince')} and u.created_at < ${param.time('createdUntil')}
        and (u.created_at, u.id) < (${cursorTime}, ${param.text('id')})
      order by u.created_at desc, u.id desc limit ${param.int('window')}
    ), wanted as (
      select id from looked
      where (${usedSince} is null or used >= ${usedSince})
        and (${unusedSince} is null or coalesce(used, created_at) < ${unusedSince})
      order by created_at desc, id desc limit ${most}
    )
    select ${listed}, ${microseconds('u.created_at')} as us,
      (select count(*)::int from looked) as looked,
      (select ${microseconds('l.created_at')} from looked l order by l.created_at, l.id limit 1) as last_us,
      (select l.id from looked l order by l.created_at, l.id limit 1) as last_id
    from (select 1) one left join wanted on true left join users u on u.id = wanted.id
    order by u.created_at desc, u.id desc`,
  )

/** The lists of users, by status: that is a word of ours in the statement, so that the index of the few is used. */
export const userLists: ReadonlyMap<UserStatus | undefined, ReturnType<typeof listStatement>> = new Map(
  ([undefined, 'active', 'locked', 'deleted'] as const).map((status) => [status, listStatement(status)]),
)

interface ListRow extends ListedUser {
  readonly us: number
  readonly looked: number
  readonly last_us: number | null
  readonly last_id: string | null
}

const everBefore = new Date('9999-12-31T00:00:00Z')

/** Lists users, those who came last first. Only the last page may have fewer than were asked for. */
export async function listUsers(
  queries: Queries,
  filter: UserFilter,
  { after = newest, limit }: { readonly after?: TimeCursor | undefined; readonly limit: number },
): Promise<UserPage<TimeCursor>> {
  const found: ListRow[] = []
  for (let from: TimeCursor | undefined = after; from !== undefined && found.length <= limit; ) {
    const looked = await lookAt(queries, filter, { after: from, most: limit + 1 - found.length })
    found.push(...looked.found)
    from = looked.next
  }
  const last = found[limit - 1]
  const next = found.length > limit && last ? { us: last.us, id: last.id } : undefined
  return { users: found.slice(0, limit).map(plain), next }
}

/** Who is wanted among the next users; `next` is where the look ended, if it did not come to the end of all users. */
async function lookAt(
  { commitQuery }: Queries,
  filter: UserFilter,
  { after, most: wanted }: { readonly after: TimeCursor; readonly most: number },
): Promise<{ readonly found: readonly ListRow[]; readonly next: TimeCursor | undefined }> {
  const { status, createdSince = new Date(0), createdUntil = everBefore } = filter
  const { usedSince = null, unusedSince = null } = filter
  const isByUse = usedSince !== null || unusedSince !== null
  const window = isByUse ? Math.max(lookedAt, wanted) : wanted
  const times = { createdSince, createdUntil, usedSince, unusedSince }
  const list = userLists.get(status) as ReturnType<typeof listStatement>
  const { rows } = await commitQuery<ListRow>(list.with({ ...times, ...after, most: wanted, window }))
  const [first] = rows
  const isCut = isByUse && first !== undefined && first.looked === window
  const next = isCut ? { us: first.last_us ?? 0, id: first.last_id ?? '' } : undefined
  return { found: rows.filter(({ id }) => id !== null), next }
}

function plain({ id, status, nickname, created_at, last_used_at, identities }: ListedUser): ListedUser {
  return { id, status, nickname, created_at, last_used_at, identities }
}

/** One user as a list shows them. */
export const listedUser = statement(
  'users_listed',
  sql`select ${listed} from users u where u.id = ${param.text('userId')}`,
)

const bare = `substring(s.subject from '[^:]*$')`
const typed = param.text('typed')

/**
 * The users whom an upstream calls by a subject, typed whole (`wechat:unionid:o6…`), without the provider, or without
 * any namespace, as it stands in the log of an app.
 */
export const usersBySubject = statement(
  'users_by_subject',
  sql`
    with named as (
      select distinct i.user_id from identity_subjects s join identities i on i.id = s.identity_id
      where s.provider not in ('phone', 'email', 'username') and ${bare} = ${param.text('bare')}
        and right(':' || s.provider || ':' || s.subject, length(${typed}) + 1) = ':' || ${typed}
      limit ${most}
    )
    select ${listed} from named join users u on u.id = named.user_id order by u.created_at desc, u.id desc`,
)

const name = 'lower(u.nickname) collate "C"'

/** The users whose nickname begins with a text, in any case of letters, in the order of their bytes. */
export const usersByNickname = statement(
  'users_by_nickname',
  sql`
    with named as (
      select u.id, ${name} as name from users u
      where u.nickname is not null and ${name} >= lower(${param.text('prefix')}) and ${name} < lower(${param.text('end')})
        and (${name}, u.id) > (${param.text('afterName')}, ${param.text('afterId')})
      order by ${name}, u.id limit ${most}
    )
    select ${listed}, named.name from named join users u on u.id = named.id order by named.name collate "C", u.id`,
)

/** Where a page of nicknames ends. */
export interface NameCursor {
  readonly name: string
  readonly id: string
}

/** How many users one subject may name before the rest is left out; one person has one account or two. */
const mostBySubject = 50

/** Finds users by what an upstream calls them. */
export async function findBySubject({ commitQuery }: Queries, text: string): Promise<readonly ListedUser[]> {
  const values = { typed: text, bare: text.slice(text.lastIndexOf(':') + 1), most: mostBySubject }
  return (await commitQuery<ListedUser>(usersBySubject.with(values))).rows
}

/** Finds users by the beginning of their nickname. */
export async function findByNickname(
  { commitQuery }: Queries,
  prefix: string,
  { after = { name: '', id: '' }, limit }: { readonly after?: NameCursor | undefined; readonly limit: number },
): Promise<UserPage<NameCursor>> {
  const range = { prefix, end: `${prefix}\u{10FFFF}`, afterName: after.name, afterId: after.id }
  const { rows } = await commitQuery<ListedUser & { readonly name: string }>(
    usersByNickname.with({ ...range, most: limit + 1 }),
  )
  const last = rows[limit - 1]
  const next = rows.length > limit && last ? { name: last.name, id: last.id } : undefined
  return { users: rows.slice(0, limit).map(plain), next }
}

/** One user as the lists show them; undefined when there is none. */
export async function findListed({ commitQuery }: Queries, userId: UserId): Promise<ListedUser | undefined> {
  return (await commitQuery<ListedUser>(listedUser.with({ userId }))).rows[0]
}
