// Gives grants and refresh tokens of before what new ones are written with. Some thousands at a time and outside of a transaction, so
// that no refresh waits longer than a moment; whatever was filled stays filled when it is run again.
import type { Knex } from 'knex'

export const transaction = false

interface Answer {
  readonly rows: readonly { readonly last: string | null }[]
}

const batchRows = 5000
const [grants, refreshTokens] = [2, 4]

export async function up(knex: Knex): Promise<void> {
  for (const model of [grants, refreshTokens]) {
    let after: string | null = ''
    while (after !== null) {
      const answer: Answer = await knex.raw(fillText, { model, after, batchRows })
      after = answer.rows[0]?.last ?? null
    }
  }
}

// A family that began without a browser counts from its login.
const fillText = `
  with batch as (
    select id, cast(payload as jsonb) as payload from oidc_records where model = :model and id > :after
    order by id limit :batchRows
  ), filled as (
    update oidc_records r set since = to_timestamp(cast(case when batch.payload -> 'sessionUid' is null
        then least(batch.payload -> 'iiat', batch.payload -> 'authTime', batch.payload -> 'iat')
        else coalesce(batch.payload -> 'iiat', batch.payload -> 'iat') end as float8))
    from batch where r.model = :model and r.id = batch.id and r.since is null
  )
  select max(id) as last from batch`
