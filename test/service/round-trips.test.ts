import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { api, backendAuth, clients, redirectUri, resources } from '../support/clients.ts'
import {
  codeVerifier,
  exchange,
  introspect,
  loginByPassword,
  loginBySms,
  reachLogin,
  startLogin,
  token,
} from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'
import { countWaits } from '../support/waits.ts'
import { openWorld, type World } from '../support/world.ts'

describe('waits for a store in one request', () => {
  let world: World
  let visitor: Visitor
  let waits: () => number

  beforeAll(async () => {
    world = await openWorld()
    const sliding = {
      client_id: 'sliding',
      first_party: true,
      token_endpoint_auth_method: 'none',
      redirect_uris: [redirectUri],
      scope: 'openid phone',
      lifetimes: { access: { idle: '30m', max: '12h' } },
    }
    await world.register({ clients: [...clients, sliding], resources })
    visitor = world.visitor()
    await loginBySms(
      world,
      visitor,
      startLogin(world, 'web', redirectUri, { scope: 'openid offline_access' }),
      '13800138000',
    )
    waits = countWaits(world)
  })
  afterEach(() => resetClock())
  afterAll(() => world.close())

  const authorize = (clientId = 'web', scope = 'openid phone offline_access orders:read') =>
    visitor.get(startLogin(world, clientId, redirectUri, { scope }))

  test('discovery and keys: none', async () => {
    waits()
    await fetch(`${world.issuer}/.well-known/openid-configuration`)
    await fetch(`${world.issuer}/jwks`)
    expect(waits()).toBe(0)
  })

  test('an authorization in a live session: 2', async () => {
    waits()
    expect((await authorize()).location).toContain('code=')
    expect(waits()).toBe(2)
  })

  test('exchanging a code, with ID token, JWT and refresh token: 2', async () => {
    const { location } = await authorize()
    waits()
    const tokens = await exchange(world, 'web', redirectUri, location)
    expect(tokens['refresh_token']).toBeDefined()
    expect(waits()).toBe(2)
  })

  test('a refresh with rotation: 2', async () => {
    const tokens = await exchange(world, 'web', redirectUri, (await authorize()).location)
    waits()
    const answer = await token(world, {
      grant_type: 'refresh_token',
      client_id: 'web',
      refresh_token: tokens['refresh_token'] as string,
    })
    expect(answer.status).toBe(200)
    expect(waits()).toBe(2)
  })

  test('userinfo and introspection: 2 at most', async () => {
    const tokens = await exchange(world, 'plain', redirectUri, (await authorize('plain')).location)
    waits()
    const userinfo = await fetch(`${world.issuer}/me`, {
      headers: { authorization: `Bearer ${tokens['access_token']}` },
    })
    expect(userinfo.status).toBe(200)
    expect(waits()).toBeLessThanOrEqual(2)
    expect(await introspect(world, tokens['access_token'], 'plain')).toMatchObject({ active: true })
    expect(waits()).toBeLessThanOrEqual(2)
  })

  test('userinfo and introspection that prolong a token and its session: still 2', async () => {
    const tokens = await exchange(world, 'sliding', redirectUri, (await authorize('sliding', 'openid phone')).location)
    const ask = (path: string, headers: Record<string, string>, body?: URLSearchParams) =>
      fetch(`${world.issuer}${path}`, { headers, ...(body && { method: 'POST', body }) })
    const bearer = { authorization: `Bearer ${tokens['access_token']}` }
    const form = new URLSearchParams({ token: tokens['access_token'] as string, client_id: 'sliding' })
    for (const [n, round] of [() => ask('/me', bearer), () => ask('/token/introspection', {}, form)].entries()) {
      walkTo((n + 1) * 1200_000)
      waits()
      expect((await round()).status).toBe(200)
      expect(waits()).toBe(2)
      await round()
      // Nothing to be gained so soon: no write.
      expect(waits()).toBe(1)
    }
  })

  test('a visit of the account page that prolongs the session costs one write', async () => {
    await visitor.get('/account')
    waits()
    await visitor.get('/account')
    const without = waits()
    walkTo(3_600_000)
    expect((await visitor.get('/account')).status).toBe(200)
    expect(waits()).toBe(without + 1)
  })

  test('a login with a password, from the authorization request to the tokens: 26', async () => {
    const url = startLogin(world, 'web', redirectUri, { scope: 'openid offline_access' })
    const newcomer = world.visitor()
    const { url: page } = await reachLogin(newcomer, url)
    const form = { method: 'register', identifier: 'counted', new_password: 'grape-ladder-42-river', agreement: 'on' }
    await newcomer.follow(await newcomer.post(page, form))
    waits()
    const { location } = await loginByPassword(world.visitor(), url, 'counted', 'grape-ladder-42-river')
    expect((await exchange(world, 'web', redirectUri, location))['refresh_token']).toBeDefined()
    expect(waits()).toBe(26)
  })

  test('client credentials: none for a JWT, 1 for an opaque token', async () => {
    const ask = (resource: string) => token(world, { grant_type: 'client_credentials', resource }, backendAuth)
    waits()
    expect((await ask(api)).status).toBe(200)
    expect(waits()).toBe(0)
    expect((await ask('https://opaque.example.com')).status).toBe(200)
    expect(waits()).toBe(1)
  })

  test('two exchanges of one code at once: 2 each, 1 to decide, and 6 to end what came of it', async () => {
    const code = new URL((await authorize()).location as string).searchParams.get('code') as string
    const form = {
      grant_type: 'authorization_code',
      client_id: 'web',
      code,
      code_verifier: codeVerifier,
      redirect_uri: redirectUri,
    }
    waits()
    const answers = await Promise.all([token(world, form), token(world, form)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400])
    // To end it: what became of the code, the ending, whether the audit has room, its two lines, and whom to tell. The first two
    // steps of both may share statements or not, as they happen to arrive.
    expect(waits()).toBeLessThanOrEqual(11)
  })
})
