import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { api, backendAuth, backendSecret, clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

describe('the scope of a token answer', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
    const machine = { secret: backendSecret, grant_types: ['client_credentials'], default_resource: api }
    await world.register({
      clients: [
        ...clients,
        ...nativeClients,
        { ...machine, client_id: 'reader', scope: 'orders:read' },
        { ...machine, client_id: 'anything' },
      ],
      resources,
    })
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  let phones = 13_630_000_000
  async function tokens(scope: string, clientId = 'web'): Promise<Record<string, string>> {
    phones += 1
    const url = startLogin(world, clientId, redirectUri, { scope })
    return exchange(
      world,
      clientId,
      redirectUri,
      (await loginBySms(world, world.visitor(), url, String(phones))).location,
    )
  }
  const refresh = async (from: Record<string, string>, scope?: string, clientId = 'web') =>
    token(world, {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: from['refresh_token'] ?? '',
      ...(scope === undefined ? {} : { scope }),
    })
  const sorted = (scope: string | undefined) => scope?.split(' ').sort().join(' ')

  test('is all that was granted, also where the token itself is for an API', async () => {
    const all = 'openid phone offline_access orders:read'
    const first = await tokens(all)
    expect(sorted(first['scope'])).toBe(sorted(all))
    expect(decodeJwt(first['access_token'] ?? '')['scope']).toBe('orders:read')
    expect(sorted((await refresh(first)).body['scope'])).toBe(sorted(all))
  })

  test('is never empty: scopes of the protocol alone, for a client with an API, are told', async () => {
    expect(sorted((await tokens('openid phone'))['scope'])).toBe('openid phone')
    expect((await tokens('openid', 'plain'))['scope']).toBe('openid')
  })

  test('leaves out what was not granted', async () => {
    expect(sorted((await tokens('openid phone orders:read orders:write'))['scope'])).toBe('openid orders:read phone')
    expect((await tokens('openid orders:read', 'plain'))['scope']).toBe('openid')
  })

  test('of a refresh that asks for less is that less, and the next refresh has all again', async () => {
    const first = await tokens('openid phone offline_access orders:read')
    const narrow = await refresh(first, 'openid orders:read')
    expect(sorted(narrow.body['scope'])).toBe('openid orders:read')
    const forUserinfo = await refresh(narrow.body, 'openid')
    expect(forUserinfo.body['scope']).toBe('openid')
    expect(sorted((await refresh(forUserinfo.body)).body['scope'])).toBe('offline_access openid orders:read phone')
  })

  test('of a device and of an app with screens of its own is told alike', async () => {
    const started = await fetch(`${world.issuer}/device/auth`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'tv', scope: 'openid phone offline_access' }),
    })
    const { device_code = '', user_code = '' } = (await started.json()) as Record<string, string>
    const visitor = world.visitor()
    await loginBySms(world, visitor, startLogin(world, 'plain', redirectUri), '13640000000')
    const xsrf = (text: string) => /name="xsrf" value="([^"]+)"/.exec(text)?.[1] ?? ''
    const form = await visitor.get('/device')
    const asked = await visitor.post('/device', { xsrf: xsrf(form.text), user_code })
    await visitor.follow(await visitor.post('/device', { xsrf: xsrf(asked.text), user_code, confirm: 'yes' }))
    walkTo(6000)
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    const { body } = await token(world, { grant_type, client_id: 'tv', device_code })
    expect(sorted(body['scope'])).toBe('offline_access openid phone')

    const app = new NativeApp(world)
    const asks = { scope: 'openid phone orders:read offline_access' }
    const ofApp = await app.exchange(await nativeSms(world, app, '13640000001', asks), asks)
    expect(sorted((ofApp as unknown as Record<string, string>)['scope'])).toBe(sorted(asks.scope))
  })

  test('where nothing of what is asked for can be granted there is no login, of an app or a page', async () => {
    const asked = await new NativeApp(world).challenge({ method: 'sms', phone: '13640000002', scope: 'orders:burn' })
    expect(asked.body).toMatchObject({ error: 'invalid_scope' })
    const url = startLogin(world, 'plain', redirectUri, { scope: 'orders:burn' })
    const { location } = await loginBySms(world, world.visitor(), url, '13640000003')
    expect(new URL(location ?? '').searchParams.get('error')).toBe('access_denied')
  })

  describe('of a machine', () => {
    const auth = (id: string) => ({
      authorization: `Basic ${Buffer.from(`${id}:${backendSecret}`).toString('base64')}`,
    })
    const ask = (form: Record<string, string>, headers = auth('reader')) =>
      token(world, { grant_type: 'client_credentials', ...form }, headers)

    test('without a wish is what its client is registered for', async () => {
      const { body } = await ask({})
      expect(body['scope']).toBe('orders:read')
      expect(decodeJwt(body['access_token'] ?? '')['scope']).toBe('orders:read')
    })

    test('with a scope that its client or API has not is refused, and never left out in silence', async () => {
      for (const scope of ['orders:write', 'orders:read orders:write', 'nothing', 'openid']) {
        expect(await ask({ scope })).toMatchObject({ status: 400, body: { error: 'invalid_scope' } })
      }
      const noApi = await ask({ scope: 'orders:read' }, backendAuth)
      expect(noApi).toMatchObject({ status: 400, body: { error: 'invalid_scope' } })
    })

    test('leaves out, and so tells, what is about a person', async () => {
      expect((await ask({ scope: 'openid orders:read' })).body['scope']).toBe('orders:read')
    })

    test('of a client that names no scopes is what it asks for, and nothing where it asks for nothing', async () => {
      expect((await ask({ scope: 'orders:write' }, auth('anything'))).body['scope']).toBe('orders:write')
      expect((await ask({}, auth('anything'))).body).not.toHaveProperty('scope')
    })
  })
})
