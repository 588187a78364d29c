import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lookUps, statements } from '../../src/oidc/records/statements.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { hotStatements } from '../support/hot-statements.ts'
import { onOneConnection } from '../support/one-connection.ts'

let own: TestDatabase
let knex: Knex

/** As many rows as make PostgreSQL care how it finds one. */
const users = 2000

beforeAll(async () => {
  own = await createDatabase()
  knex = own.database.knex
  const numbers = `from generate_series(1, ${users}) i`
  const record = (model: number, id: string, [grant, session, uid]: readonly string[]) =>
    knex.raw(`insert into oidc_records (model, id, payload, grant_id, session_uid, uid, user_id, expires_at)
      select ${model}, '${id}' || i, '{}', ${grant}, ${session}, ${uid}, 'usr_' || i, now() + interval '1 day' ${numbers}`)
  await knex.raw(
    `insert into users (id, status, created_at, updated_at) select 'usr_' || i, 'active', now(), now() ${numbers}`,
  )
  await knex.raw(`insert into identities (id, user_id, provider, created_at, created_ip, last_used_at, last_used_ip)
    select 'idt_' || i, 'usr_' || i, 'phone', now(), '', now(), '' ${numbers}`)
  await knex.raw(`insert into identity_subjects (identity_id, provider, subject, position, created_at)
    select 'idt_' || i, 'phone', '+86' || i, 0, now() ${numbers}`)
  await knex.raw(`insert into passwords (user_id, hash, updated_at) select 'usr_' || i, '', now() ${numbers}`)
  await knex.raw(`insert into consents (user_id, client_id, decisions, created_at, updated_at)
    select 'usr_' || i, 'c7', '{"openid": true}', now(), now() ${numbers}`)
  await record(1, 's', ['null', 'null', "'u' || i"])
  await record(2, 'g', ['null', 'null', 'null'])
  for (const [model, id] of [
    [3, 'c'],
    [4, 'r'],
    [5, 'a'],
  ] as const) {
    await record(model, id, ["'g' || i", "'u' || i", 'null'])
  }
  await knex.raw('analyze')
})
afterAll(() => own.drop())

test('every statement of the hot path is looked at here', () => {
  expect(Object.keys(hotStatements).sort()).toEqual([...Object.keys(lookUps), ...Object.keys(statements)].sort())
})

describe('a statement of the hot path', () => {
  test.each(Object.entries(hotStatements))(
    '%s is planned once, and reads no table from end to end',
    async (_, call) => {
      await onOneConnection(knex, async (connection) => {
        for (let times = 0; times < 12; times++) await connection.query(call())
        const { name, text, values } = call()
        const planned = await connection.query({
          text: 'select generic_plans, custom_plans from pg_prepared_statements where name = $1',
          values: [name],
        })
        // PostgreSQL tries five plans for the values at hand before it settles for one for all.
        expect(planned.rows).toEqual([{ generic_plans: 7, custom_plans: 5 }])
        await connection.query({ text: 'set local plan_cache_mode = force_generic_plan' })
        const { rows } = await connection.query({ text: `explain ${text}`, values })
        expect(rows.map((line) => String(line['QUERY PLAN'])).filter((line) => line.includes('Seq Scan on'))).toEqual(
          [],
        )
      })
    },
  )
})
