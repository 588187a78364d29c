import { randomUUID } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { codeChallenge, startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

describe('what a client may not leave out or spell otherwise', () => {
  let world: World
  let privateKey: CryptoKey

  beforeAll(async () => {
    world = await openWorld()
    const pair = await generateKeyPair('ES256')
    privateKey = pair.privateKey
    const jwk = { ...(await exportJWK(pair.publicKey)), alg: 'ES256', use: 'sig', kid: 'one' }
    const keyed = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } }
    await world.register({
      clients: [
        ...clients,
        { ...keyed, client_id: 'keyed', redirect_uris: [redirectUri] },
        { ...keyed, client_id: 'machine', grant_types: ['client_credentials'] },
      ],
      resources,
    })
  })
  afterAll(() => world.close())

  async function assertion(clientId: string, claims: { aud: string | string[]; nbf?: number }): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    return new SignJWT({ iss: clientId, sub: clientId, jti: randomUUID(), iat: now, exp: now + 60, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(privateKey)
  }
  async function post(path: string, form: Record<string, string>) {
    const response = await fetch(`${world.issuer}${path}`, { method: 'POST', body: new URLSearchParams(form) })
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }
  const withAssertion = async (clientId: string, claims: Parameters<typeof assertion>[1]) => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await assertion(clientId, claims),
  })
  const request = {
    response_type: 'code',
    scope: 'openid',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
  }

  describe('the audience of a client assertion', () => {
    const token = async (claims: Parameters<typeof assertion>[1]) =>
      post('/token', { grant_type: 'client_credentials', ...(await withAssertion('machine', claims)) })

    test('is the issuer', async () => {
      expect((await token({ aud: world.issuer })).status).toBe(200)
    })

    test('is neither an endpoint nor a list, at any endpoint', async () => {
      const endpoints = ['/token', '/request', '/token/revocation', '/token/introspection']
      for (const aud of [...endpoints.map((each) => world.issuer + each), [world.issuer], `${world.issuer}/`]) {
        expect(await token({ aud })).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
        const auth = await withAssertion('keyed', { aud })
        const pushed = { ...request, client_id: 'keyed', redirect_uri: redirectUri, ...auth }
        expect(await post('/request', pushed)).toMatchObject({ status: 401 })
        const asked = { token: 'x', ...(await withAssertion('machine', { aud })) }
        expect(await post('/token/introspection', asked)).toMatchObject({ status: 401 })
      }
    })

    test('its clock may be up to ten seconds ahead', async () => {
      const now = Math.floor(Date.now() / 1000)
      expect((await token({ aud: world.issuer, nbf: now + 8 })).status).toBe(200)
      expect((await token({ aud: world.issuer, nbf: now + 60 })).status).toBe(401)
    })
  })

  describe('redirect_uri', () => {
    test('stands in every authorization request, also where only one is registered, and nobody is sent anywhere', async () => {
      const url = startLogin(world, 'plain', redirectUri)
      url.searchParams.delete('redirect_uri')
      const answer = await world.visitor().get(url)
      expect([answer.status, answer.location]).toEqual([400, undefined])
      expect(answer.text).toContain('redirect_uri')
    })

    test('stands in a pushed one', async () => {
      const auth = async () => ({ client_id: 'keyed', ...(await withAssertion('keyed', { aud: world.issuer })) })
      expect(await post('/request', { ...request, ...(await auth()) })).toMatchObject({
        status: 400,
        body: { error: 'invalid_request', error_description: expect.stringContaining('redirect_uri') },
      })
      const pushed = await post('/request', { ...request, redirect_uri: redirectUri, ...(await auth()) })
      expect(pushed.status).toBe(201)
      const url = new URL('/auth', world.issuer)
      url.search = new URLSearchParams({ client_id: 'keyed', request_uri: pushed.body['request_uri'] ?? '' }).toString()
      const visitor = world.visitor()
      expect((await visitor.follow(await visitor.get(url))).status).toBe(200)
    })
  })
})
