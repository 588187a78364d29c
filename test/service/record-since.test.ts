import { afterAll, beforeAll, expect, test } from 'vitest'
import { up } from '../../migrations/20261129180001_fill_record_since.ts'
import { sweepRecords } from '../../src/oidc/endings/sweep.ts'
import { livesSince } from '../../src/oidc/records/family-life.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'

let own: TestDatabase
beforeAll(async () => {
  own = await createDatabase()
})
afterAll(() => own.drop())

const refreshToken = 4
const families = [
  ['begun in a browser', { iat: 500, iiat: 300, authTime: 100, sessionUid: 'uid' }, 300],
  ['begun in an app, of a login before it', { iat: 500, iiat: 300, authTime: 100 }, 100],
  ['begun in an app, of a login that says no time', { iat: 500, iiat: 300 }, 300],
] as const

test.each(families)(
  'a family %s lives since then, and an earlier row is filled with the same',
  async (_, payload, since) => {
    expect(livesSince('RefreshToken', { ...payload })).toBe(since)
    const { knex } = own.database
    const id = `family-${since}-${Object.keys(payload).length}`
    await knex('oidc_records').insert({
      model: refreshToken,
      id,
      payload: JSON.stringify(payload),
      expires_at: new Date(),
    })
    await up(knex)
    expect((await knex('oidc_records').where({ id }).first('since')).since).toEqual(new Date(since * 1000))
  },
)

test('a grant lives since it was made, and nothing else says since when', () => {
  expect(livesSince('Grant', { iat: 300 })).toBe(300)
  expect(livesSince('AccessToken', { iat: 300 })).toBe(null)
})

test('filling reaches every grant and refresh token, leaves what is filled, and can be run again', async () => {
  const { knex } = own.database
  await knex.raw(`insert into oidc_records (model, id, payload, expires_at, since)
    select model, 'many-' || n, '{"iat": 500}', now(), case n when 7 then to_timestamp(42) end
    from generate_series(1, 11000) n, unnest(array[2, 4, 5]) model`)
  await up(knex)
  await up(knex)
  const counted = await knex('oidc_records')
    .whereLike('id', 'many-%')
    .select('model', knex.raw('extract(epoch from since)::int as since'))
    .count('* as count')
    .groupBy(1, 2)
    .orderBy([1, 2])
  expect(counted.map(({ model, since, count }) => [model, since, Number(count)])).toEqual([
    [2, 42, 1],
    [2, 500, 10_999],
    [4, 42, 1],
    [4, 500, 10_999],
    [5, 42, 1],
    [5, null, 10_999],
  ])
})

test('a row that a server of the earlier version has written counts from when it was made', async () => {
  const { knex } = own.database
  const at = Math.floor(Date.now() / 1000)
  const [payload, user_id] = [JSON.stringify({ iat: at - 500, iiat: at - 900 }), 'usr_before']
  const row = { model: refreshToken, payload, user_id, expires_at: new Date(0) }
  await knex('oidc_records').insert([
    { ...row, id: 'before', grant_id: 'before' },
    { ...row, id: 'after', grant_id: 'after', since: new Date((at - 900) * 1000) },
  ])
  await sweepRecords({ knex }, Date.now)
  const noted = await knex('audit_events').where({ user_id }).orderByRaw(`detail ->> 'grant'`)
  expect(noted.map(({ detail }) => [detail.grant, detail.login_at])).toEqual([
    ['after', at - 900],
    ['before', at - 500],
  ])
})
