import * as oidc from 'openid-client'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { redirectUri } from '../support/clients.ts'
import { codeVerifier, exchange, introspect, loginBySms, startLogin, subjectOf, token } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const api = 'https://api.example.com'
const told = 'https://told.example.com'
const legacy = 'https://legacy.example.com'
const everything = 'openid profile phone offline_access orders:read'

describe('userinfo for the token of an API', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
    const site = { token_endpoint_auth_method: 'none', redirect_uris: [redirectUri], scope: everything }
    await world.register({
      resources: [
        { resource: api, scopes: ['orders:read', 'orders:write'], access_token: { format: 'jwt', ttl: '10m' } },
        { resource: told, scopes: ['read'], access_token: { claims: ['phone_number', 'nickname'] } },
        { resource: legacy, scopes: ['old'], access_token: { format: 'opaque', sliding: { idle: '30m', max: '12h' } } },
      ],
      clients: [
        // The seed of the README.
        { ...site, client_id: 'web', first_party: true, default_resource: api },
        {
          ...site,
          client_id: 'telling',
          first_party: true,
          default_resource: told,
          scope: 'openid profile phone read',
        },
        { ...site, client_id: 'opaque', first_party: true, default_resource: legacy, scope: 'openid phone old' },
        { ...site, client_id: 'third', default_resource: told, scope: 'openid phone read' },
        ...nativeClients,
      ],
    })
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  let phones = 13_670_000_000
  async function login(scope = everything, clientId = 'web'): Promise<[Record<string, string>, Visitor, string]> {
    phones += 1
    const visitor = world.visitor()
    const answer = await loginBySms(world, visitor, startLogin(world, clientId, redirectUri, { scope }), String(phones))
    return [await exchange(world, clientId, redirectUri, answer.location), visitor, `+86${phones}`]
  }
  async function ask(value: string | undefined, scheme = 'Bearer', headers: Record<string, string> = {}) {
    const response = await fetch(`${world.issuer}/me`, { headers: { authorization: `${scheme} ${value}`, ...headers } })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  test('answers a stock client of the README’s seed, and the ID token has what userinfo leaves out', async () => {
    const config = await oidc.discovery(new URL(world.issuer), 'web', undefined, oidc.None(), {
      execute: [oidc.allowInsecureRequests],
    })
    const url = startLogin(world, 'web', redirectUri, { scope: everything, state: 's' })
    const answer = await loginBySms(world, world.visitor(), url, '13680000000')
    const checks = { pkceCodeVerifier: codeVerifier, expectedState: 's' }
    const tokens = await oidc.authorizationCodeGrant(config, new URL(answer.location ?? ''), checks)
    const claims = tokens.claims()
    expect(await oidc.fetchUserInfo(config, tokens.access_token, String(claims?.sub))).toEqual({ sub: claims?.sub })
    expect(claims).toMatchObject({ phone_number: '+8613680000000' })
    expect(new Set(tokens.scope?.split(' '))).toEqual(new Set(everything.split(' ')))
  })

  test('tells a bearer no more than its API has in its tokens, since it may be the API that asks', async () => {
    const [tokens, , phone] = await login('openid profile phone read', 'telling')
    const { body } = await ask(tokens['access_token'])
    expect(body).toMatchObject({ sub: subjectOf(tokens), phone_number: phone })
    for (const name of ['phone_number_verified', 'picture', 'identities', 'email'])
      expect(body).not.toHaveProperty(name)
  })

  test('tells nothing that was not granted with that token, whatever its API may know', async () => {
    const [tokens] = await login('openid read', 'telling')
    expect((await ask(tokens['access_token'])).body).toEqual({ sub: subjectOf(tokens) })
  })

  test('opens to no token without openid', async () => {
    const [tokens] = await login('orders:read offline_access')
    expect(await ask(tokens['access_token'])).toMatchObject({ status: 403, body: { error: 'insufficient_scope' } })
    const [whole] = await login()
    const narrow = await token(world, {
      grant_type: 'refresh_token',
      client_id: 'web',
      refresh_token: whole['refresh_token'] ?? '',
      scope: 'orders:read',
    })
    expect((await ask(narrow.body['access_token'])).status).toBe(403)
    expect((await ask(whole['access_token'])).status).toBe(200)
  })

  test('tells an app everything that was granted where the token is bound to a key of the app', async () => {
    const app = await new NativeApp(world, 'ios').withKey()
    const code = await nativeSms(world, app, '13680000001', { scope: everything })
    const { access_token: jwt } = await app.exchange(code)
    expect(jwt.split('.')).toHaveLength(3)
    expect((await ask(jwt, 'DPoP', await app.proof('GET', '/me', jwt))).body).toMatchObject({
      phone_number: '+8613680000001',
      phone_number_verified: true,
    })
    expect((await ask(jwt)).status).toBe(401)
    const thief = await new NativeApp(world, 'ios').withKey()
    expect((await ask(jwt, 'DPoP', await thief.proof('GET', '/me', jwt))).status).toBe(401)
  })

  test('answers opaque tokens of an API alike, and their use prolongs them by the rules of that API', async () => {
    const [tokens] = await login('openid phone old', 'opaque')
    expect((await ask(tokens['access_token'])).body).toEqual({ sub: subjectOf(tokens) })
    walkTo(25 * 60_000)
    expect((await ask(tokens['access_token'])).status).toBe(200)
    walkTo(50 * 60_000)
    expect(await introspect(world, tokens['access_token'], 'opaque')).toMatchObject({ active: true, aud: legacy })
    walkTo(85 * 60_000)
    expect((await ask(tokens['access_token'])).status).toBe(401)
  })

  test.each([
    [
      'was given back',
      async (tokens: Record<string, string>) => {
        const form = new URLSearchParams({ client_id: 'web', token: tokens['access_token'] ?? '' })
        await fetch(`${world.issuer}/token/revocation`, { method: 'POST', body: form })
      },
    ],
    ['whose user is locked', (tokens) => world.app.core.directory.setStatus(subjectOf(tokens), 'locked')],
    ['has expired', async () => walkTo(11 * 60_000)],
    [
      'whose session has ended',
      async (_, visitor) => {
        const page = await visitor.get('/session/end')
        const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
        await visitor.post('/session/end/confirm', { xsrf, logout: 'yes' })
      },
    ],
  ] as [string, (tokens: Record<string, string>, visitor: Visitor) => Promise<unknown>][])(
    'refuses one that %s',
    async (_, end) => {
      const [tokens, visitor] = await login('openid orders:read')
      expect((await ask(tokens['access_token'])).status).toBe(200)
      await end(tokens, visitor)
      expect(await ask(tokens['access_token'])).toMatchObject({ status: 401, body: { error: 'invalid_token' } })
    },
  )

  test('refuses an ID token, and a JWT that somebody else has signed', async () => {
    const [{ access_token: jwt = '', id_token: idToken }] = await login()
    const [header, payload, signature = ''] = jwt.split('.')
    const forged = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    for (const value of [idToken, forged, 'a.b.c']) expect((await ask(value)).status).toBe(401)
  })

  test('tells an app of a third party only what the person agreed to', async () => {
    phones += 1
    const visitor = world.visitor()
    const url = startLogin(world, 'third', redirectUri, { scope: 'openid phone read' })
    const page = await loginBySms(world, visitor, url, String(phones))
    const answer = await visitor.follow(await visitor.post(page.url, { choice: 'allow', scope: 'read' }))
    const tokens = await exchange(world, 'third', redirectUri, answer.location)
    expect((await ask(tokens['access_token'])).body).toEqual({ sub: subjectOf(tokens) })
  })
})
