import type { Knex } from 'knex'
import type { AccountDirectory } from '../accounts/directory.ts'
import type { Clock } from '../base/clock.ts'
import type { UserId } from '../base/ids.ts'
import { listAuthorisedApps } from '../oidc/endings/authorised-apps.ts'
import { listDevices } from '../oidc/endings/devices.ts'
import type { AuditEventName } from '../ops/audit.ts'
import type { Database } from '../store/postgres.ts'
import type { OwnData } from './own-data.ts'

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  readonly directory: Pick<AccountDirectory, 'find'>
}

/** A picture of somebody, as we keep it. */
export interface OwnPicture {
  readonly type: string
  readonly bytes: Uint8Array
}

/** What is kept about a person. */
export interface Collected {
  readonly data: Omit<OwnData, '$schema' | 'issuer'>
  readonly picture: OwnPicture | undefined
}

/** More rows of the audit, or more sessions, than this are in no archive. */
const mostRows = 20_000

/**
 * Events that nobody but the person can have caused. SECURITY: of every other one the address may be somebody else's:
 * of whoever has a number now, or of a thief.
 */
const ownActs: ReadonlySet<string> = new Set<AuditEventName>([
  'login.succeeded',
  'login.disowned',
  'user.registered',
  'identity.bound',
  'identity.unbound',
  'identity.confirmed',
  'profile.changed',
  'password.set',
  'password.changed',
  'password.reset',
  'consent.granted',
  'consent.refused',
  'consent.withdrawn',
])

/** Everything that is kept about a person; undefined when there is no such user or nothing is left of it. */
export async function collectOwnData(
  { database, clock, directory }: Dependencies,
  userId: UserId,
): Promise<Collected | undefined> {
  const { knex } = database
  const account = await directory.find(userId)
  if (!account || account.user.status === 'deleted') return undefined
  const { user } = account
  const password = await knex('passwords').where({ user_id: userId }).first<{ updated_at: Date }>('updated_at')
  const picture = await knex('pictures').where({ user_id: userId }).first<OwnPicture>('type', 'bytes')
  const rows = await auditOf(knex, userId)
  const data = {
    made_at: new Date(clock()).toISOString(),
    profile: {
      id: user.id,
      status: user.status,
      nickname: user.profile.nickname ?? null,
      picture: user.profile.picture ?? null,
      created_at: user.createdAt.toISOString(),
      updated_at: user.updatedAt.toISOString(),
      password_set_at: isoOf(password?.updated_at),
    },
    identities: await identitiesOf(knex, userId),
    agreements: agreementsIn(rows),
    apps: await appsOf(database, userId),
    sessions: await sessionsOf({ database, clock }, userId),
    known_apps: (await knex('known_devices').where({ user_id: userId }).orderBy('used_at').select('used_at')).map(
      ({ used_at }: { used_at: Date }) => ({ used_at: used_at.toISOString() }),
    ),
    logins: rows.filter(({ event }) => event === 'login.succeeded').map(loginOf),
    events: rows.filter(({ event }) => event !== 'login.succeeded').map(eventOf),
    is_cut: rows.length === mostRows,
  }
  return { data, picture }
}

interface IdentityRow {
  readonly provider: string
  readonly subjects: readonly string[]
  readonly created_at: Date
  readonly created_ip: string
  readonly verified_at: Date | null
  readonly last_used_at: Date
  readonly last_used_ip: string
}

async function identitiesOf(knex: Knex, userId: UserId): Promise<OwnData['identities']> {
  const { rows } = await knex.raw<{ rows: readonly IdentityRow[] }>(
    `select i.provider, i.created_at, i.created_ip, i.verified_at, i.last_used_at, i.last_used_ip,
       array(select s.subject from identity_subjects s where s.identity_id = i.id order by s.position, s.subject) as subjects
     from identities i where i.user_id = :userId order by i.created_at, i.id`,
    { userId },
  )
  return rows.map((row) => ({
    provider: row.provider,
    subjects: [...row.subjects],
    created_at: row.created_at.toISOString(),
    created_from: row.created_ip,
    verified_at: isoOf(row.verified_at),
    last_used_at: row.last_used_at.toISOString(),
    last_used_from: row.last_used_ip,
  }))
}

async function appsOf(database: Database, userId: UserId): Promise<OwnData['apps']> {
  const apps = await listAuthorisedApps({ database }, userId)
  const names = await namesOf(
    database.knex,
    apps.map(({ clientId }) => clientId),
  )
  return apps.map(({ clientId, decisions, since, lastUsedAt }) => ({
    client_id: clientId,
    name: names(clientId),
    granted: Object.keys(decisions).filter((key) => decisions[key]),
    refused: Object.keys(decisions).filter((key) => !decisions[key]),
    since: since.toISOString(),
    last_used_at: lastUsedAt.toISOString(),
  }))
}

async function sessionsOf(
  dependencies: Pick<Dependencies, 'database' | 'clock'>,
  userId: UserId,
): Promise<OwnData['sessions']> {
  const { devices } = await listDevices(dependencies, userId, { limit: mostRows })
  const names = await namesOf(
    dependencies.database.knex,
    devices.flatMap(({ clientIds }) => clientIds),
  )
  return devices.map(({ kind, clientIds, signIn, createdAt, lastUsedAt, expiresAt }) => ({
    kind: kind === 'session' ? 'browser' : 'app',
    apps: clientIds.map(names),
    method: signIn.method ?? null,
    device: signIn.device ?? null,
    ip: signIn.ip ?? null,
    signed_in_at: createdAt.toISOString(),
    last_used_at: lastUsedAt.toISOString(),
    expires_at: expiresAt.toISOString(),
  }))
}

/** What clients are called; one that has gone, or is this server's own, by its id. */
async function namesOf(knex: Knex, clientIds: readonly string[]): Promise<(clientId: string) => string> {
  const rows: readonly { client_id: string; name: string | null }[] = await knex('clients')
    .whereIn('client_id', clientIds)
    .select('client_id', knex.raw(`metadata ->> 'client_name' as name`))
  const names = new Map(rows.map(({ client_id, name }) => [client_id, name]))
  return (clientId) => names.get(clientId) ?? clientId
}

interface AuditRow {
  readonly at: Date
  readonly event: string
  readonly identity_provider: string | null
  readonly client_id: string | null
  readonly ip: string | null
  readonly detail: Readonly<Record<string, unknown>>
}

/** SECURITY: only rows of this very user. The index of the audit by user and time finds them. */
async function auditOf(knex: Knex, userId: UserId): Promise<readonly AuditRow[]> {
  return knex('audit_events')
    .where({ user_id: userId })
    .orderBy([
      { column: 'at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .limit(mostRows)
    .select<AuditRow[]>('at', 'event', 'identity_provider', 'client_id', 'ip', 'detail')
}

function loginOf({ at, identity_provider, client_id, ip, detail }: AuditRow): OwnData['logins'][number] {
  const { method, device } = detail
  return {
    at: at.toISOString(),
    method: textOf(method) ?? '',
    provider: identity_provider,
    client_id,
    device: textOf(device),
    ip,
  }
}

/** SECURITY: of `detail` the reason alone: the rest names operators, and the accounts of others. */
function eventOf({ at, event, identity_provider, client_id, ip, detail }: AuditRow): OwnData['events'][number] {
  return {
    at: at.toISOString(),
    event,
    provider: identity_provider,
    client_id,
    ip: ownActs.has(event) ? ip : null,
    reason: textOf(detail['reason']),
  }
}

/** When each version of a document was agreed to for the first time. */
function agreementsIn(rows: readonly AuditRow[]): OwnData['agreements'] {
  const first = new Map<string, Date>()
  for (const { at, detail } of rows) {
    const { agreements } = detail
    const agreed: readonly unknown[] = Array.isArray(agreements) ? agreements : []
    for (const each of agreed) if (typeof each === 'string') first.set(each, at)
  }
  return [...first].map(([each, at]) => {
    const [document = '', version = ''] = each.split(/@(.*)/s)
    return { document, version, at: at.toISOString() }
  })
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function isoOf(at: Date | null | undefined): string | null {
  return at?.toISOString() ?? null
}
