import { afterAll, beforeAll, expect, test } from 'vitest'
import { sweepRecords } from '../../src/oidc/endings/sweep.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { codeChallenge, loginBySms, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

// JSON that PostgreSQL takes as text and cannot read as jsonb: one such row would stop the sweep, the list of devices and every end
// of its user's logins.

let world: World

beforeAll(async () => {
  world = await openWorld()
  await world.register({ resources, clients: [...clients, ...nativeClients] as never })
})
afterAll(() => world.close())

const claims = [
  '{"id_token":{"a\\u0000":null}}',
  '{"userinfo":{"nickname":{"value":"\\ud800"}}}',
  '{"id_token":{"x":{"values":["\\\\\\u0000"]}}}',
]

const readable = async () => {
  const { rows } = await world.database.database.knex.raw(
    'select count(payload::jsonb)::int as count from oidc_records',
  )
  return rows[0].count as number
}

test.each(claims)('a login of an app with %s is refused before anybody proves anything', async (asked) => {
  const app = new NativeApp(world)
  const begun = await app.challenge({ method: 'sms', phone: '13800300001', claims: asked })
  expect(begun).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  await expect(world.otp('+8613800300001')).rejects.toThrow('nothing was sent')
})

test.each(claims)('a login of a browser with %s ends at the app with an error, and stores nothing', async (asked) => {
  const url = startLogin(world, 'plain', redirectUri, { claims: asked })
  const answer = await loginBySms(world, world.visitor(), url, `1380030001${claims.indexOf(asked)}`)
  expect(answer.location).toMatch(/^https:\/\/app\.example\.com\/callback\?error=invalid_request/)
  await readable()
})

test('no device begins with a NUL', async () => {
  const before = await readable()
  const { status, body } = await new NativeApp(world).send('POST', '/device/auth', {
    client_id: 'tv',
    acr_values: '\u0000',
  })
  expect({ status, body }).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  expect(await readable()).toBe(before)
})

test('nor does a pushed request or a browser keep one', async () => {
  const form = { client_id: 'plain', redirect_uri: redirectUri, response_type: 'code' }
  const pkce = { code_challenge: codeChallenge, code_challenge_method: 'S256' }
  const pushed = await new NativeApp(world).send('POST', '/request', { ...form, ...pkce, nonce: '\u0000' })
  expect(pushed.status).toBe(400)
})

test('claims nobody knows are ignored, and those of ours still come', async () => {
  const app = new NativeApp(world, 'mp')
  const asked = { id_token: { phone_number: null, shoe_size: null } }
  const done = await nativeSms(world, app, '13800300003', { scope: 'openid phone', claims: JSON.stringify(asked) })
  const told = await app.claims(await app.exchange(done))
  expect(told).toMatchObject({ phone_number: '+8613800300003' })
  const grants = await world.database.database.knex('oidc_records').where({ model: 2, user_id: told.sub })
  expect(grants.map(({ payload }) => payload).join()).not.toContain('shoe_size')
})

const yesterday = new Date(Date.now() - 86_400_000)
const leftBehind = (id: number) => [
  { model: 4, id: `nul${id}`, payload: '{"a":"\\u0000"}', user_id: 'usr_old', expires_at: yesterday },
  { model: 1, id: `cut${id}`, payload: '{"loginTs":', user_id: 'usr_old', expires_at: yesterday },
]

test('rows from before are dropped by the migration, and others stay', async () => {
  const { knex } = world.database.database
  const before = await readable()
  await knex('oidc_records').insert(
    ['{"a":"\\u0000"}', '{"\\uDFFF":1}'].map((payload, id) => ({ ...leftBehind(id)[0], payload })),
  )
  const { up } = await import('../../migrations/20261121090000_drop_unreadable_records.ts')
  await up(knex)
  expect(await readable()).toBe(before)
})

test('rows that cannot be read go with the others, and keep none of them', async () => {
  const { knex } = world.database.database
  const payload = JSON.stringify({ loginTs: 1, accountId: 'usr_old' })
  const others = ['other0', 'other1'].map((id) => ({
    model: 1,
    id,
    payload,
    user_id: 'usr_old',
    expires_at: yesterday,
  }))
  await knex('oidc_records').insert([...others.slice(0, 1), ...leftBehind(2), ...others.slice(1)])
  await sweepRecords({ knex }, Date.now)
  expect(await knex('oidc_records').where({ user_id: 'usr_old' })).toEqual([])
  expect(await knex('audit_events').where({ user_id: 'usr_old' }).select('event')).toEqual(
    others.map(() => ({ event: 'session.ended' })),
  )
})

test('a row that somebody has made endless is kept, and holds up no other one', async () => {
  const { knex } = world.database.database
  const row = (id: string, expires_at: string) => ({ model: 1, id, payload: '{}', expires_at })
  await knex('oidc_records').insert([row('endless', 'infinity'), row('over', '2020-01-01')])
  for (let times = 0; times < 2; times++) await world.app.core.sweep()
  expect(await knex('oidc_records').whereIn('id', ['endless', 'over']).pluck('id')).toEqual(['endless'])
  await knex('oidc_records').where({ id: 'endless' }).delete()
})

test('a sweep that fails stops no other one', async () => {
  const { knex } = world.database.database
  await knex('audit_events').insert({ at: new Date(0), event: 'session.ended', detail: '{}' })
  await knex.raw('alter table merges rename to merges_away')
  try {
    await expect(world.app.core.sweep()).rejects.toThrow('merges')
  } finally {
    await knex.raw('alter table merges_away rename to merges')
  }
  expect(await knex('audit_events').where({ at: new Date(0) })).toEqual([])
})
