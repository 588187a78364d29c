import { afterAll, beforeAll, expect, test } from 'vitest'
import { up } from '../../migrations/20261130160002_fill_consents.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'

let own: TestDatabase
const at = new Date()
const api = 'https://api.example.com'

beforeAll(async () => {
  own = await createDatabase()
  const { knex } = own.database
  const users = ['usr_mei', 'usr_lei', 'usr_gone'].map((id) => ({ id, created_at: at, updated_at: at }))
  await knex('users').insert(users.map((user) => ({ ...user, status: user.id === 'usr_gone' ? 'deleted' : 'active' })))
  const clients = { courier: {}, shop: { first_party: true } }
  await knex('clients').insert(
    Object.entries(clients).map(([client_id, metadata]) => ({ client_id, metadata, created_at: at, updated_at: at })),
  )
})
afterAll(() => own.drop())

let grants = 0
async function grant(user_id: string, clientId: string, payload: object): Promise<void> {
  const id = `grant-${++grants}`
  await own.database
    .knex('oidc_records')
    .insert({ model: 2, id, user_id, payload: JSON.stringify({ ...payload, clientId }), expires_at: at })
}

test('what was granted before is taken over: of active people, for clients of others, the later word counting', async () => {
  const { knex } = own.database
  const earlier = { openid: { scope: 'openid phone' }, rejected: { openid: { scope: 'profile' } } }
  await grant('usr_mei', 'courier', { iat: 100, ...earlier })
  const rejected = { openid: { scope: 'phone', claims: ['picture'] }, resources: { [api]: 'orders:write' } }
  const resources = { [api]: 'orders:read orders:write' }
  await grant('usr_mei', 'courier', { iat: 200, openid: { scope: 'openid phone profile' }, resources, rejected })
  await grant('usr_mei', 'shop', { iat: 200, openid: { scope: 'openid' } })
  await grant('usr_mei', 'removed', { iat: 200, openid: { scope: 'openid' } })
  await grant('usr_gone', 'courier', { iat: 200, openid: { scope: 'openid' } })
  await grant('usr_lei', 'courier', { iat: 300, openid: { scope: 'openid' } })
  await up(knex)
  await up(knex)
  const rows = await knex('consents').orderBy('user_id', 'desc')
  expect(rows).toEqual([
    {
      user_id: 'usr_mei',
      client_id: 'courier',
      decisions: {
        openid: true,
        phone: false,
        profile: true,
        [`${api} orders:read`]: true,
        [`${api} orders:write`]: false,
      },
      created_at: new Date(100_000),
      updated_at: new Date(200_000),
      used_at: null,
    },
    expect.objectContaining({ user_id: 'usr_lei', decisions: { openid: true }, created_at: new Date(300_000) }),
  ])
})
