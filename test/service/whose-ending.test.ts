import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { codeVerifier, exchange, loginBySms, startLogin, subjectOf, token } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

// Whose the lines are that the audit gets of what the library ends.

let world: World
beforeAll(async () => {
  world = await openWorld()
  await world.register({ resources, clients })
})
afterAll(() => world.close())

const linesOf = (userId: string, event: string) =>
  world.database.database.knex('audit_events').where({ user_id: userId, event }).orderBy('id')

test('a code that comes twice is its owner’s alarm, with the login that ended', async () => {
  const visitor = world.visitor()
  const { location = '' } = await loginBySms(world, visitor, startLogin(world, 'plain', redirectUri), '13900070001')
  const code = new URL(location).searchParams.get('code') ?? ''
  const form = { grant_type: 'authorization_code', client_id: 'plain', redirect_uri: redirectUri, code }
  const first = await token(world, { ...form, code_verifier: codeVerifier })
  const userId = subjectOf(first.body as Record<string, string>)
  expect((await token(world, { ...form, code_verifier: codeVerifier })).status).toBe(400)
  await expect.poll(() => linesOf(userId, 'token.reused')).toHaveLength(1)
  const [reused] = await linesOf(userId, 'token.reused')
  const [revoked] = await linesOf(userId, 'grant.revoked')
  expect(reused).toMatchObject({ client_id: 'plain', detail: { reason: 'authorization code already consumed' } })
  expect(revoked).toMatchObject({ client_id: 'plain', detail: { reason: 'reused', method: 'sms' } })
  expect(reused.detail.grant).toBe(revoked.detail.grant)
  expect((await visitor.get('/account/devices')).text).toContain('被重复使用')
})

test('at a logout each grant is its own app’s, whichever app it began at', async () => {
  const visitor = world.visitor()
  const start = (clientId: string) => startLogin(world, clientId, redirectUri, { scope: 'openid offline_access' })
  const first = await loginBySms(world, visitor, start('web'), '13900070002')
  const tokens = await exchange(world, 'web', redirectUri, first.location)
  const userId = subjectOf(tokens)
  await exchange(world, 'plain', redirectUri, (await visitor.get(start('plain'))).location)
  const asked = await visitor.get(`/session/end?id_token_hint=${tokens['id_token']}`)
  const [, xsrf = ''] = /name="xsrf" value="([^"]+)"/.exec(asked.text) ?? []
  await visitor.post('/session/end/confirm', { xsrf, logout: 'yes' })
  const lines = await linesOf(userId, 'grant.revoked')
  expect(lines.map(({ client_id }) => client_id).sort()).toEqual(['plain', 'web'])
})

test('an app that gives its access token back ends the refresh token with it, and a line says so', async () => {
  const scope = 'openid offline_access'
  const url = startLogin(world, 'plain', redirectUri, { scope })
  const { location } = await loginBySms(world, world.visitor(), url, '13900070003')
  const tokens = await exchange(world, 'plain', redirectUri, location)
  const body = new URLSearchParams({ client_id: 'plain', token: tokens['access_token'] ?? '' })
  expect((await fetch(`${world.issuer}/token/revocation`, { method: 'POST', body })).status).toBe(200)
  const refresh_token = tokens['refresh_token'] ?? ''
  expect((await token(world, { grant_type: 'refresh_token', client_id: 'plain', refresh_token })).status).toBe(400)
  const lines = await linesOf(subjectOf(tokens), 'grant.revoked')
  expect(lines).toMatchObject([{ client_id: 'plain', detail: { reason: 'app', method: 'sms' } }])
  expect(lines[0].detail.tokens).toContain(createHash('sha256').update(refresh_token).digest('base64url'))
})
