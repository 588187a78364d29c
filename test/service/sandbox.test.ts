import { calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { advanceClock, clockShiftMs, resetClock } from '../../sandbox/clock.ts'
import { printed } from '../../sandbox/sandbox.ts'
import { parsePhone } from '../../src/base/phone.ts'
import { buildApp } from '../../src/build/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createLog } from '../../src/ops/log.ts'
import { consoleSms } from '../../src/sms/console.ts'
import type { SmsCode } from '../../src/sms/sms-sender.ts'
import { codeVerifier, exchange, loginByPassword, loginBySms, startLogin, token } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import type { Answer } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
})
afterEach(resetClock)
afterAll(() => world.close())

/** The tokens of a person who has just logged in to the demo client. */
async function loggedIn(phone: string, scope: string, headers: Readonly<Record<string, string>> = {}) {
  const redirectUri = `${world.issuer}/sandbox/callback`
  const visitor = world.visitor()
  const url = startLogin(world, 'sandbox-demo', redirectUri, { scope })
  const page = await visitor.follow(await visitor.get(url))
  await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
  const done = await visitor.post(page.url, { method: 'sms', otp: await world.otp(`+86${phone}`) })
  const back = await visitor.get(done.location ?? '')
  const form = {
    grant_type: 'authorization_code',
    client_id: 'sandbox-demo',
    code: new URL(back.location ?? '').searchParams.get('code') ?? '',
    code_verifier: codeVerifier,
    redirect_uri: redirectUri,
  }
  return (await token(world, form, headers)).body
}

async function call(path: string, accessToken?: string) {
  const headers = accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }
  const response = await fetch(`${world.issuer}/sandbox/api/${path}`, { headers })
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate') ?? '',
    body: (await response.json()) as Record<string, unknown>,
  }
}

/** The command of the demo page, by what it carries. */
async function backendToken(resource?: string): Promise<string> {
  const page = await (await fetch(`${world.issuer}/sandbox`, { headers: { accept: 'text/html' } })).text()
  const secret = /sandbox-backend:([\w-]+)/.exec(page)?.[1]
  const form = {
    grant_type: 'client_credentials',
    scope: 'orders:read',
    ...(resource === undefined ? {} : { resource }),
  }
  const authorization = `Basic ${Buffer.from(`sandbox-backend:${secret}`).toString('base64')}`
  return (await token(world, form, { authorization })).body['access_token'] ?? ''
}

/** What a challenge wants of the next authorization request, as the demo client takes it. */
function asked(challenge: string): Record<string, string> {
  const wanted = [...challenge.matchAll(/(acr_values|max_age)="([^"]*)"/g)]
  return Object.fromEntries(wanted.map(([, name = '', value = '']) => [name, value]))
}

describe('the demo API', () => {
  test('answers the access token of a person and learns who called', async () => {
    const tokens = await loggedIn('13800139000', 'openid orders:read')
    const answer = await call('orders', tokens['access_token'])
    expect(answer).toMatchObject({
      status: 200,
      body: { seen: { client_id: 'sandbox-demo', scope: 'orders:read', acr: 'urn:menshen:acr:possession' } },
    })
  })

  test('asks for a token without naming an error when there is none', async () => {
    expect(await call('orders')).toMatchObject({ status: 401, challenge: 'Bearer realm="sandbox"' })
  })

  test('calls a header that is not Bearer a bad request', async () => {
    const response = await fetch(`${world.issuer}/sandbox/api/orders`, { headers: { authorization: 'Basic eDp5' } })
    expect(response.status).toBe(400)
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_request"')
  })

  test('refuses an ID token', async () => {
    const tokens = await loggedIn('13800139001', 'openid orders:read')
    const answer = await call('orders', tokens['id_token'])
    const error_description = 'this is no access token: typ is not at+jwt'
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_token', error_description } })
    expect(answer.challenge).toContain('error="invalid_token"')
  })

  test('refuses a token for another API', async () => {
    await world.register({
      resources: [{ resource: 'https://other.example/', scopes: ['orders:read'], access_token: { format: 'jwt' } }],
    })
    const elsewhere = await backendToken('https://other.example/')
    expect(elsewhere).toMatch(/^ey/)
    expect(await call('orders', elsewhere)).toMatchObject({
      status: 401,
      body: { error_description: 'the token is meant for another API' },
    })
  })

  test('refuses a token whose time is over', async () => {
    const tokens = await loggedIn('13800139002', 'openid orders:read')
    advanceClock(11 * 60_000)
    expect(await call('orders', tokens['access_token'])).toMatchObject({
      status: 401,
      body: { error: 'invalid_token', error_description: 'the token has expired' },
    })
  })

  test('refuses a token without the scope and names it', async () => {
    const tokens = await loggedIn('13800139003', 'openid')
    const answer = await call('orders', tokens['access_token'])
    expect(answer).toMatchObject({ status: 403, body: { error: 'insufficient_scope' } })
    expect(answer.challenge).toContain('scope="orders:read"')
  })

  test('refuses a token that somebody else signed, and one that is no JWT', async () => {
    const { privateKey } = await generateKeyPair('ES256')
    const forged = await new SignJWT({ client_id: 'sandbox-demo', scope: 'orders:read', jti: 'a' })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'mine' })
      .setIssuer(world.issuer)
      .setAudience(`${world.issuer}/sandbox/api`)
      .setSubject('usr_x')
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey)
    expect((await call('orders', forged)).status).toBe(401)
    expect(await call('orders', 'opaque')).toMatchObject({ status: 401, body: { error: 'invalid_token' } })
  })

  test('refuses a token bound to a key when it comes as a bearer token', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    const jwk = await exportJWK(publicKey)
    const proof = (nonce?: string) =>
      new SignJWT({ htm: 'POST', htu: `${world.issuer}/token`, jti: `proof-${nonce}`, ...(nonce ? { nonce } : {}) })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt()
        .sign(privateKey)
    const tokens = await loggedIn('13800139004', 'openid orders:read', { dpop: await proof() })
    expect(tokens['token_type']).toBe('DPoP')
    expect(decodeJwt(tokens['access_token'] ?? '')).toMatchObject({
      cnf: { jkt: await calculateJwkThumbprint(jwk) },
    })
    expect((await call('orders', tokens['access_token'])).status).toBe(401)
  })

  test('asks for a fresh login where it matters, and for the phone where nobody has shown one', async () => {
    const tokens = await loggedIn('13800139005', 'openid orders:read')
    expect((await call('admin', tokens['access_token'])).status).toBe(200)
    advanceClock(90_000)
    const stale = await call('admin', tokens['access_token'])
    expect(stale).toMatchObject({ status: 401, body: { error: 'insufficient_user_authentication' } })
    expect(stale.challenge).toContain('max_age="60"')

    const machine = await call('admin', await backendToken())
    expect(machine.status).toBe(401)
    expect(machine.challenge).toContain('acr_values="urn:menshen:acr:possession"')
  })

  test('is satisfied by the new login its challenge asks for, RFC 9470, and by nothing less', async () => {
    const [phone, password] = ['13800139006', 'grape-ladder-42-river']
    const redirectUri = `${world.issuer}/sandbox/callback`
    const scope = 'openid orders:read offline_access'
    const request = (more = {}) => startLogin(world, 'sandbox-demo', redirectUri, { scope, ...more })
    const redeem = (back: Answer) => exchange(world, 'sandbox-demo', redirectUri, back.url.href)
    const visitor = world.visitor()
    const tokens = await redeem(await loginBySms(world, visitor, request(), phone))
    expect((await call('admin', tokens['access_token'])).status).toBe(200)
    const page = await visitor.get('/account/password')
    const form_token = /name="form_token" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    await visitor.post('/account/password', { form_token, new_password: password })

    advanceClock(90_000)
    const form = {
      grant_type: 'refresh_token',
      client_id: 'sandbox-demo',
      refresh_token: tokens['refresh_token'] ?? '',
    }
    const stale = await call('admin', (await token(world, form)).body['access_token'])
    expect(asked(stale.challenge)).toEqual({ max_age: '60' })
    const fresh = await redeem(await loginBySms(world, visitor, request(asked(stale.challenge)), phone))
    expect((await call('admin', fresh['access_token'])).status).toBe(200)

    const other = world.visitor()
    const known = await redeem(await loginByPassword(other, request(), phone, password))
    const weak = await call('admin', known['access_token'])
    expect(asked(weak.challenge)).toEqual({ acr_values: 'urn:menshen:acr:possession' })
    const shown = await redeem(await loginBySms(world, other, request(asked(weak.challenge)), phone))
    expect((await call('admin', shown['access_token'])).status).toBe(200)
  })

  test('serves the backend with the secret that the demo page prints', async () => {
    expect((await call('orders', await backendToken())).status).toBe(200)
  })
})

describe('the outbox', () => {
  const read = async (query: string, headers: Readonly<Record<string, string>>) =>
    fetch(`${world.issuer}/sandbox/outbox${query}`, { headers })

  test('answers programs with the messages of one number, newest first', async () => {
    const visitor = world.visitor()
    const url = startLogin(world, 'sandbox-demo', `${world.issuer}/sandbox/callback`)
    await loginBySms(world, visitor, url, '13800139010')
    await loginBySms(world, world.visitor(), url, '13800139011')
    const answer = await read('?to=%2B8613800139010', { accept: 'application/json' })
    expect(answer.headers.get('content-type')).toContain('application/json')
    expect(await answer.json()).toEqual([
      {
        to: '+8613800139010',
        channel: 'sms',
        template: 'login_code',
        otp: expect.stringMatching(/^\d{6}$/),
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      },
    ])
    const all = (await (await read('', {})).json()) as { to: string }[]
    expect(all.slice(0, 2).map(({ to }) => to)).toEqual(['+8613800139011', '+8613800139010'])
    for (const spelt of ['13800139010', '+8613800139010', '138 0013 9010']) {
      expect(await (await read(`?to=${spelt}`, {})).json()).toHaveLength(1)
    }
  })

  test('shows people the code on a page under the policy of the login pages', async () => {
    const otp = await world.otp('+8613800139010')
    const page = await read('?to=13800139010', { accept: 'text/html' })
    expect(await page.text()).toContain(`<code>${otp}</code>`)
    const login = await fetch(`${world.issuer}/sandbox/terms`, { headers: { accept: 'text/html' } })
    for (const header of [
      'content-security-policy',
      'cache-control',
      'x-frame-options',
      'cross-origin-opener-policy',
    ]) {
      expect(page.headers.get(header)).toBe(login.headers.get(header))
    }
  })

  test('escapes whatever it was asked for', async () => {
    const page = await read(`?to=${encodeURIComponent('"><script>alert(1)</script>')}`, { accept: 'text/html' })
    expect(await page.text()).not.toContain('<script>alert')
  })
})

describe('what is printed', () => {
  const message = (number: string): SmsCode => ({
    to: parsePhone(number),
    template: 'login_code',
    otp: '482913',
    ttlMinutes: 5,
  })

  test('a code is kept and printed; one that never arrives or comes late is not printed', async () => {
    const lines: string[] = []
    const kept: string[] = []
    const sender = printed(
      {
        async send({ to }) {
          kept.push(to)
          return 'sent'
        },
      },
      consoleSms({ stream: { write: (text: string) => lines.push(text) } }),
    )
    await sender.send(message('13800139020'))
    expect(lines.join('')).toContain('482913')
    lines.length = 0
    await sender.send(message('13800000002'))
    await sender.send(message('13800000003'))
    expect(lines).toEqual([])
    expect(kept).toHaveLength(3)
  })

  test('the log holds no code', async () => {
    const otp = await world.otp('+8613800139010')
    expect(world.log.length).toBeGreaterThan(0)
    expect(world.log.join('')).not.toContain(otp)
  })
})

describe('the clock', () => {
  const post = (form: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${world.issuer}/sandbox/clock`, {
      method: 'POST',
      body: new URLSearchParams(form),
      headers: { accept: 'application/json', ...headers },
    })

  test('moves this process, libraries included, and goes back', async () => {
    const before = Date.now()
    const moved = await post({ advance: '14d' })
    expect(await moved.json()).toMatchObject({ shifted_by_seconds: 14 * 86_400 })
    expect(Date.now() - before).toBeGreaterThanOrEqual(14 * 86_400_000)
    expect(new Date().toISOString() > new Date(before + 13 * 86_400_000).toISOString()).toBe(true)
    expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z')
    expect(new Date()).toBeInstanceOf(Date)
    await post({ reset: '1' })
    expect(clockShiftMs()).toBe(0)
    expect(Date.now() - before).toBeLessThan(60_000)
  })

  test('refuses what is no duration, and too much of it', async () => {
    for (const advance of ['', 'soon', '-1d', '36501d']) expect((await post({ advance })).status).toBe(400)
    expect((await post({ advance: '36500d' })).status).toBe(200)
    expect((await post({ advance: '1d' })).status).toBe(400)
  })

  test("refuses a form of another site's page", async () => {
    expect((await post({ advance: '1d' }, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await post({ advance: '1d' }, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect(clockShiftMs()).toBe(0)
  })
})

describe('the pages', () => {
  const html = async (path: string, language = 'en') =>
    fetch(`${world.issuer}${path}`, { headers: { accept: 'text/html', 'accept-language': language } })

  test.each([
    '/sandbox',
    '/sandbox/callback',
    '/sandbox/device',
    '/sandbox/outbox',
    '/sandbox/clock',
    '/sandbox/terms',
    '/sandbox/privacy',
  ])('%s speaks both languages', async (path) => {
    const english = await html(path)
    expect(english.status).toBe(200)
    expect(await english.text()).toContain('<html lang="en">')
    expect(await (await html(path, 'zh-CN')).text()).toContain('<html lang="zh-CN">')
  })

  test('a callback page repeats nothing of its address', async () => {
    expect(await (await html('/sandbox/callback?code=not-to-be-seen&state=x')).text()).not.toContain('not-to-be-seen')
  })

  test('the language links lead back to the page and are remembered', async () => {
    const visitor = world.visitor()
    const chosen = await visitor.get('/sandbox?lang=en')
    expect(chosen).toMatchObject({ status: 303, location: '/sandbox' })
    expect((await visitor.get('/sandbox')).text).toContain('<html lang="en">')
  })

  test('the simulated TV may start the device flow from its page', async () => {
    const response = await fetch(`${world.issuer}/device/auth`, {
      method: 'POST',
      headers: { origin: world.issuer },
      body: new URLSearchParams({ client_id: 'sandbox-tv', scope: 'openid orders:read' }),
    })
    expect(await response.json()).toMatchObject({ user_code: expect.any(String), interval: 5 })
  })

  test('a server without the sandbox has none of this', async () => {
    const port = await freePort()
    const env = { ...world.env, PORT: String(port), ISSUER: `http://localhost:${port}`, MENSHEN_SANDBOX: 'false' }
    const { config } = loadConfig({ env, cwd: world.env['MENSHEN_DATA_DIR'] ?? '' })
    const log = createLog({ ...config.log, format: 'json', destination: { write: () => {} } })
    const app = await buildApp({ config, log })
    await app.listen()
    try {
      for (const path of ['/sandbox', '/sandbox/outbox', '/sandbox/clock', '/sandbox/api/orders', '/sandbox/demo.js']) {
        expect((await fetch(`http://localhost:${port}${path}`)).status).toBe(404)
      }
      const asked = await token({ port }, { grant_type: 'client_credentials', client_id: 'sandbox-backend' })
      expect(asked.status).toBe(401)
    } finally {
      await app.close()
    }
  })
})
