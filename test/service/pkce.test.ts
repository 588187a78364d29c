import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withPreset } from '../../src/oidc/clients/presets.ts'
import { redirectUri } from '../support/clients.ts'
import { codeVerifier, loginBySms, startLogin, token } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

const secret = 'a-secret-of-more-than-32-characters!'
const auth = (clientId: string) => ({
  authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
})
const pkce = ['code_challenge', 'code_challenge_method'] as const

describe('a client that somebody else wrote', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
    const shelf = { preset: 'off_the_shelf', redirect_uris: [redirectUri], first_party: true }
    const made = (client: Record<string, unknown> & { client_id: string }) =>
      withPreset(client).written as typeof client & { secret?: string }
    // `clients apply` refuses the last three; a row that somebody wrote by hand must be worth no more.
    const weak = { token_endpoint_auth_method: 'none', rotate_refresh_tokens: false, require_nonce: false }
    const open = { ...shelf, ...weak }
    await world.register({
      clients: [
        { ...made({ ...shelf, client_id: 'grafana' }), secret },
        { ...made({ ...shelf, preset: 'server_app', client_id: 'server' }), secret },
        { ...made({ ...shelf, client_id: 'bare', require_nonce: false }), secret },
        { ...made({ ...shelf, preset: 'server_app', client_id: 'half', require_nonce: false }), secret },
        made({ ...open, client_id: 'open' }),
        made({ ...open, client_id: 'pushing', require_pushed_authorization_requests: true }),
        made({ ...open, client_id: 'native', application_type: 'native', redirect_uris: ['com.example.app:/cb'] }),
      ],
    })
  })
  afterAll(() => world.close())

  let phones = 13_640_000_000
  function nextPhone(): string {
    phones += 1
    return String(phones)
  }
  /** An authorization request without PKCE. */
  function bare(clientId: string, more: Record<string, string> = {}): URL {
    const url = startLogin(world, clientId, redirectUri, { state: 's', ...more })
    for (const name of pkce) url.searchParams.delete(name)
    return url
  }
  async function refusal(url: URL): Promise<string | null> {
    const { location } = await world.visitor().get(url)
    return new URL(location ?? '').searchParams.get('error_description')
  }
  async function exchange(clientId: string, url: URL, more: Record<string, string> = {}) {
    const { location } = await loginBySms(world, world.visitor(), url, nextPhone())
    const code = new URL(location ?? '').searchParams.get('code') ?? ''
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, ...more }
    return token(world, form, auth(clientId))
  }
  const wanted = 'Authorization Server policy requires PKCE to be used for this request'

  test('gets a code without PKCE when it sends a nonce, which comes back in the ID token', async () => {
    const { status, body } = await exchange('grafana', bare('grafana', { nonce: 'n-1' }))
    expect(status).toBe(200)
    expect(decodeJwt(body['id_token'] ?? '')['nonce']).toBe('n-1')
  })

  test('needs PKCE where nothing else ties the code to its request: no nonce, an empty one, no ID token', async () => {
    expect(await refusal(bare('grafana'))).toBe(wanted)
    expect(await refusal(bare('grafana', { nonce: '' }))).toBe(wanted)
    expect(await refusal(bare('grafana', { scope: 'profile' }))).toBe(wanted)
  })

  test('may send neither where its seed says so twice', async () => {
    expect((await exchange('bare', bare('bare'))).status).toBe(200)
    expect(await refusal(bare('half'))).toBe(wanted)
    expect(await refusal(bare('half', { nonce: 'n-1' }))).toBe(wanted)
    const challenged = startLogin(world, 'bare', redirectUri)
    expect(await exchange('bare', challenged)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  test('that sends PKCE is held to it, and one that did not cannot bring a verifier afterwards', async () => {
    const challenged = startLogin(world, 'grafana', redirectUri, { nonce: 'n-1' })
    expect(await exchange('grafana', challenged, { code_verifier: codeVerifier })).toMatchObject({ status: 200 })
    expect(await exchange('grafana', challenged)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    const unchallenged = bare('grafana', { nonce: 'n-1' })
    expect(await exchange('grafana', unchallenged, { code_verifier: codeVerifier })).toMatchObject({ status: 400 })
  })

  test('a client that does not say so needs PKCE, secret or not', async () => {
    expect(await refusal(bare('server', { nonce: 'n-1' }))).toBe(wanted)
  })

  test('a client without a secret needs PKCE whatever is registered: directly, pushed, and in an app', async () => {
    expect(await refusal(bare('open', { nonce: 'n-1' }))).toBe(wanted)
    expect(await refusal(bare('open'))).toBe(wanted)
    const pushed = await fetch(`${world.issuer}/request`, {
      method: 'POST',
      body: bare('pushing', { nonce: 'n-1' }).searchParams,
    })
    expect([pushed.status, await pushed.json()]).toMatchObject([400, { error_description: wanted }])
    const app = await fetch(`${world.issuer}/authorize-challenge`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'native', scope: 'openid', nonce: 'n-1', method: 'sms' }),
    })
    expect(app.status).toBe(400)
    expect(await app.json()).toMatchObject({
      error: 'invalid_request',
      error_description: 'code_challenge with code_challenge_method=S256 is required',
    })
  })

  test('a client without a secret gets a new refresh token each time, whatever is registered', async () => {
    const { location } = await loginBySms(
      world,
      world.visitor(),
      startLogin(world, 'open', redirectUri, { scope: 'openid offline_access' }),
      nextPhone(),
    )
    const own = { client_id: 'open' }
    const code = new URL(location ?? '').searchParams.get('code') ?? ''
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: codeVerifier }
    const first = await token(world, { ...form, ...own })
    const refresh_token = first.body['refresh_token'] ?? ''
    const second = await token(world, { grant_type: 'refresh_token', refresh_token, ...own })
    expect(second.status).toBe(200)
    expect(second.body['refresh_token']).not.toBe(refresh_token)
  })

  test('finds in an RS256 ID token what the scopes release, also at a refresh; others ask userinfo', async () => {
    const scope = 'openid phone offline_access'
    const { body } = await exchange('grafana', bare('grafana', { nonce: 'n-1', scope }))
    const { id_token = '', refresh_token = '' } = body
    expect(decodeProtectedHeader(id_token).alg).toBe('RS256')
    expect(decodeJwt(id_token)).toMatchObject({ phone_number: expect.any(String), phone_number_verified: true })
    const again = await token(world, { grant_type: 'refresh_token', refresh_token }, auth('grafana'))
    expect(decodeJwt(again.body['id_token'] ?? '')).toHaveProperty('phone_number')
    const narrow = { grant_type: 'refresh_token', refresh_token: again.body['refresh_token'] ?? '', scope: 'openid' }
    expect(decodeJwt((await token(world, narrow, auth('grafana'))).body['id_token'] ?? '')).not.toHaveProperty(
      'phone_number',
    )
    const url = startLogin(world, 'server', redirectUri, { scope })
    const server = await exchange('server', url, { code_verifier: codeVerifier })
    expect(decodeJwt(server.body['id_token'] ?? '')).not.toHaveProperty('phone_number')
  })
})
