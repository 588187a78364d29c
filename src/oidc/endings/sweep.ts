import type { Clock } from '../../base/clock.ts'
import { deleteInBatches } from '../../store/batches.ts'
import { olderMsText, olderValues } from '../../store/older-time.ts'
import type { Database } from '../../store/postgres.ts'
import { isBoundSql, isSignedInSql, memberTextSql, payloadSql } from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'
import { endedDetail, signInDetail } from '../records/ended-detail.ts'

const { Session, Grant, AuthorizationCode, RefreshToken, AccessToken, ClientCredentials, DeviceCode } = durableModels

/** How long expired rows are kept, by the older clock. */
interface Kept {
  readonly clock: Clock
  readonly keptSeconds: number
}

/**
 * Deletes what has expired. Sessions and families of refresh tokens that ran out leave a line in the audit with their
 * rows, in the same statement: whoever comes back after weeks still learns why they are asked to log in. Codes and
 * access tokens go after `spentSeconds`: one that has ended is refused whatever became of it, and there are many.
 */
export async function sweepRecords(
  { knex }: Pick<Database, 'knex'>,
  { clock, keptSeconds, spentSeconds }: Kept & { readonly spentSeconds: number },
): Promise<void> {
  await deleteInBatches(async (limit) => {
    const values = [...olderValues(clock), spentSeconds, ...olderValues(clock), keptSeconds, limit]
    const { rows } = await knex.raw<{ rows: readonly { count: string }[] }>(sweepText, values)
    return Number(rows[0]?.count)
  })
}

/**
 * Deletes ended sessions and device codes that belong to no user. SECURITY: any stranger can make them, and nobody
 * misses them.
 */
export async function sweepAnonymous({ knex }: Pick<Database, 'knex'>, { clock, keptSeconds }: Kept): Promise<void> {
  await deleteInBatches(async (limit) => {
    const values = [...olderValues(clock), keptSeconds, limit]
    const { rowCount } = await knex.raw<{ rowCount: number }>(anonymousText, values)
    return rowCount
  })
}

/**
 * Which rows leave a line in the audit when they run out: sessions that somebody was signed in to, and the last family
 * of refresh tokens of a grant. A family that an app has replaced by another of the same grant ends nothing.
 */
export function leavesLine(row: string): string {
  return `((${row}.model = ${Session} and ${isSignedInSql(payloadSql(row))})
    or (${row}.model = ${RefreshToken} and ${row}.consumed_at is null
      and not ${isBoundSql(payloadSql(row))}
      and not exists (select 1 from oidc_records later where later.model = ${RefreshToken} and later.grant_id = ${row}.grant_id
        and later.consumed_at is null and later.expires_at > ${row}.expires_at)))`
}

/**
 * That line, as columns of the audit. Where somebody signed in stands beside the grant, which mostly outlives its
 * tokens.
 */
export function runOutLine(row: string): string {
  return `${row}.expires_at as at, case ${row}.model when ${Session} then 'session.ended' else 'grant.expired' end as event,
    ${row}.user_id, ${memberTextSql(payloadSql(row), 'clientId')} as client_id,
    jsonb_strip_nulls(jsonb_build_object('reason', 'expired',
      'tokens', case ${row}.model when ${RefreshToken} then jsonb_build_array(${row}.id) end)) || ${endedDetail(row)}
      || coalesce((select ${signInDetail('g')} from oidc_records g where g.model = ${Grant} and g.id = ${row}.grant_id), '{}') as detail`
}

const endedBefore = `expires_at < to_timestamp(${olderMsText('?', '?')} / 1000 - ?)`

const sweepText = `
  with gone as (
    delete from oidc_records where ctid = any(array(
      select ctid from oidc_records where ${endedBefore}
        and (model in (${AuthorizationCode}, ${AccessToken}, ${ClientCredentials}) or ${endedBefore})
      limit ? for update skip locked)) returning *
  ), recorded as (
    insert into audit_events (at, event, user_id, client_id, detail)
    select ${runOutLine('gone')} from gone where ${leavesLine('gone')}
  )
  select count(*) from gone`

const anonymousText = `
  delete from oidc_records where ctid = any(array(
    select ctid from oidc_records where ${endedBefore} and user_id is null and model in (${Session}, ${DeviceCode})
    limit ? for update skip locked))`
