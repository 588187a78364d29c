import { browserSession, type Client, clientele } from './clientele.ts'

/** Rows that must not be, and what is wrong with them. */
export interface Damage {
  readonly what: string
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** Whoever can be asked in SQL. */
export interface Database {
  query(text: string): Promise<{ readonly rows: Readonly<Record<string, unknown>>[] }>
}

/** Numbers of models in `oidc_records`. */
const models = { Session: 1, Grant: 2, Code: 3, RefreshToken: 4, AccessToken: 5 } as const

/** Rows are written a moment after a process has looked at its clock, and seconds are rounded. */
const slack = `interval '3 seconds'`
const payload = 'cast(r.payload as jsonb)'
const isLive = 'r.expires_at > now() and r.consumed_at is null'

/** A check: what its rows would mean. It answers rows that must not be. */
interface Check {
  readonly what: string
  readonly text: string
}

const checks: readonly Check[] = [
  {
    what: 'records of a user that is not there',
    text: `select r.model, r.id, r.user_id from oidc_records r
      where r.user_id is not null and not exists (select 1 from users u where u.id = r.user_id)`,
  },
  {
    what: 'live records of a user that is not active',
    text: `select r.model, r.id, r.user_id, u.status from oidc_records r join users u on u.id = r.user_id
      where u.status <> 'active' and ${isLive}`,
  },
  {
    what: 'sessions that somebody is signed in to, without a user',
    text: `select r.id from oidc_records r where r.model = ${models.Session} and r.user_id is null and ${payload} ? 'loginTs'`,
  },
  {
    what: 'codes and tokens without their grant',
    text: `select r.model, r.id, r.grant_id from oidc_records r
      where r.model in (${models.Code}, ${models.RefreshToken}, ${models.AccessToken}) and r.grant_id is not null
        and not exists (select 1 from oidc_records g where g.model = ${models.Grant} and g.id = r.grant_id)`,
  },
  {
    what: 'live tokens bound to a session that is not there',
    text: `select r.model, r.id, r.session_uid from oidc_records r
      where r.model in (${models.RefreshToken}, ${models.AccessToken}) and ${isLive}
        and ${payload} @> '{"expiresWithSession": true}'
        and not exists (select 1 from oidc_records s where s.model = ${models.Session} and s.uid = r.session_uid)`,
  },
  {
    what: 'records of one user that hang on a grant of another',
    text: `select r.model, r.id, r.user_id, g.user_id as of_grant from oidc_records r
      join oidc_records g on g.model = ${models.Grant} and g.id = r.grant_id
      where r.user_id is distinct from g.user_id`,
  },
  {
    what: 'live records of a client that is not registered',
    text: `select r.model, r.id, ${payload} ->> 'clientId' as client_id from oidc_records r
      where ${isLive} and ${payload} ? 'clientId'
        and not exists (select 1 from clients c where c.client_id = ${payload} ->> 'clientId')`,
  },
  {
    what: 'logins of an app with more than one live refresh token',
    text: `select r.grant_id, count(*) from oidc_records r
      where r.model = ${models.RefreshToken} and ${isLive} and ${payload} ->> 'clientId' in (${idsOf(isApp)})
      group by r.grant_id having count(*) > 1`,
  },
  {
    what: 'sessions that live beyond their limit',
    text: `select r.id, r.expires_at from oidc_records r
      where r.model = ${models.Session} and ${payload} ? 'loginTs'
        and r.expires_at > to_timestamp(cast(${payload} ->> 'loginTs' as float8)) + interval '${browserSession.max} seconds' + ${slack}`,
  },
  ...Object.values(clientele).flatMap(limitsOf),
  {
    what: 'identities that lead from nothing',
    text: `select i.id from identities i where not exists (select 1 from identity_subjects s where s.identity_id = i.id)`,
  },
  {
    what: 'active users whom nobody can log in as',
    text: `select u.id from users u where u.status = 'active' and not exists (select 1 from identities i where i.user_id = u.id)`,
  },
  {
    what: 'audit events of a user that is not there',
    text: `select a.id, a.event, a.user_id from audit_events a
      where a.user_id is not null and not exists (select 1 from users u where u.id = a.user_id)`,
  },
  {
    what: 'audit events of the future',
    text: `select a.id, a.event, a.at from audit_events a where a.at > now() + ${slack}`,
  },
  {
    what: 'a use without exactly one key that signs, or with two that wait',
    text: `select k.use, k.alg from keys k group by k.use, k.alg
      having count(*) filter (where k.state = 'current') <> 1 or count(*) filter (where k.state = 'next') > 1`,
  },
]

function isApp(client: Client): boolean {
  return client.isApp
}

function idsOf(which: (client: Client) => boolean): string {
  return Object.values(clientele)
    .filter(which)
    .map(({ id }) => `'${id}'`)
    .join(', ')
}

/** No row says that something lives longer than its client's limits allow, used or not. */
function limitsOf({ id, refresh, access }: Client): Check[] {
  const begun = (member: string) => `to_timestamp(cast(${payload} ->> '${member}' as float8))`
  const beyond = (model: number, member: string, limit: { readonly idle: number; readonly max: number }) => `
    select r.id, r.expires_at from oidc_records r
    where r.model = ${model} and ${payload} ->> 'clientId' = '${id}' and ${isLive}
      and r.expires_at > least(now() + interval '${limit.idle} seconds', ${begun(member)} + interval '${limit.max} seconds') + ${slack}`
  return [
    { what: `refresh tokens of ${id} beyond their limits`, text: beyond(models.RefreshToken, 'iiat', refresh) },
    { what: `access tokens of ${id} beyond their limits`, text: beyond(models.AccessToken, 'iat', access) },
  ]
}

/** What is in the tables and must not be: sessions without a user, what points to nothing or lives too long. */
export async function damageIn(database: Database): Promise<Damage[]> {
  const found: Damage[] = []
  for (const { what, text } of checks) {
    const { rows } = await database.query(`${text} limit 5`)
    if (rows.length > 0) found.push({ what, rows })
  }
  return found
}
