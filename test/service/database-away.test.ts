import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordId } from '../../src/oidc/records/records.ts'
import { backendAuth, clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

/** A rejection nobody handles would end the process; vitest fails the file for one. */
describe('while the database is away', () => {
  let world: World
  let visitor: Visitor
  let tokens: Record<string, string>

  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients, resources })
    visitor = world.visitor()
    const url = startLogin(world, 'plain', redirectUri, { scope: 'openid offline_access' })
    tokens = await exchange(
      world,
      'plain',
      redirectUri,
      (await loginBySms(world, visitor, url, '13800138000')).location,
    )
    await world.app.core.database.close()
  })
  afterAll(() => world.close().catch(() => {}))

  const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${world.issuer}${path}`, { method: 'POST', headers, body: new URLSearchParams(form) })

  test.each<readonly [string, () => Promise<Response>]>([
    [
      'refresh',
      () =>
        post('/token', {
          grant_type: 'refresh_token',
          client_id: 'plain',
          refresh_token: tokens['refresh_token'] as string,
        }),
    ],
    [
      'exchange of a code',
      () => post('/token', { grant_type: 'authorization_code', client_id: 'plain', code: 'x', code_verifier: 'y' }),
    ],
    ['client credentials', () => post('/token', { grant_type: 'client_credentials' }, backendAuth)],
    ['userinfo', () => fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${tokens['access_token']}` } })],
    ['introspection', () => post('/token/introspection', { token: 'x' }, backendAuth)],
    ['revocation', () => post('/token/revocation', { token: 'x' }, backendAuth)],
  ])('%s is answered 503 with a time to come back', async (_, ask) => {
    const answer = await ask()
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(await answer.json()).toMatchObject({
      error: 'temporarily_unavailable',
      message_key: 'errors.server.unavailable',
    })
  })

  test.each(['/auth', '/device', '/session/end', '/account'])(
    'a person at %s gets a page that says so',
    async (path) => {
      const target = path === '/auth' ? startLogin(world, 'plain', redirectUri) : path
      const page = await visitor.get(target)
      expect(page.status).toBe(503)
      expect(page.text).toContain('server.unavailable')
      expect(page.location).toBeUndefined()
    },
  )

  test('keys and discovery are served', async () => {
    expect((await fetch(`${world.issuer}/jwks`)).status).toBe(200)
    expect((await fetch(`${world.issuer}/.well-known/openid-configuration`)).status).toBe(200)
  })
})

describe('a refresh that is refused', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients, resources })
  })
  afterAll(() => world.close())

  test('leaves the token as it was', async () => {
    const url = startLogin(world, 'web', redirectUri, { scope: 'openid offline_access' })
    const login = await loginBySms(world, world.visitor(), url, '13800138001')
    const { refresh_token: refreshToken = '' } = await exchange(world, 'web', redirectUri, login.location)
    const form = { grant_type: 'refresh_token', client_id: 'web', refresh_token: refreshToken }
    const refused = await token(world, { ...form, resource: 'https://nobody.example.com' })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
    const rows = await world.database.database.knex('oidc_records').where({ model: 4 })
    expect(rows).toMatchObject([{ id: recordId('RefreshToken', refreshToken), consumed_at: null }])
    expect((await token(world, form)).status).toBe(200)
  })
})
