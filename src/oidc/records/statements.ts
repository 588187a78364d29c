import { accountJson } from '../../accounts/account-json.ts'
import { param, rowsOf, type Sql, sql, statement } from '../../store/statement.ts'
import { sweepMinuteSql } from '../../store/sweep-minute.ts'
import { authorizationsSql, memberName, memberTextSql, payloadSql } from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'
import { deletableSql } from './deletable.ts'
import { lastTokensText } from './last-tokens.ts'
import { olderGrants } from './older-grants.ts'
import { type RecordRow, type Slide, usedPrecisionSeconds } from './records.ts'

const tokenModels = [
  durableModels.AccessToken,
  durableModels.ClientCredentials,
  durableModels.RefreshToken,
  durableModels.AuthorizationCode,
]

const goneColumns = (alias: string) =>
  ['model', 'id', 'grant_id', 'consumed_at', 'expires_at'].map((column) => `${alias}.${column}`).join(', ')
const lastTokens = lastTokensText('gone', [durableModels.RefreshToken, durableModels.AccessToken])

const seconds = (column: string) => `extract(epoch from ${column})::float8`

const keys = rowsOf(param.textList('keys'), 'key', 'k')

/**
 * The row of `oidc_records` that a condition names by its whole key, beside each row before it. `offset 0` keeps it a
 * query of its own, so that PostgreSQL cannot read all rows of one model and compare afterwards.
 */
const beside = (alias: string, condition: string) =>
  `lateral (select * from oidc_records where ${condition} offset 0) ${alias}`

const related = (condition: string, others: Sql = sql``, more: Sql = sql``) => sql`select k.key, ${more}
  t.model, t.payload, ${seconds('t.expires_at')} as expires, extract(epoch from t.consumed_at)::int as consumed,
  t.grant_id, g.payload as grant_payload, ${seconds('g.expires_at')} as grant_expires, g.about as grant_about,
  t.session_uid, s.id as session_id, s.payload as session_payload, ${seconds('s.expires_at')} as session_expires,
  ${seconds('s.used_at')} as session_used, t.user_id, ${accountJson('t.user_id')} as account
  from ${keys} ${others} cross join ${beside('t', condition)}
  left join ${beside('g', `model = ${durableModels.Grant} and id = t.grant_id`)} on true
  left join ${beside('s', 'uid = t.session_uid')} on true`

const session = (condition: string, columns: Sql = sql``, others: Sql = sql``) => sql`select k.key, t.payload,
  ${seconds('t.expires_at')} as expires, ${seconds('t.used_at')} as used, t.uid, t.user_id,
  ${accountJson('t.user_id')} as account, t.about ${columns} from ${keys} cross join ${beside('t', condition)} ${others}`

/** The grant that a session holds of the client that is named behind a space, if one is. */
const heldGrant = `case when strpos(k.key, ' ') > 0
  then ${memberTextSql(`(${authorizationsSql(payloadSql('t'))} -> substr(k.key, strpos(k.key, ' ') + 1))`, 'grantId')} end`

/** How rows are looked up on the protocol's hot path, many values at once. */
export const lookUps = {
  /** A bearer value of any token model with its grant, session and account: one read for a whole token request. */
  token: statement(
    'oidc_token',
    related(
      'model = m.model and id = k.key',
      sql`cross join ${rowsOf(sql`'{${tokenModels.join()}}'::smallint[]`, 'model', 'm')}`,
    ),
  ),
  deviceCode: statement('oidc_device_code', related(`model = ${durableModels.DeviceCode} and id = k.key`)),
  userCode: statement('oidc_user_code', related(`model = ${durableModels.DeviceCode} and user_code = k.key`)),
  session: statement(
    'oidc_session',
    session(
      `model = ${durableModels.Session} and id = split_part(k.key, ' ', 1)`,
      sql`, h.grant_id, g.payload as grant_payload, ${seconds('g.expires_at')} as grant_expires`,
      sql`cross join lateral (select ${heldGrant} as grant_id offset 0) h
        left join ${beside('g', `model = ${durableModels.Grant} and id = h.grant_id`)} on true`,
    ),
  ),
  sessionByUid: statement('oidc_session_by_uid', session('uid = k.key')),
  grant: statement(
    'oidc_grant',
    sql`select k.key, t.payload, ${seconds('t.expires_at')} as expires
      from ${keys} cross join ${beside('t', `model = ${durableModels.Grant} and id = k.key`)}`,
  ),
} as const

/** The name of a way to look rows up. */
export type LookUp = keyof typeof lookUps

/** Rows of an insert as a list of arguments of `unnest`, one for each of `rowNames`. */
const givenRows = sql`${param.smallints('models')}, ${param.textList('ids')}, ${param.texts('payloads')},
  ${param.textsOrNull('grantIds')}, ${param.textsOrNull('uids')}, ${param.textsOrNull('userCodes')},
  ${param.textsOrNull('sessionUids')}, ${param.textsOrNull('userIds')}, ${param.floats('expiries')},
  ${param.textsOrNull('abouts')},
  ${param.floatsOrNull('sinces')}`
const rowNames = 'm, i, p, g, u, c, s, a, e, b, l'
const sweepMinute = sweepMinuteSql(deletableSql({ model: 'm', userId: 'a', expires: 'e' }))

function insertFrom<Values>(given: Sql<Values>, where = '') {
  return sql`insert into oidc_records
      (model, id, payload, grant_id, uid, user_code, session_uid, user_id, expires_at, about, since, sweep_minute)
    select m, i, p, g, u, c, s, a, to_timestamp(e), b, to_timestamp(l), ${sweepMinute} from ${given} ${where}
    on conflict (model, id) do update set payload = excluded.payload, grant_id = excluded.grant_id,
      user_code = excluded.user_code, session_uid = excluded.session_uid, user_id = excluded.user_id,
      expires_at = excluded.expires_at, about = coalesce(excluded.about, oidc_records.about), since = excluded.since`
}

const insertRows = (where = '') => insertFrom(sql`unnest(${givenRows}) as x(${rowNames})`, where)

/** Seconds since the epoch. */
const at = param.float('at')

/** The latest end always stays, so requests at the same moment may come in any order. */
const slideRows = (where = '') => sql`
    update oidc_records o set expires_at = greatest(o.expires_at, to_timestamp(n.expires_at)), used_at = to_timestamp(${at})
    from ${rowsOf(
      sql`${param.smallints('slidModels')}, ${param.textList('slidIds')}, ${param.floats('slidUntil')}`,
      'model, id, expires_at',
    )}
    where o.model = n.model and o.id = n.id and (o.expires_at < to_timestamp(n.expires_at)
      or o.model = ${durableModels.Session}
        and coalesce(o.used_at, '-infinity') <= to_timestamp(${at} - ${usedPrecisionSeconds})) ${where}`

/** For the compare-and-set of `consume`; `id` is null if there is nothing to consume. */
const consumedId = param.textOrNull('consumedId')
const isConsumed = sql`model = ${param.smallintOrNull('consumedModel')} and id = ${consumedId} and consumed_at is null`
const isForgotten = param.boolean('isForgotten')
/** Where the row goes with the use, deleting it is the compare-and-set. */
const consumedValue = sql`used as (
      update oidc_records set consumed_at = to_timestamp(${at}), successor = ${param.textOrNull('successor')}
      where ${isConsumed} and not ${isForgotten} returning 1
    ), forgotten as (
      delete from oidc_records where ${isConsumed} and ${isForgotten} returning 1
    ), consumed as (select 1 from used union all select 1 from forgotten)`

const consume = sql`with ${consumedValue}, inserted as (
      ${insertRows('where exists (select 1 from consumed)')}
    )
    select exists (select 1 from consumed) as allowed`

/**
 * `consume` of many requests in one statement, each judged by itself; returns the parts that were carried out. A value
 * that another transaction has locked is skipped, so that no request waits for another one.
 */
const consumeMany = sql`with free as (
      select w.* from ${rowsOf(
        sql`${param.smallints('consumedModels')}, ${param.textList('consumedIds')}, ${param.textsOrNull('successors')},
          ${param.floats('times')}, ${param.ints('consumedParts')}, ${param.booleans('forgotten')}`,
        'model, id, successor, at, part, is_forgotten',
        'w',
      )} cross join lateral (
        select from oidc_records where model = w.model and id = w.id and consumed_at is null for no key update skip locked
      ) o
    ), used as (
      update oidc_records o set consumed_at = to_timestamp(f.at), successor = f.successor
      from free f where o.model = f.model and o.id = f.id and not f.is_forgotten returning f.part
    ), forgotten as (
      delete from oidc_records o using free f where o.model = f.model and o.id = f.id and f.is_forgotten returning f.part
    ), consumed as (
      select part from used union all select part from forgotten
    ), inserted as (
      ${insertFrom(
        sql`unnest(${givenRows}, ${param.ints('parts')}) as x(${rowNames}, part)`,
        'where x.part in (select part from consumed)',
      )}
    )
    select part::int as part from consumed`

const required = rowsOf(param.textList('requiredUids'), 'uid')
const identities = rowsOf(param.textList('neededIdentities'), 'id')
/** Milliseconds since the epoch. */
const unendedSince = param.floatOrNull('unendedSince')
const consentUser = param.textOrNull('consentUser')
const ifAllowed = 'exists (select 1 from allowed)'
/** After what the request deletes itself, because no row can be deleted twice. */
const endOlder = olderGrants(`${ifAllowed} and (select count(*) from gone) >= 0`)

const commit = sql`with ${consumedValue}, present as (
      select 1 from ${required} join oidc_records o on o.uid = n.uid order by o.uid for no key update of o
    ), owner as (
      select u.id, u.proofs_ended_at from ${identities} join identities i on i.id = n.id join users u on u.id = i.user_id
      order by u.id for share of u
    ), proved as (
      select i.user_id from ${identities} join identities i on i.id = n.id
      where i.user_id = any(array(select id from owner)) order by i.id for key share of i
    ), secret as (
      select p.updated_at from proved join passwords p on p.user_id = proved.user_id
      where ${unendedSince} is not null for share of p
    ), consented as (
      update consents set used_at = to_timestamp(${at})
      where user_id = ${consentUser} and client_id = ${param.textOrNull('consentClient')}
        and decisions @> (select coalesce(jsonb_object_agg(key, true), '{}') from unnest(${param.textList('consentKeys')}) key)
      returning 1
    ), allowed as (
      select 1 where (${consumedId} is null or exists (select 1 from consumed))
        and (select count(*) from proved) = cardinality(${param.texts('neededIdentities')})
        and not exists (select 1 from secret where updated_at > to_timestamp(${unendedSince} / 1000))
        and not exists (select 1 from owner where proofs_ended_at > to_timestamp(${unendedSince} / 1000))
        and (select count(*) from present) = cardinality(${param.texts('requiredUids')})
        and (${consentUser} is null or exists (select 1 from consented))
    ), deleted as (
      delete from oidc_records o
      using ${rowsOf(sql`${param.smallints('deletedModels')}, ${param.textList('deletedIds')}`, 'model, id')}
      where o.model = n.model and o.id = n.id returning ${goneColumns('o')}
    ), revoked as (
      delete from oidc_records o using ${rowsOf(param.textList('revokedGrants'), 'id')}
      where o.grant_id = n.id returning ${goneColumns('o')}
    ), gone as (select * from deleted union all select * from revoked), ${endOlder}, sessions as (
      update oidc_records o set id = n.id, user_id = ${memberTextSql('n.payload', 'accountId')},
        expires_at = greatest(o.expires_at, to_timestamp(n.expires_at)), used_at = to_timestamp(${at}),
        about = coalesce(n.about, o.about),
        payload = (n.payload || jsonb_build_object('${memberName('authorizations')}',
          (${authorizationsSql(payloadSql('o'))} - array(select jsonb_array_elements_text(n.removed))) || n.changed))::text
      from ${rowsOf(
        sql`${param.textList('changedUids')}, ${param.texts('changedIds')}, ${param.jsons('changedPayloads')},
          ${param.jsons('removedAuthorizations')}, ${param.jsons('changedAuthorizations')}, ${param.floats('changedExpiries')},
          ${param.textsOrNull('changedAbouts')}`,
        'uid, id, payload, removed, changed, expires_at, about',
      )}
      where o.uid = n.uid and ${ifAllowed}
    ), slid as (
      ${slideRows(`and ${ifAllowed}`)}
    ), inserted as (
      ${insertRows(`where ${ifAllowed}`)}
    ), told as (
      insert into logout_notices (client_id, user_id, sid, created_at, due_at)
      select client, person, session, to_timestamp(${at}), to_timestamp(${at})
      from unnest(${param.textList('noticeClients')}, ${param.texts('noticeUsers')}, ${param.texts('noticeSids')})
        as n(client, person, session)
    )
    select ${ifAllowed} as allowed, (select jsonb_object_agg(grant_id, tokens) from (${lastTokens}) ended) as ended`

const grantId = param.text('grantId')

/** Every other statement of the hot path. */
export const statements = {
  /** What became of a code or refresh token. */
  use: statement(
    'oidc_use',
    sql`select extract(epoch from consumed_at)::int as consumed, successor, grant_id from oidc_records
      where model = ${param.smallint('model')} and id = ${param.text('id')}`,
  ),
  /** The refresh tokens of a grant, for one that has no row. */
  familyRows: statement(
    'oidc_family_rows',
    related(`grant_id = k.key and model = ${durableModels.RefreshToken}`, sql``, sql`t.id,`),
  ),
  /** Answers the last tokens of the grant. */
  endGrant: statement(
    'oidc_end_grant',
    sql`with gone as (
      delete from oidc_records o where o.grant_id = ${grantId} or (o.model = ${durableModels.Grant} and o.id = ${grantId})
      returning ${goneColumns('o')}
    ) ${lastTokens}`,
  ),
  slide: statement('oidc_slide', slideRows()),
  insert: statement('oidc_insert', insertRows()),
  /** Inserts the rows that replace a value, but only if that value was still unused. */
  consume: statement('oidc_consume', consume),
  consumeMany: statement('oidc_consume_many', consumeMany),
  /** A whole request in one statement: nothing is inserted unless the value to consume was still unused. */
  commit: statement('oidc_commit', commit),
} as const

/**
 * Slides as the values of their update. They are always in the same order, so that two requests cannot lock each other
 * out.
 */
export function slideValues(slides: readonly Slide[]) {
  const inOrder = slides.toSorted((a, b) => durableModels[a.model] - durableModels[b.model] || (a.id < b.id ? -1 : 1))
  return {
    slidModels: inOrder.map(({ model }) => durableModels[model]),
    slidIds: inOrder.map(({ id }) => id),
    slidUntil: inOrder.map(({ expiresAt }) => expiresAt),
  }
}

/** Rows as the values of their insert. */
export function insertValues(rows: readonly RecordRow[]) {
  return {
    models: rows.map(({ model }) => durableModels[model]),
    ids: rows.map(({ id }) => id),
    payloads: rows.map(({ payload }) => payload),
    grantIds: rows.map((row) => row.grantId),
    uids: rows.map(({ uid }) => uid),
    userCodes: rows.map(({ userCode }) => userCode),
    sessionUids: rows.map(({ sessionUid }) => sessionUid),
    userIds: rows.map(({ userId }) => userId),
    expiries: rows.map(({ expiresAt }) => expiresAt),
    abouts: rows.map(({ about }) => about ?? null),
    sinces: rows.map(({ since }) => since),
  }
}
