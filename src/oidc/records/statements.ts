import { accountJson } from '../../accounts/account-json.ts'
import { durableModels } from '../library/stored-models.ts'
import { lastTokensText } from './last-tokens.ts'
import { type RecordRow, type Slide, usedPrecisionSeconds } from './records.ts'

const tokenModels = [
  durableModels.AccessToken,
  durableModels.ClientCredentials,
  durableModels.RefreshToken,
  durableModels.AuthorizationCode,
].join(', ')

const goneColumns = 'model, id, grant_id, consumed_at, expires_at'
const lastTokens = lastTokensText('gone', [durableModels.RefreshToken, durableModels.AccessToken])

const seconds = (column: string) => `extract(epoch from ${column})::float8`

const related = `
  t.model, t.payload, ${seconds('t.expires_at')} as expires, extract(epoch from t.consumed_at)::int as consumed,
  t.grant_id, g.payload as grant_payload, ${seconds('g.expires_at')} as grant_expires, g.about as grant_about,
  t.session_uid, s.id as session_id, s.payload as session_payload, ${seconds('s.expires_at')} as session_expires, ${seconds('s.used_at')} as session_used,
  t.user_id, ${accountJson('t.user_id')} as account
  from oidc_records t
  left join oidc_records g on g.model = ${durableModels.Grant} and g.id = t.grant_id
  left join oidc_records s on s.uid = t.session_uid`

/**
 * A parameter that is a list, so that PostgreSQL does not look at its length: it finds any short list cheaper than the plan for all of
 * them, and would plan every execution anew. One in each `unnest` is enough.
 */
const list = (parameter: number) => `array(select unnest($${parameter}::text[]))`

const sessionColumns = `t.payload, ${seconds('t.expires_at')} as expires, ${seconds('t.used_at')} as used, t.uid, t.user_id,
  ${accountJson('t.user_id')} as account, t.about from oidc_records t`

/** How rows are looked up on the protocol's hot path, many values at once, by the name each statement is prepared under. */
export const lookUps = {
  /** A bearer value of any token model with its grant, session and account: one read for a whole token request. */
  token: {
    name: 'oidc_token',
    text: `select t.id as key, ${related} where t.model in (${tokenModels}) and t.id = any(${list(1)})`,
  },
  deviceCode: {
    name: 'oidc_device_code',
    text: `select t.id as key, ${related} where t.model = ${durableModels.DeviceCode} and t.id = any(${list(1)})`,
  },
  userCode: {
    name: 'oidc_user_code',
    text: `select t.user_code as key, ${related} where t.model = ${durableModels.DeviceCode} and t.user_code = any(${list(1)})`,
  },
  session: {
    name: 'oidc_session',
    text: `select t.id as key, ${sessionColumns} where t.model = ${durableModels.Session} and t.id = any(${list(1)})`,
  },
  sessionByUid: {
    name: 'oidc_session_by_uid',
    text: `select t.uid as key, ${sessionColumns} where t.uid = any(${list(1)})`,
  },
  grant: {
    name: 'oidc_grant',
    text: `select t.id as key, t.payload, ${seconds('t.expires_at')} as expires from oidc_records t where t.model = ${durableModels.Grant} and t.id = any(${list(1)})`,
  },
} as const

/** A way to find a record. */
export type LookUp = keyof typeof lookUps

/** Every other statement of the hot path. */
export const statements = {
  /** What became of a code or refresh token. */
  use: {
    name: 'oidc_use',
    text: 'select extract(epoch from consumed_at)::int as consumed, successor, grant_id from oidc_records where model = $1 and id = $2',
  },
  /** Answers the last tokens of the grant. */
  endGrant: {
    name: 'oidc_end_grant',
    text: `with gone as (
      delete from oidc_records where grant_id = $1 or (model = ${durableModels.Grant} and id = $1) returning ${goneColumns}
    ) ${lastTokens}`,
  },
  slide: { name: 'oidc_slide', text: slideText({ at: 1, first: 2 }, '') },
  insert: { name: 'oidc_insert', text: `${insertText('')} ${onConflict()}` },
  /** What replaces a value is inserted only if that was still unused. */
  consume: { name: 'oidc_consume', text: consumeText() },
  consumeMany: { name: 'oidc_consume_many', text: consumeManyText() },
  /** A whole request in one statement: nothing is inserted unless the value to consume was still unused. */
  commit: { name: 'oidc_commit', text: commitText() },
} as const

const rowColumns = ['model', 'id', 'payload', 'grant_id', 'uid', 'user_code', 'session_uid', 'user_id'] as const

/** Monotonic, so that requests at the same moment need not agree: the latest end stays. */
function slideText({ at, first }: { readonly at: number; readonly first: number }, where: string): string {
  return `update oidc_records o set expires_at = greatest(o.expires_at, to_timestamp(n.expires_at)), used_at = to_timestamp($${at})
    from unnest($${first}::smallint[], ${list(first + 1)}, $${first + 2}::float8[]) as n(model, id, expires_at)
    where o.model = n.model and o.id = n.id and (o.expires_at < to_timestamp(n.expires_at)
      or o.model = ${durableModels.Session} and coalesce(o.used_at, '-infinity') <= to_timestamp($${at} - ${usedPrecisionSeconds})) ${where}`
}

/** With `parts`, $11 says of each row which part of a group it belongs to. */
function insertText(where: string, parts = false): string {
  return `insert into oidc_records (model, id, payload, grant_id, uid, user_code, session_uid, user_id, expires_at, about)
    select m, i, p, g, u, c, s, a, to_timestamp(e), b
    from unnest($1::smallint[], ${list(2)}, $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[], $10::text[]${parts ? ', $11::int[]' : ''})
      as x(m, i, p, g, u, c, s, a, e, b${parts ? ', part' : ''}) ${where}`
}

function onConflict(): string {
  return `on conflict (model, id) do update set payload = excluded.payload, grant_id = excluded.grant_id,
    user_code = excluded.user_code, session_uid = excluded.session_uid, user_id = excluded.user_id, expires_at = excluded.expires_at,
    about = coalesce(excluded.about, oidc_records.about)`
}

/** The compare-and-set of `consume`. */
function consumedText(): string {
  return `consumed as (
      update oidc_records set consumed_at = to_timestamp($11), successor = $14
      where model = $12 and id = $13 and consumed_at is null returning 1
    )`
}

function consumeText(): string {
  return `with ${consumedText()}, inserted as (
      ${insertText('where exists (select 1 from consumed)')} ${onConflict()}
    )
    select exists (select 1 from consumed) as allowed`
}

/**
 * `consume` of many requests, each by itself; answers the parts that were carried out. A value that somebody else holds a lock on is
 * left out, so that no request waits for what another is about.
 */
function consumeManyText(): string {
  return `with wanted as (
      select * from unnest($12::smallint[], ${list(13)}, $14::text[], $15::float8[]) with ordinality
        as w(model, id, successor, at, part)
    ), free as (
      select o.model, o.id from oidc_records o join wanted w on w.model = o.model and w.id = o.id
      where o.consumed_at is null for no key update of o skip locked
    ), consumed as (
      update oidc_records o set consumed_at = to_timestamp(w.at), successor = w.successor
      from wanted w join free f on f.model = w.model and f.id = w.id
      where o.model = f.model and o.id = f.id returning w.part
    ), inserted as (
      ${insertText('where x.part in (select part from consumed)', true)} ${onConflict()}
    )
    select part::int as part from consumed`
}

function commitText(): string {
  return `with ${consumedText()}, present as (
      select 1 from oidc_records where uid = any(${list(28)}) order by uid for no key update
    ), owner as (
      select id, proofs_ended_at from users where id = any(array(select user_id from identities where id = any(${list(32)})))
      order by id for share
    ), proved as (
      select user_id from identities where id = any(${list(32)}) and user_id = any(array(select id from owner)) order by id for key share
    ), secret as (
      select updated_at from passwords where $33::float8 is not null and user_id = any(array(select user_id from proved)) for share
    ), allowed as (
      select 1 where ($13::text is null or exists (select 1 from consumed))
        and (select count(*) from proved) = cardinality($32::text[])
        and not exists (select 1 from secret where updated_at > to_timestamp($33 / 1000))
        and not exists (select 1 from owner where proofs_ended_at > to_timestamp($33 / 1000))
        and (select count(*) from present) = cardinality($28::text[])
    ), deleted as (
      delete from oidc_records where (model, id) in (select * from unnest($15::smallint[], ${list(16)})) returning ${goneColumns}
    ), revoked as (
      delete from oidc_records where grant_id = any(${list(17)}) returning ${goneColumns}
    ), gone as (select * from deleted union all select * from revoked), sessions as (
      update oidc_records o set id = n.id, user_id = n.payload ->> 'accountId',
        expires_at = greatest(o.expires_at, to_timestamp(n.expires_at)), used_at = to_timestamp($11),
        about = coalesce(n.about, o.about),
        payload = (n.payload || jsonb_build_object('authorizations',
          (coalesce(o.payload::jsonb -> 'authorizations', '{}') - array(select jsonb_array_elements_text(n.removed))) || n.changed))::text
      from unnest(${list(18)}, $19::text[], $20::jsonb[], $21::jsonb[], $22::jsonb[], $23::float8[], $24::text[])
        as n(uid, id, payload, removed, changed, expires_at, about)
      where o.uid = n.uid and exists (select 1 from allowed)
    ), slid as (
      ${slideText({ at: 11, first: 25 }, 'and exists (select 1 from allowed)')}
    ), inserted as (
      ${insertText('where exists (select 1 from allowed)')} ${onConflict()}
    ), told as (
      insert into logout_notices (client_id, user_id, sid, created_at, due_at)
      select client, person, session, to_timestamp($11), to_timestamp($11)
      from unnest(${list(29)}, $30::text[], $31::text[]) as n(client, person, session)
    )
    select exists (select 1 from allowed) as allowed,
      (select jsonb_object_agg(grant_id, tokens) from (${lastTokens}) ended) as ended`
}

/** Slides as the three array parameters of their update, in one order everywhere, so that two requests cannot lock crosswise. */
export function slideValues(slides: readonly Slide[]): unknown[] {
  const inOrder = slides.toSorted((a, b) => durableModels[a.model] - durableModels[b.model] || (a.id < b.id ? -1 : 1))
  return [
    inOrder.map(({ model }) => durableModels[model]),
    inOrder.map(({ id }) => id),
    inOrder.map(({ expiresAt }) => expiresAt),
  ]
}

/** Rows as the ten array parameters of an insert. */
export function insertValues(rows: readonly RecordRow[]): unknown[] {
  const columns: unknown[][] = [...rowColumns.map(() => []), [], []]
  for (const row of rows) {
    const values = [
      durableModels[row.model],
      row.id,
      row.payload,
      row.grantId,
      row.uid,
      row.userCode,
      row.sessionUid,
      row.userId,
      row.expiresAt,
      row.about ?? null,
    ]
    values.forEach((value, index) => {
      columns[index]?.push(value)
    })
  }
  return columns
}
