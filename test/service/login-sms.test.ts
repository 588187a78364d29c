import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oidc from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loginBySms, startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

describe.each(['redis', 'tables'] as const)('login by phone, short-lived values in %s', (stores) => {
  let world: World
  let config: oidc.Configuration
  const redirectUri = 'https://app.example.com/callback'
  const api = 'https://api.example.com'

  beforeAll(async () => {
    world = await openWorld({ stores })
    await world.register({
      resources: [{ resource: api, scopes: ['orders:read'] }],
      clients: [
        {
          client_id: 'web',
          first_party: true,
          token_endpoint_auth_method: 'none',
          redirect_uris: [redirectUri],
          default_resource: api,
          scope: 'openid profile phone offline_access orders:read',
        },
        { client_id: 'plain', first_party: true, token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] },
      ],
    })
    config = await oidc.discovery(new URL(world.issuer), 'web', undefined, oidc.None(), {
      execute: [oidc.allowInsecureRequests],
    })
  })
  afterAll(() => world.close())

  test('an unknown number gets an account, and the tokens say who it is', async () => {
    const verifier = oidc.randomPKCECodeVerifier()
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: 'openid phone offline_access orders:read',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state: 'the-state',
      nonce: 'the-nonce',
    })
    const visitor = world.visitor()
    const back = await loginBySms(world, visitor, url, '13800138000')
    expect(back.status).toBe(303)

    const tokens = await oidc.authorizationCodeGrant(config, new URL(back.location as string), {
      pkceCodeVerifier: verifier,
      expectedState: 'the-state',
      expectedNonce: 'the-nonce',
    })
    const claims = tokens.claims()
    expect(claims).toMatchObject({
      phone_number: '+8613800138000',
      phone_number_verified: true,
      amr: ['sms', 'otp'],
      acr: 'urn:menshen:acr:possession',
    })
    expect(claims?.sub).toMatch(/^usr_[0-9a-z]{26}$/)
    expect(claims?.auth_time).toBeTypeOf('number')

    const jwks = createRemoteJWKSet(new URL(`${world.issuer}/jwks`))
    const { payload, protectedHeader } = await jwtVerify(tokens.access_token, jwks, {
      issuer: world.issuer,
      audience: api,
      typ: 'at+jwt',
    })
    expect(protectedHeader.alg).toBe('ES256')
    expect(payload).toMatchObject({ sub: claims?.sub, client_id: 'web', scope: 'orders:read', amr: ['sms', 'otp'] })

    const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token as string)
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token)
    expect(refreshed.claims()?.sub).toBe(claims?.sub)

    const narrowed = await oidc.refreshTokenGrant(config, refreshed.refresh_token as string, { scope: 'openid phone' })
    const userinfo = await oidc.fetchUserInfo(config, narrowed.access_token, claims?.sub as string)
    expect(userinfo.phone_number).toBe('+8613800138000')
  })

  test('a known number logs in to the same account, and a second app needs no login', async () => {
    const visitor = world.visitor()
    const first = await loginBySms(world, visitor, startLogin(world, 'plain', redirectUri), '13800138001')
    const again = await loginBySms(world, world.visitor(), startLogin(world, 'plain', redirectUri), '13800138001')
    expect(first.location).toContain('code=')
    expect(again.location).toContain('code=')
    const { count } = (await world.database.database.knex('users').count('* as count').first()) as { count: number }
    expect(Number(count)).toBe(2)

    const other = await visitor.get(startLogin(world, 'web', redirectUri))
    expect(other.status).toBe(303)
    expect(other.location).toMatch(/^https:\/\/app\.example\.com\/callback\?code=/)
  })
})
