import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { hostile } from '../support/hostile.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { sendRaw } from '../support/raw.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

describe('bad input', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld({ env: { MENSHEN_PASSWORD__LOCK__PER_IP: '[{ max: 100000, seconds: 60 }]' } })
    await world.register({ clients, resources })
  })
  afterAll(() => world.close())

  const raw = (method: string, path: string, body: string | Buffer = '', headers: Record<string, string> = {}) =>
    sendRaw(world.port, { method, path, body, headers })

  const counts = async () => {
    const { knex } = world.database.database
    const tables = ['users', 'identities', 'identity_subjects', 'passwords', 'clients', 'resources', 'keys']
    const rows = await Promise.all(tables.map((table) => knex(table).count('* as count').first()))
    return rows.map((row) => Number((row as { count: string }).count))
  }

  async function loginPage(visitor: Visitor): Promise<Answer> {
    return reachLogin(visitor, startLogin(world, 'plain', redirectUri))
  }

  test('unknown paths and methods get a clear answer, as a page or as JSON', async () => {
    for (const path of ['/nope', '/interaction', '//evil', '/metrics']) {
      const answer = await raw('GET', path, '', { accept: 'application/json' })
      expect([400, 404]).toContain(answer.status)
      expect(JSON.parse(answer.text)).toMatchObject({ error: 'invalid_request' })
    }
    for (const path of ['/assets/../src/main.ts', '/assets/%2e%2e/package.json']) {
      expect(await raw('GET', path)).toMatchObject({ status: 404, text: 'Not found\n' })
    }
    expect((await raw('GET', '/nope', '', { accept: 'text/html' })).text).toContain('<!doctype html>')
    for (const method of ['PUT', 'DELETE', 'PATCH', 'TRACE']) {
      expect((await raw(method, '/token')).status).toBe(405)
    }
    expect((await raw('GET', '/token')).headers).toMatchObject({ allow: 'POST' })
    expect((await raw('POST', '/account')).headers).toMatchObject({ allow: 'HEAD, GET' })
    expect((await raw('POST', '/livez')).status).toBe(404)
    expect((await raw('GET', '/account/%')).status).toBe(400)
    expect((await raw('GET', '/auth?state=%00')).status).toBe(400)
    expect((await raw('GET', '/interaction/abc%2Fdef')).status).toBe(400)
    for (const path of ['/auth/x', '/auth/x/', '/AUTH/__proto__', '/device/x']) {
      expect((await raw('GET', `${path}?client_id=plain&state=x`)).status).toBe(400)
    }
  })

  test('an error tells nothing about the inside', async () => {
    const answer = await raw('GET', '/interaction/nothing', '', { accept: 'text/html' })
    expect(answer.status).toBe(400)
    for (const secret of ['/work/', 'node_modules', 'select ', 'at Object', 'koa', 'oidc-provider']) {
      expect(answer.text).not.toContain(secret)
    }
    expect(answer.headers).not.toHaveProperty('x-powered-by')
  })

  test.each([
    ['a field twice', 'method=sms&phone=1&phone=2', 400],
    ['invalid UTF-8', 'method=sms&phone=%ff%fe', 400],
    ['bytes that are no UTF-8', Buffer.from([0x6d, 0x3d, 0xff, 0xfe]), 400],
    ['NUL', 'method=sms&phone=%00', 400],
    ['a broken escape', 'method=sms&phone=%zz', 400],
    ['a thousand fields', Array.from({ length: 1000 }, (_, index) => `f${index}=1`).join('&'), 400],
    ['a field of 10 000 characters', `method=sms&phone=${'1'.repeat(10_000)}`, 400],
    ['a body over the limit', `method=sms&phone=${'1'.repeat(60_000)}`, 413],
    ['no method', 'phone=13800138000', 400],
    ['a method nobody has', 'method=telepathy', 400],
    ['a method named like an object property', 'method=__proto__', 400],
    ['a phone of 40 digits', `method=sms&agreement=on&phone=${'1'.repeat(40)}`, 400],
    ['emoji for a phone', 'method=sms&agreement=on&phone=%F0%9F%98%80', 400],
    ['a country that does not exist', 'method=sms&agreement=on&phone=13800138000&country=0', 400],
    ['a country that is not served', 'method=sms&agreement=on&phone=51234567&country=852', 400],
    ['constructor keys', '__proto__[x]=1&constructor=2&method=sms', 400],
  ] as const)('the login form refuses %s', async (_, body, status) => {
    const visitor = world.visitor()
    const page = await loginPage(visitor)
    const before = await counts()
    expect((await postRaw(visitor, page.url.pathname, body)).status).toBe(status)
    expect(await counts()).toEqual(before)
  })

  /** The visitor's cookies with a body of bytes. */
  function postRaw(visitor: Visitor, path: string, body: string | Buffer) {
    return raw('POST', path, body, { cookie: visitor.cookieHeader(path), 'sec-fetch-site': 'same-origin' })
  }

  test('only a form is read as a form', async () => {
    const visitor = world.visitor()
    const page = await loginPage(visitor)
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
      const answer = await raw('POST', page.url.pathname, '{"method":"sms"}', {
        cookie: visitor.cookieHeader(page.url.pathname),
        'content-type': type,
      })
      expect(answer.status).toBe(415)
    }
  })

  test('a post that another site sends is refused', async () => {
    const visitor = world.visitor()
    const page = await loginPage(visitor)
    const form = { method: 'sms', phone: '13800138000', agreement: 'on' }
    expect((await visitor.post(page.url, form, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await visitor.post(page.url, form, { 'sec-fetch-site': '', origin: 'https://evil.example' })).status).toBe(
      403,
    )
  })

  test('a forged, a foreign and a missing cookie end on a page that tells nothing of the request', async () => {
    const victim = world.visitor()
    const page = await loginPage(victim)
    const attacker = world.visitor()
    expect((await attacker.get(page.url)).status).toBe(400)
    attacker.setCookie('menshen_interaction', page.url.pathname.split('/').pop() ?? '')
    attacker.setCookie('menshen_interaction.sig', 'x'.repeat(27))
    const forged = await attacker.get(page.url)
    expect(forged.status).toBe(400)
    expect(forged.text).toContain('attempt.expired')
    expect(forged.text).not.toContain('/auth?')
    const own = world.visitor()
    await loginPage(own)
    expect((await own.get(page.url)).status).toBe(400)
    const session = world.visitor()
    session.setCookie('menshen_session', 'x'.repeat(43))
    session.setCookie('menshen_session.sig', 'x'.repeat(27))
    expect((await session.follow(await session.get(startLogin(world, 'plain', redirectUri)))).status).toBe(200)
  })

  test('a login page opened in another tab does not mix with the first', async () => {
    const visitor = world.visitor()
    const first = await loginPage(visitor)
    const second = await loginPage(visitor)
    expect(first.url.pathname).not.toBe(second.url.pathname)
    await visitor.post(first.url, { method: 'sms', phone: '13800138011', agreement: 'on' })
    const answer = await visitor.post(second.url, {
      method: 'sms',
      otp: await world.otp('+8613800138011'),
      agreement: 'on',
    })
    expect(answer.location ?? '').not.toContain('/auth/')
  })

  test('headers of strangers change neither issuer nor links nor addresses', async () => {
    const answer = await raw('GET', '/.well-known/openid-configuration', '', {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '8.8.8.8',
    })
    expect(answer.text).not.toContain('evil')
    expect(JSON.parse(answer.text)).toMatchObject({ issuer: world.issuer, token_endpoint: `${world.issuer}/token` })
    const denied = await raw('GET', '/auth?client_id=plain', '', { host: 'evil.example', 'x-forwarded-for': '8.8.8.8' })
    expect(denied.text).not.toContain('evil')
    expect(world.log.at(-1)).not.toContain('8.8.8')
  })

  test('headers that are too long, and bytes that are no HTTP, are cut off', async () => {
    const long = await raw('GET', '/livez', '', { 'x-long': 'x'.repeat(20_000) })
    expect(long.status).toBe(431)
    const garbage = await new Promise<string>((resolve) => {
      const socket = connect(world.port, '127.0.0.1', () => socket.end('\x00\x01 not http\r\n\r\n'))
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('close', () => resolve(text))
    })
    expect(garbage).toMatch(/^HTTP\/1\.1 400/)
    expect((await raw('GET', '/livez')).status).toBe(200)
  })

  test('emoji and long words are fine in a name of a person, and stay what they are', async () => {
    const visitor = world.visitor()
    const page = await loginPage(visitor)
    const registered = await visitor.post(page.url, {
      method: 'register',
      identifier: '门神用户_01',
      new_password: '😀 a long enough phrase 门神',
      agreement: 'on',
    })
    expect(registered.status).toBe(303)
    const refused = world.visitor()
    const other = await loginPage(refused)
    const answer = await refused.post(other.url, {
      method: 'register',
      identifier: '😀😀😀',
      new_password: 'a long enough phrase',
      agreement: 'on',
    })
    expect(answer.status).toBe(400)
  })

  describe('whatever is sent', () => {
    const names = fc.constantFrom(
      'method',
      'phone',
      'country',
      'otp',
      'identifier',
      'password',
      'new_password',
      'agreement',
      'resend',
      'choice',
      'scope',
      'form_token',
      'xsrf',
      'logout',
      'user_code',
      'confirm',
      'abort',
      'kind',
    )
    const methods = fc.constantFrom('sms', 'password', 'register', 'reset')
    const anyForm = fc.array(fc.tuple(names, hostile), { maxLength: 8 })
    const encode = (pairs: readonly (readonly [string, string])[]) =>
      pairs.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`).join('&')
    const isClear = ({ status }: { status: number }) => status < 500

    test('a login form never fails inside', async () => {
      const visitor = world.visitor()
      const page = await loginPage(visitor)
      await fc.assert(
        fc.asyncProperty(methods, anyForm, async (method, pairs) => {
          const body = encode([['method', method], ['agreement', 'on'], ...pairs.filter(([name]) => name !== 'choice')])
          return isClear(await postRaw(visitor, page.url.pathname, body))
        }),
        { numRuns: 150 },
      )
    })

    test('neither does any other form or JSON endpoint', async () => {
      const visitor = world.visitor()
      await loginBySms(world, visitor, startLogin(world, 'plain', redirectUri), '13800138099')
      const paths = fc.constantFrom(
        '/account/password',
        '/session/end/confirm',
        '/device',
        '/token',
        '/request',
        '/token/introspection',
        '/token/revocation',
        '/device/auth',
        '/me',
        '/interaction/x',
        '/auth',
      )
      const parameters = fc.constantFrom(
        'grant_type',
        'client_id',
        'client_secret',
        'code',
        'code_verifier',
        'redirect_uri',
        'refresh_token',
        'token',
        'scope',
        'resource',
        'request',
        'request_uri',
        'claims',
        'response_type',
        'prompt',
        'max_age',
        'device_code',
        'state',
        'offline',
      )
      const values = fc.oneof(
        hostile,
        fc.constantFrom(
          'plain',
          'web',
          'backend',
          'refresh_token',
          'authorization_code',
          'client_credentials',
          'openid',
          'code',
        ),
      )
      const form = fc.array(fc.tuple(fc.oneof(parameters, names), values), { maxLength: 10 })
      await fc.assert(
        fc.asyncProperty(paths, form, async (path, pairs) => isClear(await postRaw(visitor, path, encode(pairs)))),
        { numRuns: 300 },
      )
    })

    test('nor any address', async () => {
      const visitor = world.visitor()
      const parameter = fc.constantFrom(
        'client_id',
        'redirect_uri',
        'scope',
        'state',
        'claims',
        'ui_locales',
        'lang',
        'method',
        'kind',
        'id_token_hint',
        'post_logout_redirect_uri',
        'user_code',
        'login_hint',
        'request',
        'resource',
        'acr_values',
        'to',
      )
      const paths = fc.constantFrom(
        '/auth',
        '/session/end',
        '/device',
        '/account',
        '/account/password',
        '/account/return',
        '/interaction/x',
        '/me',
        '/sandbox/outbox',
        '/',
      )
      const query = fc.array(fc.tuple(parameter, hostile), { maxLength: 6 })
      await fc.assert(
        fc.asyncProperty(paths, query, async (path, pairs) => {
          const search = encode(pairs)
          if (search.includes('%00')) return true
          return isClear(await visitor.get(`${path}?client_id=plain&${search}`))
        }),
        { numRuns: 300 },
      )
    })
  })

  test('after all this the server is well', async () => {
    expect((await raw('GET', '/readyz')).status).toBe(200)
    const failures = world.log.filter((line) => line.includes('"level":"error"'))
    expect(failures).toEqual([])
  })
})
