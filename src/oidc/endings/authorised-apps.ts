import type { Clock } from '../../base/clock.ts'
import type { UserId } from '../../base/ids.ts'
import type { Audit } from '../../ops/audit.ts'
import type { Database } from '../../store/postgres.ts'
import { retryOnConflict } from '../../store/retry-on-conflict.ts'
import { memberTextSql, payloadSql } from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'
import { type ConsentOf, type Decisions, grantedIn } from '../records/consents.ts'
import { lockRecordsOf } from '../records/lock-records.ts'
import { lastUseSql } from './devices.ts'
import { type Ending, endRecords } from './endings.ts'

/** An app of others that somebody has allowed something. */
export interface AuthorisedApp {
  readonly clientId: string
  readonly decisions: Decisions
  /** When the person decided about it first. */
  readonly since: Date
  /** To the hour where it came by itself. */
  readonly lastUsedAt: Date
}

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  readonly audit: Pick<Audit, 'write'>
}

const { Grant, RefreshToken, AccessToken } = durableModels

const listText = `
  select c.client_id, c.decisions, c.created_at, greatest(c.updated_at, c.used_at, use.at) as used_at
  from consents c
  cross join lateral (
    select to_timestamp(max(${lastUseSql('t')})) as at
    from oidc_records g join oidc_records t on t.grant_id = g.id and t.model in (${RefreshToken}, ${AccessToken})
    where g.model = ${Grant} and g.user_id = c.user_id and ${memberTextSql(payloadSql('g'), 'clientId')} = c.client_id
  ) use
  where c.user_id = :userId
  order by used_at desc, c.client_id`

interface AppRow {
  readonly client_id: string
  readonly decisions: Decisions
  readonly created_at: Date
  readonly used_at: Date
}

/** Which apps of others somebody has allowed something, what was used last first. */
export async function listAuthorisedApps(
  { database }: Pick<Dependencies, 'database'>,
  userId: UserId,
): Promise<readonly AuthorisedApp[]> {
  const { rows } = await database.knex.raw<{ rows: readonly AppRow[] }>(listText, { userId })
  return rows.map((row) => ({
    clientId: row.client_id,
    decisions: row.decisions,
    since: row.created_at,
    lastUsedAt: row.used_at,
  }))
}

/** How many apps of others somebody has allowed something: their rows alone, without what each has used last. */
export async function countAuthorisedApps(
  { database }: Pick<Dependencies, 'database'>,
  userId: UserId,
): Promise<number> {
  const row = await database.knex('consents').where({ user_id: userId }).count({ count: '*' }).first()
  return Number(row?.['count'])
}

/**
 * Takes back what somebody has allowed an app: it is forgotten, everything that the app has got ends in every process,
 * the app is told, and the audit keeps it. False when there was nothing to take back. SECURITY: the rows of the person
 * are locked first, then the consent, which every grant that is being written by it holds: so a request in flight is
 * either seen here, or finds its consent gone.
 */
export async function withdrawConsent(
  { database, clock, audit }: Dependencies,
  { userId, clientId }: ConsentOf,
  ending: Omit<Ending, 'reason'>,
): Promise<boolean> {
  const { decisions } = await retryOnConflict(() =>
    database.knex.transaction(async (trx) => {
      await lockRecordsOf(trx, userId)
      const [forgotten]: { decisions: Decisions }[] = await trx('consents')
        .where({ user_id: userId, client_id: clientId })
        .delete()
        .returning('decisions')
      if (!forgotten) return {} as { decisions?: Decisions }
      const scope = { kind: 'client', clientId } as const
      await endRecords({ database, clock }, userId, scope, { ...ending, reason: 'consent_withdrawn' }, trx)
      return forgotten
    }),
  )
  if (!decisions) return false
  const { operator, why, ...origin } = ending
  const detail = { granted: grantedIn(decisions), operator, why }
  await audit.write({ event: 'consent.withdrawn', userId, clientId, ...origin, detail })
  return true
}
