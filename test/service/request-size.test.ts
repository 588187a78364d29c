import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { longestParams, longestRequest } from '../../src/oidc/request-size.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { codeChallenge, loginBySms, startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

describe.each(['redis', 'tables'] as const)('an authorization request that is too long, on %s', (stores) => {
  let world: World

  beforeAll(async () => {
    world = await openWorld({ stores })
    await world.register({ clients, resources })
  })
  afterAll(() => world.close())

  const random = (length: number) => randomBytes(length).toString('base64url').slice(0, length)
  const tooLong = Object.entries({
    state: random(2049),
    nonce: random(513),
    login_hint: random(257),
    claims: JSON.stringify({ id_token: { [random(2049)]: null } }),
    ui_locales: random(129),
    acr_values: random(257),
    claims_locales: random(129),
    display: random(17),
    method: random(65),
    dpop_jkt: random(65),
    max_age: `${'0'.repeat(20)}1`,
  })
  const web = { client_id: 'plain', redirect_uri: redirectUri, response_type: 'code', scope: 'openid' }
  const pkce = { code_challenge: codeChallenge, code_challenge_method: 'S256' }
  const post = async (path: string, form: Record<string, string>) => {
    const body = new URLSearchParams(form)
    const headers = { accept: 'application/json' }
    const response = await fetch(`${world.issuer}${path}`, { method: 'POST', headers, body })
    return { status: response.status, text: await response.text() }
  }
  const interactions = async () => (await stored()).filter((key) => /oidc:(Interaction|Pushed)/.test(key)).length
  async function stored(): Promise<string[]> {
    if (stores === 'tables') return world.database.database.knex('ephemeral').pluck('key')
    return []
  }

  test.each(tooLong)('%s is refused at the client, unread and unkept', async (name, value) => {
    const before = await interactions()
    const url = startLogin(world, 'plain', redirectUri, { state: 'short', [name]: value })
    const { location, status } = await world.visitor().get(url)
    expect(status).toBe(303)
    const back = new URL(location ?? '')
    expect(back.origin + back.pathname).toBe(redirectUri)
    const expected = { error: 'invalid_request', error_description: `${name} is too long` }
    expect(Object.fromEntries(back.searchParams)).toMatchObject(expected)
    expect(back.searchParams.get('state')).toBe(name === 'state' ? null : 'short')
    expect(await interactions()).toBe(before)
  })

  test.each(tooLong)('%s is refused where a request is pushed', async (name, value) => {
    const params = { ...web, ...pkce, [name]: value }
    const pushed = await post('/request', params)
    expect(pushed.status).toBe(400)
    expect(JSON.parse(pushed.text)).toMatchObject({ error: 'invalid_request' })
    expect(pushed.text).not.toContain(value)
  })

  test.each(['nonce', 'login_hint', 'claims', 'ui_locales'])('%s is refused for a device', async (name) => {
    const value = tooLong.find(([each]) => each === name)?.[1] ?? ''
    const refused = await post('/device/auth', { client_id: 'tv', scope: 'openid', [name]: value })
    expect(refused.status).toBe(400)
    expect(JSON.parse(refused.text)).toMatchObject({ error: 'invalid_request' })
    expect(await world.database.database.knex('oidc_records').where({ model: 7 })).toEqual([])
  })

  test.each(['nonce', 'login_hint', 'claims', 'ui_locales', 'acr_values'])('%s is refused in an app', async (name) => {
    const value = tooLong.find(([each]) => each === name)?.[1] ?? ''
    const form = { client_id: 'native', response_type: 'code', scope: 'openid', ...pkce, [name]: value }
    const refused = await post('/authorize-challenge', form)
    expect(refused.status).toBe(400)
    expect(JSON.parse(refused.text)).toMatchObject({
      error: 'invalid_request',
      error_description: `${name} is too long`,
    })
    expect(refused.text).not.toContain('auth_session')
  })

  test('parameters that are short each and long together are refused', async () => {
    const claims = JSON.stringify({ id_token: { [random(1000)]: null } })
    const url = startLogin(world, 'plain', redirectUri, { state: random(2040), nonce: random(500), claims })
    const { location } = await world.visitor().get(url)
    const back = new URL(location ?? '').searchParams
    expect(back.get('error_description')).toBe('the request is too long')
  })

  test('a state of 2 KB comes back as it was sent, and the rest of the request has its effect', async () => {
    const state = random(longestParams['state'] as number)
    const nonce = random(200)
    const url = startLogin(world, 'plain', redirectUri, { state, nonce, login_hint: '13800138007' })
    expect(url.search.length).toBeLessThan(longestRequest)
    const { location } = await loginBySms(world, world.visitor(), url, '13800138007')
    const back = new URL(location ?? '').searchParams
    expect(back.get('state')).toBe(state)
    expect(back.get('code')).toBeTruthy()
  })
})
