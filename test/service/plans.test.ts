import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sweepRecords } from '../../src/oidc/endings/sweep.ts'
import { lookUps, slideValues, statements } from '../../src/oidc/records/statements.ts'
import type { Database } from '../../src/store/postgres.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { hotStatements } from '../support/hot-statements.ts'
import { type Connection, onOneConnection } from '../support/one-connection.ts'
import { planOf, stepsOf } from '../support/plans.ts'

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
        const { name } = call()
        const planned = await connection.query({
          text: 'select generic_plans, custom_plans from pg_prepared_statements where name = $1',
          values: [name],
        })
        // PostgreSQL tries five plans for the values at hand before it settles for one for all.
        expect(planned.rows).toEqual([{ generic_plans: 7, custom_plans: 5 }])
      })
      const steps = stepsOf(await planOf(knex, call()))
      expect(steps.filter((step) => step['Node Type'] === 'Seq Scan')).toEqual([])
    },
  )
})

describe('what use changes gets no new entry in an index, and is found by one when it is swept:', () => {
  const week = 7 * 86_400
  /** What some work in a transaction does to a table. */
  async function doneTo(table: string, connection: Connection, work: () => Promise<unknown>) {
    const read = async () => {
      const { rows } = await connection.query({
        text: `select seq_scan::int as reads, n_tup_upd::int as updates, n_tup_hot_upd::int as within_page
          from pg_stat_xact_user_tables where relname = $1`,
        values: [table],
      })
      return rows[0] as Record<'reads' | 'updates' | 'within_page', number>
    }
    const before = await read()
    await work()
    const after = await read()
    return [after.reads - before.reads, after.updates - before.updates, after.within_page - before.within_page]
  }
  /** A process whose clock is right, and whose database agrees, so much later. */
  const after = (seconds: number) => Object.assign(() => Date.now() + seconds * 1000, { aheadMs: () => seconds * 1000 })

  test('sessions and grants', async () => {
    const at = Math.floor(Date.now() / 1000)
    const slides = [
      { model: 'Session', id: 's9', expiresAt: at + week },
      { model: 'Grant', id: 'g9', expiresAt: at + week },
    ] as const
    await onOneConnection(knex, async (connection) => {
      const slid = () => connection.query(statements.slide.with({ at, ...slideValues(slides) }))
      expect(await doneTo('oidc_records', connection, slid)).toEqual([0, 2, 2])
    })
    await knex('oidc_records').update({ sweep_minute: Math.ceil(at / 60) + 1440 + 60 })
    await knex('oidc_records')
      .where({ id: 's8' })
      .update({ expires_at: new Date((at - week) * 1000) })
    await knex.raw('vacuum analyze oidc_records')
    await knex.transaction(async (trx) => {
      const { client } = trx as unknown as { client: { acquireConnection(): Promise<Connection> } }
      const swept = () => sweepRecords({ knex: trx }, after(0))
      expect(await doneTo('oidc_records', await client.acquireConnection(), swept)).toEqual([0, 0, 0])
      expect(await trx('oidc_records').where({ id: 's8' })).toEqual([])
    })
  })

  test('what a login notes of an identity', async () => {
    await onOneConnection(knex, async (connection) => {
      const noted = () =>
        connection.query({
          text: `update identities set last_used_at = now(), last_used_ip = '203.0.113.200' where id = 'idt_7'`,
        })
      expect(await doneTo('identities', connection, noted)).toEqual([0, 1, 1])
    })
  })

  test('short-lived values and counters', async () => {
    await knex.raw(`insert into ephemeral (key, value, expires_at_ms, sweep_minute)
      select 'k' || i, '1', 4e12, 66666667 from generate_series(1, ${users}) i`)
    await knex.raw('vacuum analyze ephemeral')
    await onOneConnection(knex, async (connection) => {
      const database = { commitQuery: (given: object) => connection.query(given) } as unknown as Database
      const store = (seconds: number) => tableStore({ database, clock: after(seconds) })
      const counter = { key: 'counter', max: 100, seconds: week }
      const written = async () => {
        for (const seconds of [0, 120, 240]) {
          await store(seconds).set('value', seconds, 600)
          await store(seconds).count([counter])
          await store(seconds).increment('increment', 600)
        }
      }
      expect(await doneTo('ephemeral', connection, written)).toEqual([0, 6, 6])
      expect(await doneTo('ephemeral', connection, () => store(2 * week).sweep())).toEqual([0, 0, 0])
      const { rows } = await connection.query({ text: `select key from ephemeral where key not like 'k%'` })
      expect(rows).toEqual([])
    })
  })
})
