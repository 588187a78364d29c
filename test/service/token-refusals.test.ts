import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, startLogin, subjectOf } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

describe('a refused token', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients, resources })
  })
  afterAll(() => world.close())

  async function ask(path: string, authorization: string) {
    const response = await fetch(`${world.issuer}${path}`, { headers: { authorization } })
    const body = (await response.json()) as Record<string, string>
    const challenge = response.headers.get('www-authenticate') ?? ''
    return { status: response.status, body, challenge }
  }
  const over = 'the access token is unknown, has expired or was revoked'

  test.each(['/me', '/identities'])('says at %s that it is unknown, in body and challenge', async (path) => {
    const { status, body, challenge } = await ask(path, 'Bearer unknown')
    expect([status, body['error'], body['error_description']]).toEqual([401, 'invalid_token', over])
    expect(challenge).toContain(`error="invalid_token", error_description="${over}"`)
  })

  test('says alike that it was taken back, that it never was, and that its user is locked', async () => {
    const url = startLogin(world, 'plain', redirectUri, { scope: 'openid' })
    const { location } = await loginBySms(world, world.visitor(), url, '13650000000')
    const tokens = await exchange(world, 'plain', redirectUri, location)
    await world.app.core.directory.setStatus(subjectOf(tokens), 'locked')
    const locked = await ask('/me', `Bearer ${tokens['access_token']}`)
    expect(locked.body['error_description']).toMatch(/^the (access token is unknown|login that the access token)/)
    const form = new URLSearchParams({ client_id: 'plain', token: tokens['access_token'] ?? '' })
    await fetch(`${world.issuer}/token/revocation`, { method: 'POST', body: form })
    expect((await ask('/me', `Bearer ${tokens['access_token']}`)).body['error_description']).toBe(over)
  })

  test('of the wrong kind says for whom it is, or how to send it', async () => {
    const url = startLogin(world, 'web', redirectUri, { scope: 'openid orders:read' })
    const { location } = await loginBySms(world, world.visitor(), url, '13650000001')
    const { access_token: jwt } = await exchange(world, 'web', redirectUri, location)
    expect((await ask('/identities', `Bearer ${jwt}`)).body['error_description']).toMatch(
      /^the access token is for an API/,
    )
    const plainUrl = startLogin(world, 'plain', redirectUri, { scope: 'openid' })
    const plain = await loginBySms(world, world.visitor(), plainUrl, '13650000002')
    const { access_token: opaque } = await exchange(world, 'plain', redirectUri, plain.location)
    const { body } = await ask('/identities', `DPoP ${opaque}`)
    expect(body['error_description']).toBe('the access token is bound to no key: send it as Bearer')
  })
})
