import type { Database } from '../store/postgres.ts'
import { endedDetail } from './endings.ts'
import { durableModels } from './records.ts'

const sweepRows = 1000
const { Session, RefreshToken } = durableModels

/**
 * Deletes what expired before this moment, in small batches. Sessions and families of refresh tokens that ran out leave a line in
 * the audit with their rows, in the same statement: whoever comes back after weeks still learns why they are asked to log in.
 */
export async function sweepRecords({ knex }: Pick<Database, 'knex'>, beforeMs: number): Promise<void> {
  for (;;) {
    const { rows } = await knex.raw<{ rows: readonly { count: string }[] }>(sweepText, [new Date(beforeMs)])
    if (Number(rows[0]?.count) < sweepRows) return
  }
}

const sweepText = `
  with gone as (
    delete from oidc_records where ctid = any(array(
      select ctid from oidc_records where expires_at < ? limit ${sweepRows} for update skip locked)) returning *
  ), recorded as (
    insert into audit_events (at, event, user_id, client_id, detail)
    select gone.expires_at, case gone.model when ${Session} then 'session.ended' else 'grant.expired' end, gone.user_id,
      cast(gone.payload as jsonb) ->> 'clientId', jsonb_build_object('reason', 'expired') || ${endedDetail('gone')}
    from gone
    where (gone.model = ${Session} and cast(gone.payload as jsonb) -> 'loginTs' is not null)
      or (gone.model = ${RefreshToken} and gone.consumed_at is null
        and not cast(gone.payload as jsonb) @> '{"expiresWithSession": true}')
  )
  select count(*) from gone`
