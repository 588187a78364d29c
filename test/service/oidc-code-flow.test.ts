import { createHash, randomBytes } from 'node:crypto'
import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api, backendAuth, clients, redirectUri, resources } from '../support/clients.ts'
import { codeVerifier, exchange, loginBySms, reachLogin, startLogin, token } from '../support/login.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

describe('the authorization code flow', () => {
  let world: World
  let visitor: Visitor

  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients, resources })
    visitor = world.visitor()
    await loginBySms(world, visitor, startLogin(world, 'plain', redirectUri), '13800138000')
  })
  afterAll(() => world.close())

  async function codeOf(clientId = 'plain', more: Record<string, string> = {}): Promise<string> {
    const answer = await visitor.follow(await visitor.get(startLogin(world, clientId, redirectUri, more)))
    return new URL(answer.location ?? 'about:blank').searchParams.get('code') ?? ''
  }
  const redeem = (code: string, more: Record<string, string> = {}) =>
    token(world, {
      grant_type: 'authorization_code',
      client_id: 'plain',
      code,
      code_verifier: codeVerifier,
      redirect_uri: redirectUri,
      ...more,
    })

  test('discovery names the issuer and only what is on', async () => {
    const response = await fetch(`${world.issuer}/.well-known/openid-configuration`)
    const metadata = (await response.json()) as Record<string, unknown>
    expect(metadata).toMatchObject({
      issuer: world.issuer,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      id_token_signing_alg_values_supported: ['ES256', 'RS256'],
      authorization_response_iss_parameter_supported: true,
      backchannel_logout_supported: true,
    })
    expect(metadata.grant_types_supported).not.toContain('implicit')
    expect(metadata.grant_types_supported).not.toContain('password')
  })

  test('the keys published are public and come with a lifetime and an ETag', async () => {
    const response = await fetch(`${world.issuer}/jwks`)
    const { keys } = (await response.json()) as { keys: Record<string, string>[] }
    expect(keys.map(({ alg }) => alg)).toEqual(['ES256', 'RS256', 'EdDSA', 'PS256'])
    for (const key of keys)
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi']) expect(key).not.toHaveProperty(secret)
    expect(response.headers.get('cache-control')).toBe('public, max-age=300')
    const again = await fetch(`${world.issuer}/jwks`, {
      headers: { 'if-none-match': response.headers.get('etag') as string },
    })
    expect(again.status).toBe(304)
  })

  test('a HEAD that comes before every GET is answered with the size and the mark of the whole', async () => {
    const address = `${world.issuer}/.well-known/oauth-authorization-server`
    const headers = { 'accept-encoding': 'identity' }
    const [head, whole] = [await fetch(address, { method: 'HEAD', headers }), await fetch(address, { headers })]
    const of = ({ status, headers }: Response) => [
      status,
      ...['etag', 'content-length', 'content-type'].map((name) => headers.get(name)),
    ]
    expect(of(head)).toEqual(of(whole))
    expect(Number(head.headers.get('content-length'))).toBe(Buffer.byteLength(await whole.text()))
    expect(await head.text()).toBe('')
  })

  test('state comes back byte for byte, with the issuer beside the code', async () => {
    const state = `~!@#$%^&*()_+{}|:"<>?-=[]\\;',./ 门神 ${'x'.repeat(900)}`
    const answer = await visitor.get(startLogin(world, 'plain', redirectUri, { state }))
    const back = new URL(answer.location as string)
    expect(back.searchParams.get('state')).toBe(state)
    expect(back.searchParams.get('iss')).toBe(world.issuer)
  })

  test('a code works once; using it again ends what it gave', async () => {
    const code = await codeOf()
    const first = await redeem(code)
    expect(first.status).toBe(200)
    const second = await redeem(code)
    expect(second).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    const userinfo = await fetch(`${world.issuer}/me`, {
      headers: { authorization: `Bearer ${first.body['access_token']}` },
    })
    expect(userinfo.status).toBe(401)
  })

  test('of 20 exchanges of one code at once exactly one succeeds', async () => {
    for (let round = 0; round < 3; round++) {
      const code = await codeOf()
      const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(code)))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      expect(new Set(answers.filter(({ status }) => status !== 200).map(({ body }) => body['error']))).toEqual(
        new Set(['invalid_grant']),
      )
    }
  })

  test.each([
    ['another verifier', { code_verifier: 'w'.repeat(43) }],
    ['a verifier that is too short', { code_verifier: 'v'.repeat(42) }],
    ['another redirect URI', { redirect_uri: 'https://app.example.com/other' }],
    ['another client', { client_id: 'web' }],
  ])('a code is refused with %s', async (_, wrong) => {
    expect(await redeem(await codeOf(), wrong)).toMatchObject({ status: 400 })
  })

  test('a client without PKCE, or with plain, is refused', async () => {
    for (const drop of [{ code_challenge: '', code_challenge_method: '' }, { code_challenge_method: 'plain' }]) {
      const url = startLogin(world, 'plain', redirectUri, drop)
      for (const [name, value] of Object.entries(drop)) if (value === '') url.searchParams.delete(name)
      const answer = await visitor.get(url)
      expect(new URL(answer.location as string).searchParams.get('error')).toBe('invalid_request')
    }
  })

  test.each([
    'https://app.example.com/callback/',
    'https://app.example.com/Callback',
    'https://app.example.com/callback?x=1',
    'https://app.example.com/callback#x',
    'https://app.example.com:444/callback',
    'https://user@app.example.com/callback',
    'https://app.example.com/a/../callback',
    'https://app.example.com.evil.example/callback',
    'javascript:alert(1)',
  ])('%s is not the registered address and leads nowhere', async (uri) => {
    const answer = await visitor.get(startLogin(world, 'plain', uri))
    expect(answer.status).toBe(400)
    expect(answer.location).toBeUndefined()
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
  })

  test('an unknown client gets a page in the language of the visitor, never a redirect', async () => {
    const answer = await world.visitor().get(startLogin(world, 'nobody', redirectUri), { 'accept-language': 'en' })
    expect(answer.status).toBe(400)
    expect(answer.location).toBeUndefined()
    expect(answer.text).toContain('lang="en"')
    expect(answer.text).not.toContain('googleapis')
  })

  test('prompt=none answers without a page', async () => {
    const stranger = world.visitor()
    const refused = await stranger.get(startLogin(world, 'plain', redirectUri, { prompt: 'none' }))
    expect(new URL(refused.location as string).searchParams.get('error')).toBe('login_required')
    const known = await visitor.get(startLogin(world, 'plain', redirectUri, { prompt: 'none' }))
    expect(new URL(known.location as string).searchParams.get('code')).toBeTruthy()
  })

  test('prompt=login and an acr the session does not meet ask for another login', async () => {
    await reachLogin(visitor, startLogin(world, 'plain', redirectUri, { prompt: 'login' }))
    const page = await reachLogin(
      visitor,
      startLogin(world, 'plain', redirectUri, { acr_values: 'urn:menshen:acr:knowledge' }),
    )
    expect(page.text).toContain('name="password"')
    const met = await visitor.get(startLogin(world, 'plain', redirectUri, { acr_values: 'urn:menshen:acr:possession' }))
    expect(met.location).toContain('code=')
  })

  test.each([{ value: 'urn:menshen:acr:knowledge' }, { values: ['urn:menshen:acr:knowledge', 'urn:nobody'] }])(
    'an essential acr in the claims parameter offers only what can reach it: %o',
    async (asked) => {
      const claims = (more: object) => ({ claims: JSON.stringify({ id_token: { acr: { ...asked, ...more } } }) })
      const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri, claims({ essential: true })))
      expect(page.text).toContain('name="password"')
      expect(page.text).not.toContain('name="phone"')
      const known = await visitor.get(startLogin(world, 'plain', redirectUri, claims({})))
      expect(known.location).toContain('code=')
    },
  )

  test('a pushed request gives the same login, once, and keeps offline_access for our own client', async () => {
    const form = new URLSearchParams(startLogin(world, 'web', redirectUri, { scope: 'openid offline_access' }).search)
    const pushed = await fetch(`${world.issuer}/request`, { method: 'POST', body: form })
    expect(pushed.status).toBe(201)
    const { request_uri } = (await pushed.json()) as { request_uri: string }
    const url = new URL('/auth', world.issuer)
    url.search = new URLSearchParams({ client_id: 'web', request_uri }).toString()
    const back = await visitor.follow(await visitor.get(url))
    const tokens = await exchange(world, 'web', redirectUri, back.location)
    expect(tokens['refresh_token']).toBeTypeOf('string')
    const again = await visitor.get(url)
    expect(again.location ?? '').not.toContain('code=')
  })

  test('a request without offline_access brings no refresh token', async () => {
    const back = await visitor.get(startLogin(world, 'web', redirectUri))
    expect(await exchange(world, 'web', redirectUri, back.location)).not.toHaveProperty('refresh_token')
  })

  test('DPoP binds the tokens to the key, and a proof works once', async () => {
    const config = await oidc.discovery(new URL(world.issuer), 'web', undefined, oidc.None(), {
      execute: [oidc.allowInsecureRequests],
    })
    const keys = await oidc.randomDPoPKeyPair('ES256')
    const DPoP = oidc.getDPoPHandle(config, keys)
    const back = await visitor.get(startLogin(world, 'web', redirectUri, { scope: 'openid offline_access' }))
    const tokens = await oidc.authorizationCodeGrant(
      config,
      new URL(back.location as string),
      { pkceCodeVerifier: codeVerifier },
      undefined,
      { DPoP },
    )
    expect(tokens.token_type).toBe('dpop')
    expect(decodeJwt(tokens.access_token)['cnf']).toHaveProperty('jkt')
    const stolen = await token(world, {
      grant_type: 'refresh_token',
      client_id: 'web',
      refresh_token: tokens.refresh_token as string,
    })
    expect(stolen.status).toBe(400)
    const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token as string, undefined, { DPoP })
    expect(refreshed.token_type).toBe('dpop')
  })

  test('an API the client may not call, or that nobody registered, is refused', async () => {
    for (const resource of ['https://nobody.example.com', 'https://opaque.example.com']) {
      const answer = await visitor.get(
        startLogin(world, 'web', redirectUri, { resource, scope: 'openid orders:write' }),
      )
      const outcome = new URL(answer.location as string).searchParams
      if (resource.includes('nobody')) expect(outcome.get('error')).toBe('invalid_target')
      else expect(outcome.get('code')).toBeTruthy()
    }
  })

  test('two apps that sign on in one session at the same moment both get usable codes', async () => {
    const fresh = world.visitor()
    await loginBySms(world, fresh, startLogin(world, 'native', 'com.example.app:/callback'), '13800138007')
    const [one, two] = await Promise.all([
      fresh.get(startLogin(world, 'plain', redirectUri)),
      fresh.get(startLogin(world, 'web', redirectUri)),
    ])
    expect((await exchange(world, 'plain', redirectUri, one.location))['id_token']).toBeTypeOf('string')
    expect((await exchange(world, 'web', redirectUri, two.location))['id_token']).toBeTypeOf('string')
  })

  test('client credentials give a JWT for the API, and an opaque token where the API wants one', async () => {
    const ask = (resource: string) =>
      token(world, { grant_type: 'client_credentials', scope: 'orders:read', resource }, backendAuth)
    const jwt = await ask(api)
    expect(decodeJwt(jwt.body['access_token'] as string)).toMatchObject({
      aud: api,
      scope: 'orders:read',
      sub: 'backend',
    })
    const opaque = await ask('https://opaque.example.com')
    expect(opaque.body['access_token']).not.toContain('.')
    const introspected = await fetch(`${world.issuer}/token/introspection`, {
      method: 'POST',
      headers: backendAuth,
      body: new URLSearchParams({ token: opaque.body['access_token'] as string }),
    })
    expect(await introspected.json()).toMatchObject({ active: true, client_id: 'backend', scope: 'orders:read' })
    const wrong = await token(
      world,
      { grant_type: 'client_credentials', scope: 'orders:read', resource: api },
      { authorization: `Basic ${Buffer.from('backend:wrong').toString('base64')}` },
    )
    expect(wrong).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  test('RS256 is there for a client that asks for it', async () => {
    await world.register({
      clients: [
        {
          client_id: 'old',
          first_party: true,
          token_endpoint_auth_method: 'none',
          redirect_uris: [redirectUri],
          id_token_signed_response_alg: 'RS256',
        },
      ],
    })
    const config = await oidc.discovery(
      new URL(world.issuer),
      'old',
      { id_token_signed_response_alg: 'RS256' },
      oidc.None(),
      { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
    )
    const back = await visitor.get(startLogin(world, 'old', redirectUri))
    const tokens = await oidc.authorizationCodeGrant(config, new URL(back.location as string), {
      pkceCodeVerifier: codeVerifier,
    })
    expect(tokens.claims()?.sub).toMatch(/^usr_/)
  })

  test('a page of a registered origin may call the token endpoint, another may not', async () => {
    const preflightFree = (origin: string, clientId = 'web') =>
      fetch(`${world.issuer}/token`, {
        method: 'POST',
        headers: { origin },
        body: new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token: 'x' }),
      })
    const ours = await preflightFree('https://app.example.com')
    expect(ours.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
    const foreign = await preflightFree('https://evil.example.com')
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
    const nowhere = await preflightFree('null', 'native')
    expect(nowhere.headers.get('access-control-allow-origin')).toBeNull()
    const login = await world
      .visitor()
      .get(startLogin(world, 'web', redirectUri), { origin: 'https://app.example.com' })
    expect(login.headers['access-control-allow-origin']).toBeUndefined()
  })

  test('an ID token is no access token, an access token in the query is none either', async () => {
    const back = await visitor.get(startLogin(world, 'plain', redirectUri))
    const tokens = await exchange(world, 'plain', redirectUri, back.location)
    const asked = await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${tokens['id_token']}` } })
    expect(asked.status).toBe(401)
    const inQuery = await fetch(`${world.issuer}/me?access_token=${tokens['access_token']}`)
    expect(inQuery.status).toBeGreaterThanOrEqual(400)
  })

  test('what the database keeps of a code is no code', async () => {
    const code = await codeOf()
    const stored = createHash('sha256').update(code).digest('base64url')
    expect(await world.database.database.knex('oidc_records').where({ id: stored })).toHaveLength(1)
    expect(await redeem(stored)).toMatchObject({ status: 400 })
    expect(await redeem(randomBytes(32).toString('base64url'))).toMatchObject({ status: 400 })
  })
})
