import type { Clock } from '../../base/clock.ts'
import { deleteInBatches } from '../../store/batches.ts'
import { olderValues } from '../../store/older-time.ts'
import type { Database } from '../../store/postgres.ts'
import { sweepParts } from '../../store/sweep-minute.ts'
import { errorCode } from '../../store/unavailable.ts'
import { isBoundSql, isSignedInSql, memberTextSql, payloadSql } from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'
import { deletableSql } from '../records/deletable.ts'
import { endedDetail, signInDetail } from '../records/ended-detail.ts'

const { Session, Grant, RefreshToken } = durableModels

/**
 * Deletes what has expired. Sessions and families of refresh tokens that ran out leave a line in the audit with their
 * rows, in the same statement: whoever comes back after weeks still learns why they are asked to log in. A row that was
 * used after it was written is looked at again when it has ended by now. One that cannot be read goes without a line,
 * so that it does not keep the others.
 */
export async function sweepRecords({ knex }: Pick<Database, 'knex'>, clock: Clock): Promise<void> {
  const run = async (text: string, limit: number) => {
    const { rows } = await knex.raw<{ rows: readonly { count: string }[] }>(text, [...olderValues(clock), limit])
    return Number(rows[0]?.count)
  }

  /** Where a row of a batch cannot be read, takes fewer, until it is found alone; then there are more to look at. */
  async function sweepSome(limit: number): Promise<number> {
    for (let size = limit; ; size = Math.ceil(size / 2)) {
      try {
        const count = await run(sweepText, size)
        return count < size ? count : limit
      } catch (error) {
        if (!isUnreadable(error) || (size === 1 && (await run(withoutLineText, 1)) === 0)) throw error
        if (size === 1) return limit
      }
    }
  }

  await deleteInBatches(sweepSome)
}

/** SQLSTATE class 22, `data_exception`. */
function isUnreadable(error: unknown): boolean {
  return errorCode(error)?.startsWith('22') === true
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

const { gone, kept } = sweepParts({
  table: 'oidc_records',
  endSeconds: deletableSql({ model: 'model', userId: 'user_id', expires: 'extract(epoch from expires_at)::float8' }),
  parameters: ['?', '?', '?'],
})

const withoutLineText = `${gone} select count(*) from gone`

const sweepText = `${gone}, ${kept}, recorded as (
    insert into audit_events (at, event, user_id, client_id, detail)
    select ${runOutLine('gone')} from gone where ${leavesLine('gone')}
  )
  select count(*) from due`
