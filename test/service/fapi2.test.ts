import { createHash, randomUUID } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { withPreset } from '../../src/oidc/clients/presets.ts'
import { redirectUri } from '../support/clients.ts'
import { codeVerifier, loginBySms, startLogin, token } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

interface Pair {
  readonly publicKey: CryptoKey
  readonly privateKey: CryptoKey
}

describe('a client of the FAPI 2.0 Security Profile', () => {
  let world: World
  const keys = new Map<string, Pair>()
  const proofKeys = new Map<string, Pair>()

  beforeAll(async () => {
    world = await openWorld()
    const jwks = []
    for (const alg of ['ES256', 'PS256', 'RS256', 'EdDSA']) {
      keys.set(alg, await generateKeyPair(alg))
      proofKeys.set(alg, await generateKeyPair(alg, { extractable: true }))
      jwks.push({ ...(await exportJWK(keyOf(alg).publicKey)), alg, use: 'sig', kid: alg })
    }
    const bank = {
      preset: 'fapi2',
      client_id: 'bank',
      redirect_uris: [redirectUri],
      first_party: true,
      jwks: { keys: jwks },
    }
    const lifetimes = { refresh: { idle: '1h', max: '150m' } }
    // One RSA key may sign with either algorithm, so a token that was bound by PS256 could come with RS256.
    const rsa = await exportJWK(keyOf('PS256', proofKeys).privateKey)
    const { d, p, q, dp, dq, qi, ...shared } = rsa
    const imported = { publicKey: await importJWK(shared, 'RS256'), privateKey: await importJWK(rsa, 'RS256') }
    proofKeys.set('RS256', imported as Pair)
    await world.register({ clients: [withPreset({ ...bank, lifetimes }).written as typeof bank] })
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  const keyOf = (alg: string, from = keys): Pair => {
    const pair = from.get(alg)
    if (!pair) throw new Error(`there is no key for ${alg}`)
    return pair
  }
  const nowSeconds = () => Math.floor(Date.now() / 1000)

  async function credentials(alg = 'ES256', aud: string | string[] = world.issuer) {
    const claims = { iss: 'bank', sub: 'bank', aud, jti: randomUUID(), iat: nowSeconds(), exp: nowSeconds() + 60 }
    return {
      client_id: 'bank',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await new SignJWT(claims).setProtectedHeader({ alg, kid: alg }).sign(keyOf(alg).privateKey),
    }
  }
  async function proof(path: string, alg = 'ES256', accessToken?: string): Promise<Record<string, string>> {
    const { privateKey, publicKey } = keyOf(alg, proofKeys)
    const ath = accessToken && createHash('sha256').update(accessToken).digest('base64url')
    const [method, jti] = [accessToken === undefined ? 'POST' : 'GET', randomUUID()]
    const claims = { htm: method, htu: `${world.issuer}${path}`, jti, iat: nowSeconds(), ...(ath ? { ath } : {}) }
    const header = { alg, typ: 'dpop+jwt', jwk: await exportJWK(publicKey) }
    return { dpop: await new SignJWT(claims).setProtectedHeader(header).sign(privateKey) }
  }
  const request = Object.fromEntries(
    startLogin({ issuer: 'https://op.example.com' }, 'bank', redirectUri, { scope: 'openid offline_access' })
      .searchParams,
  )
  async function push(more: Record<string, string> = {}, headers: Record<string, string> = {}) {
    const form = new URLSearchParams({ ...request, ...(await credentials()), ...more })
    const response = await fetch(`${world.issuer}/request`, { method: 'POST', headers, body: form })
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }
  let phones = 13_650_000_000
  async function code(scope = 'openid offline_access'): Promise<string> {
    const { body } = await push({ scope })
    const url = new URL('/auth', world.issuer)
    url.search = new URLSearchParams({ client_id: 'bank', request_uri: body['request_uri'] ?? '' }).toString()
    phones += 1
    const { location } = await loginBySms(world, world.visitor(), url, String(phones))
    return new URL(location ?? '').searchParams.get('code') ?? ''
  }
  async function tokens(alg = 'ES256', scope?: string) {
    const form = { grant_type: 'authorization_code', code: await code(scope), redirect_uri: redirectUri }
    return token(world, { ...form, code_verifier: codeVerifier, ...(await credentials()) }, await proof('/token', alg))
  }
  const refresh = async (refreshToken: string | undefined) =>
    token(
      world,
      { grant_type: 'refresh_token', refresh_token: refreshToken ?? '', ...(await credentials()) },
      await proof('/token'),
    )

  test('pushes its request, proves a key, and gets tokens that are bound to it', async () => {
    const { status, body } = await tokens()
    expect([status, body['token_type']]).toEqual([200, 'DPoP'])
    const access = body['access_token'] ?? ''
    const headers = { authorization: `DPoP ${access}`, ...(await proof('/me', 'ES256', access)) }
    expect((await fetch(`${world.issuer}/me`, { headers })).status).toBe(200)
  })

  test('cannot leave anything of that out', async () => {
    const direct = await world.visitor().get(startLogin(world, 'bank', redirectUri))
    expect(new URL(direct.location ?? '').searchParams.get('error')).toBe('invalid_request')
    const { code_challenge: _, code_challenge_method: __, ...bare } = request
    const unchallenged = await fetch(`${world.issuer}/request`, {
      method: 'POST',
      body: new URLSearchParams({ ...bare, nonce: 'n-1', ...(await credentials()) }),
    })
    expect(unchallenged.status).toBe(400)
    const form = { grant_type: 'authorization_code', code: await code(), redirect_uri: redirectUri }
    const unproved = await token(world, { ...form, code_verifier: codeVerifier, ...(await credentials()) })
    expect(unproved.status).toBe(400)
    expect((await push({ client_assertion: '' })).status).toBeGreaterThanOrEqual(400)
  })

  test('signs its assertions for the issuer alone, with ES256, PS256 or EdDSA', async () => {
    for (const alg of ['ES256', 'PS256', 'EdDSA']) expect((await push(await credentials(alg))).status).toBe(201)
    expect(await push(await credentials('RS256'))).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    expect((await push(await credentials('ES256', [world.issuer]))).status).toBe(401)
    expect((await push(await credentials('ES256', `${world.issuer}/request`))).status).toBe(401)
  })

  test('signs its proofs with ES256, PS256 or EdDSA', async () => {
    for (const alg of ['ES256', 'PS256', 'EdDSA']) {
      expect((await push({}, await proof('/request', alg))).status).toBe(201)
    }
    const refused = await push({}, await proof('/request', 'RS256'))
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_dpop_proof' } })
    expect((await push({}, { dpop: 'no proof' })).status).toBe(400)
  })

  test('signs them so at every endpoint, also with the key that a token is bound to', async () => {
    const { access_token: access = '' } = (await tokens('PS256', 'openid offline_access identities')).body
    const form = { grant_type: 'authorization_code', code: await code(), redirect_uri: redirectUri }
    const all = { ...form, code_verifier: codeVerifier, ...(await credentials()) }
    expect(await token(world, all, await proof('/token', 'RS256'))).toMatchObject({ status: 400 })
    for (const path of ['/me', '/identities']) {
      const asked = async (alg: string) => {
        const headers = { authorization: `DPoP ${access}`, ...(await proof(path, alg, access)) }
        return fetch(`${world.issuer}${path}`, { headers })
      }
      const refused = await asked('RS256')
      expect([path, refused.status, await refused.json()]).toMatchObject([
        path,
        401,
        { error: 'invalid_dpop_proof', error_description: expect.stringContaining('security profile') },
      ])
      expect(refused.headers.get('www-authenticate')).toMatch(/^DPoP .*error="invalid_dpop_proof"/)
      expect([path, (await asked('PS256')).status]).toEqual([path, 200])
    }
  })

  test('keeps its refresh token, which lives on with every use and ends at its limit', async () => {
    const { refresh_token: kept } = (await tokens()).body
    const minutes = (count: number) => walkTo(count * 60_000)
    for (const after of [0, 1, 50, 100, 145]) {
      minutes(after)
      const { status, body } = await refresh(kept)
      expect([after, status, body['refresh_token']]).toEqual([after, 200, kept])
    }
    minutes(151)
    expect(await refresh(kept)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  test('loses a refresh token that it does not use', async () => {
    const { refresh_token: kept } = (await tokens()).body
    walkTo(61 * 60_000)
    expect((await refresh(kept)).status).toBe(400)
  })

  test('may refresh many times at once', async () => {
    const { refresh_token: kept } = (await tokens()).body
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(kept)))
    expect(answers.map(({ status, body }) => [status, body['refresh_token']])).toEqual(answers.map(() => [200, kept]))
    expect((await refresh(kept)).status).toBe(200)
  })
})
