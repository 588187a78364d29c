import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backendSecret, clients, redirectUri, resources } from '../support/clients.ts'
import { codeVerifier, loginByPassword, reachLogin, startLogin, token } from '../support/login.ts'
import type { Answer } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const phone = '13800138123'
const email = 'lin.canary@example.com'
const password = 'canary-ladder-42-river'
const wrongPassword = 'canary-wrong-77-lake'
const secretKey = 'canary-master-key-canary-master-key-canary1'
const wrongOtp = '000999'

/** A server that logs everything it can, after the flows in which it meets what must not be written down. */
describe('after people and applications have done what they do', () => {
  let world: World
  /** Opens something by itself: whoever holds it is let in. */
  const bearers = new Map<string, string>()
  /** Says who somebody is. */
  const personal = new Map<string, string>([
    ['phone number', phone],
    ['e-mail address', email],
  ])

  beforeAll(async () => {
    world = await openWorld({ stores: 'tables', env: { LOG_LEVEL: 'trace', MENSHEN_SECRET_KEY: secretKey } })
    await world.register({ clients, resources })
    await loginByPhone()
    await registerAndLogIn()
    await tokens()
    await devicesAndPushedRequests()
    await nonsense()
  })
  afterAll(() => world.close())

  function keep(name: string, value: string | undefined): string {
    if (!value || value.length < 6) throw new Error(`there is no ${name} to look for`)
    bearers.set(name, value)
    return value
  }

  function keepCookies(name: string, { headers }: Answer): void {
    for (const line of [headers['set-cookie'] ?? []].flat()) {
      const [pair = ''] = line.split(';')
      const value = pair.slice(pair.indexOf('=') + 1)
      if (/session=/.test(pair) && value !== '')
        bearers.set(`${name} cookie ${pair.slice(0, pair.indexOf('='))}`, value)
    }
  }

  const request = (more: Record<string, string> = {}) =>
    startLogin(world, 'web', redirectUri, { scope: 'openid phone offline_access orders:read', ...more })
  const codeOf = ({ location }: Answer) => new URL(location ?? '').searchParams.get('code') ?? undefined

  async function loginByPhone(): Promise<void> {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, request())
    await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
    const otp = keep('one-time code', await world.otp(`+86${phone}`))
    const refused = await visitor.post(page.url, { method: 'sms', otp: wrongOtp })
    expect(refused.status).toBe(400)
    const proved = await visitor.post(page.url, { method: 'sms', otp })
    const resumed = await visitor.get(proved.location ?? '')
    keepCookies('browser', resumed)
    keep('authorization code', codeOf(resumed))
  }

  async function registerAndLogIn(): Promise<void> {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    const form = { method: 'register', identifier: email, new_password: password, agreement: 'on' }
    await visitor.post(page.url, form)
    const otp = keep('mailed code', await world.otp(email))
    expect((await visitor.follow(await visitor.post(page.url, { method: 'register', otp }))).status).toBe(303)
    const wrong = await loginByPassword(world.visitor(), startLogin(world, 'plain', redirectUri), email, wrongPassword)
    expect(wrong.status).toBe(400)
    const right = await loginByPassword(world.visitor(), startLogin(world, 'plain', redirectUri), email, password)
    expect(right.status).toBe(303)
    bearers.set('password', password).set('mistyped password', wrongPassword).set('master key', secretKey)
  }

  async function tokens(): Promise<void> {
    const code = bearers.get('authorization code') ?? ''
    const form = { grant_type: 'authorization_code', client_id: 'web', redirect_uri: redirectUri, code }
    const issued = await token(world, { ...form, code_verifier: codeVerifier })
    expect(issued.status).toBe(200)
    keep('access token', issued.body['access_token'])
    keep('id token', issued.body['id_token'])
    const refreshToken = keep('refresh token', issued.body['refresh_token'])
    const refresh = { grant_type: 'refresh_token', client_id: 'web' }
    const refreshed = await token(world, { ...refresh, refresh_token: refreshToken, scope: 'openid phone' })
    keep('second refresh token', refreshed.body['refresh_token'])
    const opaque = keep('opaque access token', refreshed.body['access_token'])
    for (const authorization of [`Bearer ${opaque}`, `Bearer ${opaque}x`]) {
      await fetch(`${world.issuer}/me`, { headers: { authorization } })
    }
    expect((await token(world, { ...form, code_verifier: codeVerifier })).status).toBe(400)
    expect((await token(world, { ...refresh, refresh_token: `${refreshToken}x` })).status).toBe(400)

    bearers.set('client secret', backendSecret)
    const basic = (secret: string) => ({ authorization: `Basic ${btoa(`backend:${secret}`)}` })
    const clientCredentials = await token(world, { grant_type: 'client_credentials' }, basic(backendSecret))
    keep('access token of a backend', clientCredentials.body['access_token'])
    await token(world, { grant_type: 'client_credentials' }, basic(`${backendSecret}x`))
    await token(world, { grant_type: 'client_credentials', client_id: 'backend', client_secret: backendSecret })
    for (const path of ['/token/introspection', '/token/revocation']) {
      const body = new URLSearchParams({ token: refreshToken })
      await fetch(`${world.issuer}${path}`, { method: 'POST', headers: basic(backendSecret), body })
    }
  }

  async function devicesAndPushedRequests(): Promise<void> {
    const post = async (path: string, form: Readonly<Record<string, string>>) =>
      (await fetch(`${world.issuer}${path}`, { method: 'POST', body: new URLSearchParams(form) })).json()
    const device = (await post('/device/auth', { client_id: 'tv', scope: 'openid' })) as Record<string, string>
    keep('device code', device['device_code'])
    keep('user code', device['user_code'])
    const grantType = 'urn:ietf:params:oauth:grant-type:device_code'
    await token(world, { grant_type: grantType, client_id: 'tv', device_code: device['device_code'] ?? '' })
    const pushed = (await post('/request', Object.fromEntries(request().searchParams))) as Record<string, string>
    const requestUri = pushed['request_uri'] ?? ''
    keep('pushed request', requestUri.slice(requestUri.lastIndexOf(':') + 1))
    await world.visitor().get(`/auth?${new URLSearchParams({ client_id: 'web', request_uri: requestUri })}`)
  }

  /** What people and programs send where it does not belong. */
  async function nonsense(): Promise<void> {
    const visitor = world.visitor()
    const stray = `?phone=${phone}&otp=${bearers.get('one-time code')}&access_token=${bearers.get('access token')}&email=${email}`
    await visitor.get(`/nowhere/${phone}${stray}`)
    await visitor.get(`/auth${stray}&client_id=${phone}&code=${bearers.get('authorization code')}`)
    await visitor.get(`/auth?client_id=web&redirect_uri=https://evil.example/${email}&state=${phone}`)
    await visitor.get(`/interaction/${phone}${stray}`, { referer: `${world.issuer}/x${stray}`, 'user-agent': phone })
    await visitor.post(`/interaction/${bearers.get('authorization code')}`, { method: 'password', password })
    await visitor.post('/token', {
      grant_type: password,
      refresh_token: bearers.get('refresh token') ?? '',
      code: phone,
    })
    const page = await reachLogin(visitor, request({ login_hint: phone }))
    await visitor.post(page.url, { method: phone, password, otp: wrongOtp, agreement: 'on' })
    await visitor.post(page.url, { method: 'sms', phone: `${phone}${phone}`, agreement: 'on' })
  }

  test('the log has a line for each request, and none of what they carried', () => {
    const text = world.log.join('')
    expect(world.log.length).toBeGreaterThan(40)
    expect(world.log.filter((line) => JSON.parse(line).level === 'error')).toEqual([])
    const found = [...bearers, ...personal, ['mistyped code', wrongOtp] as const].filter(([, value]) =>
      text.includes(value),
    )
    expect(found).toEqual([])
    expect(bearers.size).toBe(17)
    expect([...bearers.keys()]).toContain('browser cookie menshen_session')
  })

  test('the audit says what happened, and none of what was entered', async () => {
    const events = await world.database.database.knex('audit_events').select()
    const names = new Set(events.map(({ event }) => event))
    for (const name of ['login.succeeded', 'login.failed', 'user.registered', 'token.reused'])
      expect(names).toContain(name)
    const text = JSON.stringify(events)
    expect([...bearers, ...personal].filter(([, value]) => text.includes(value))).toEqual([])
  })

  test('the database holds nothing that opens anything', async () => {
    const { knex } = world.database.database
    const tables = await knex('pg_tables').where({ schemaname: 'public' }).select('tablename')
    const dumps = await Promise.all(tables.map(({ tablename }) => knex(tablename).select()))
    const text = JSON.stringify(dumps)
    expect(text).toContain(`+86${phone}`)
    expect([...bearers].filter(([, value]) => text.includes(value))).toEqual([])
  })

  test('the numbers an operator watches have moved', async () => {
    const text = await world.app.metrics.registry.metrics()
    for (const line of [
      /^menshen_logins_total\{method="sms",outcome="succeeded"\} 1$/m,
      /^menshen_logins_total\{method="sms",outcome="otp\.wrong"\} 1$/m,
      /^menshen_logins_total\{method="password",outcome="password\.wrong"\} 1$/m,
      /^menshen_registrations_total\{provider="phone"\} 1$/m,
      /^menshen_registrations_total\{provider="email"\} 1$/m,
      /^menshen_token_requests_total\{grant_type="refresh_token",outcome="issued"\} 1$/m,
      /^menshen_audit_events_total\{event="login\.succeeded",outcome="stored"\} \d+$/m,
    ]) {
      expect(text).toMatch(line)
    }
    expect([...bearers, ...personal].filter(([, value]) => text.includes(value))).toEqual([])
  })
})
