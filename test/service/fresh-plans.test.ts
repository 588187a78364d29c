import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NamedStatement } from '../../src/store/statement.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { hotStatements } from '../support/hot-statements.ts'
import { introspect, loginByPassword, loginBySms, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { planning, planOf, readWhole } from '../support/plans.ts'
import { openWorld, type World } from '../support/world.ts'

// A database that has just been made: its tables are empty and nobody has counted their rows. A plan that PostgreSQL makes now
// is kept by the connection while the tables grow, so it must be the plan of a large table already.

let world: World
const seen = new Map<string, NamedStatement>()

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  const { database } = world.app.core
  for (const way of ['readQuery', 'commitQuery'] as const) {
    const send = database[way]
    Object.assign(database, {
      [way]: (statement: NamedStatement) => {
        seen.set(statement.name, statement)
        return send(statement)
      },
    })
  }
  await world.register({ resources, clients: [...clients, ...nativeClients] })
})
afterAll(() => world?.close())

const knexOf = () => world.app.core.database.knex

describe('on a database that has just been made, for good', () => {
  test.each(Object.entries(hotStatements))('%s reads every table through an index', async (_, call) => {
    expect(readWhole(await planOf(knexOf(), call()))).toEqual([])
  })

  test('each does so too when a few rows have been counted', async () => {
    await knexOf().transaction(async (transaction) => {
      await transaction.raw(`insert into oidc_records (model, id, payload, uid, grant_id, user_id, expires_at)
        select model, 'few' || i, '{}', case model when 1 then 'few' || i end, case when model > 2 then 'few' || i end,
          'usr_' || i, now()
        from generate_series(1, 20) i, generate_series(1, 5) model`)
      await transaction.raw('analyze oidc_records')
    })
    const read = await Promise.all(
      Object.entries(hotStatements).map(
        async ([name, call]) => [name, readWhole(await planOf(knexOf(), call()))] as const,
      ),
    )
    expect(read.filter(([, whole]) => whole.length > 0)).toEqual([])
  })

  test('so does every other statement of logins, refreshes and questions about tokens', async () => {
    const login = startLogin(world, 'web', redirectUri, { scope: 'openid offline_access', prompt: 'consent' })
    await loginBySms(world, world.visitor(), login, '13800000071')
    await loginByPassword(world.visitor(), login, '13800000071', 'not the password')
    const app = new NativeApp(world, 'ios')
    const tokens = await app.refresh(await app.exchange(await nativeSms(world, app, '13800000072')))
    await introspect(world, tokens.access_token, 'ios')
    await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    const hot = Object.values(hotStatements).map((call) => call().name)
    const others = [...seen.values()].filter(({ name }) => !hot.includes(name))
    const read = await Promise.all(
      others.map(async (each) => [each.name, readWhole(await planOf(knexOf(), each))] as const),
    )
    expect(read.filter(([, whole]) => whole.length > 0)).toEqual([])
    expect(others.length).toBeGreaterThan(10)
  })

  test.each([
    ['the end of older grants', `end_older_grants('grant', 'usr_x', 'web', 'key', 1, now())`],
    ['counters', `take_counters(1, '{a,b}', '{5,5}', '{60000,60000}', '{1,1}', '{0,0}', '{0,0}', '{1,1}')`],
    [
      'counters of the version before',
      `take_counters(1, '{a,b}', '{5,5}', '{60000,60000}', '{1,1}', '{0,0}', '{0,0}')`,
    ],
    ['counters of the one before that', `take_counters(1, '{a,b}', '{5,5}', '{60000,60000}', '{1,1}')`],
    ['money', `take_money(1, '{CN,CN}', '{hour,day}', '{open,open}', '{5,5}', '{3600000,86400000}', '{1,1}')`],
  ])('so does the function for %s', async (_, call) => {
    const read = await planning(knexOf(), async (connection) => {
      for (const id of ['older', 'newer']) {
        await connection.query({
          text: `insert into oidc_records (model, id, payload, user_id, since, expires_at)
            values (2, $1, '{"clientId":"web"}', 'usr_x', now(), now() + interval '1 day')`,
          values: [`${id} ${call}`],
        })
      }
      await connection.query({ text: `select from ${call}` })
      const { rows } = await connection.query({
        text: `select relname, seq_scan, idx_scan from pg_stat_xact_user_tables where relname in ('oidc_records', 'ephemeral', 'money_spent')`,
      })
      return rows
    })
    expect(read.map(({ relname, seq_scan }) => [relname, Number(seq_scan)])).toEqual(
      expect.arrayContaining([
        ['oidc_records', 0],
        ['ephemeral', 0],
        ['money_spent', 0],
      ]),
    )
  })
})
