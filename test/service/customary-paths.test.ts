import { request as httpRequest, type IncomingMessage } from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formToken } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients: [...clients], resources })
})
afterAll(() => world?.close())

interface Got {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** As a client that unpacks nothing by itself. */
function get(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${world.issuer}${path}`, { method, headers }, async (response) => {
      const parts: Buffer[] = []
      for await (const part of response) parts.push(part as Buffer)
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) })
    })
    request.on('error', reject).end()
  })
}

describe('what every host is asked for', () => {
  test.each([
    ['/favicon.ico', 'image/x-icon', [0, 0, 1, 0]],
    ['/apple-touch-icon.png', 'image/png', [0x89, 0x50, 0x4e, 0x47]],
    ['/apple-touch-icon-precomposed.png', 'image/png', [0x89, 0x50, 0x4e, 0x47]],
  ])('%s is a picture that may be kept for a day', async (path, type, begins) => {
    const { status, headers, body } = await get(path)
    expect([status, headers['content-type']]).toEqual([200, type])
    expect([...body.subarray(0, 4)]).toEqual(begins)
    expect(headers['cache-control']).toBe('public, max-age=86400')
    expect(headers['content-encoding']).toBeUndefined()
    expect((await get(path, { 'if-none-match': headers.etag ?? '' })).status).toBe(304)
  })

  test('robots.txt keeps crawlers away', async () => {
    const { status, headers, body } = await get('/robots.txt')
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8'])
    expect(body.toString()).toBe('User-agent: *\nDisallow: /\n')
  })

  test('a password manager is led to the page that changes the password, and knows that it may believe that', async () => {
    const { status, headers } = await get('/.well-known/change-password')
    expect([status, headers.location]).toEqual([303, '/account/password'])
    const none = await get('/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200')
    expect(none.status).toBe(404)
    const visitor = world.visitor()
    await loginBySms(world, visitor, startLogin(world, 'web', redirectUri), '13300230001')
    const page = await visitor.follow(await visitor.get('/.well-known/change-password'))
    expect(page.text).toContain('name="new_password"')
  })

  test('a picture or style that is not there is not there in one line', async () => {
    for (const path of ['/assets/nothing.css', '/assets/../assets/x.png', '/assets/']) {
      const { status, headers, body } = await get(path, { accept: 'text/html' })
      expect([path, status, headers['content-type']]).toEqual([path, 404, 'text/plain; charset=utf-8'])
      expect([headers['cache-control'], body.toString()]).toEqual(['no-store', 'Not found\n'])
    }
  })
})

describe('discovery and keys', () => {
  test.each(['/jwks', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'])(
    '%s is answered by the bytes in memory as by the library, with an id, a line and a count',
    async (path) => {
      await get(path)
      world.log.length = 0
      // What has a query is asked of the library's router.
      const [direct, routed] = [await get(path), await get(`${path}?x=1`)]
      const told = ({ status, headers: { date: _, 'x-request-id': id, ...headers }, body }: Got) => {
        expect(id).toMatch(/^[\w-]{12}$/)
        return { status, headers, body }
      }
      expect(told(direct)).toEqual(told(routed))
      const lines = world.log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request')
      expect(lines.map(({ request_id: id }) => id)).toEqual(
        [direct, routed].map(({ headers }) => headers['x-request-id']),
      )
      const [first, second] = lines.map(({ time: _t, request_id: _r, duration_ms: _d, ...line }) => line)
      expect(first).toEqual(second)
      expect((await get(path, { 'if-none-match': direct.headers.etag ?? '' })).status).toBe(304)
      expect((await get(path, {}, 'POST')).status).toBe(405)
    },
  )
})

describe('packed for the way', () => {
  const paths = ['/assets/menshen.css', '/assets/menshen.js', '/assets/logo.svg', '/openapi.json', '/jwks']

  test.each([...paths, '/.well-known/openid-configuration', '/sandbox/demo.css'])(
    '%s comes in the form that is asked for, each with a tag of its own',
    async (path) => {
      const [plain, br, gzip] = await Promise.all([
        get(path),
        get(path, { 'accept-encoding': 'gzip, deflate, br' }),
        get(path, { 'accept-encoding': 'gzip' }),
      ])
      expect([plain, br, gzip].map(({ headers }) => headers['content-encoding'])).toEqual([undefined, 'br', 'gzip'])
      expect(brotliDecompressSync(br.body)).toEqual(plain.body)
      expect(gunzipSync(gzip.body)).toEqual(plain.body)
      expect(br.body.length).toBeLessThan(plain.body.length)
      expect(new Set([plain, br, gzip].map(({ headers }) => headers.etag)).size).toBe(3)
      for (const { headers, body } of [plain, br, gzip]) {
        expect(headers.vary).toBe('Accept-Encoding')
        expect(headers['content-length']).toBe(String(body.length))
        expect(headers['content-type']).toBe(plain.headers['content-type'])
      }
    },
  )

  test('a tag is known for its own form only, also after a proxy has made it weak', async () => {
    const path = '/assets/menshen.css'
    const packed = { 'accept-encoding': 'br' }
    const { etag = '' } = (await get(path, packed)).headers
    expect((await get(path, { ...packed, 'if-none-match': etag })).status).toBe(304)
    expect((await get(path, { ...packed, 'if-none-match': `"other", W/${etag}` })).status).toBe(304)
    expect((await get(path, { ...packed, 'if-none-match': '*' })).status).toBe(304)
    const other = await get(path, { 'if-none-match': etag })
    expect([other.status, other.headers['content-encoding']]).toEqual([200, undefined])
    const head = await get(path, packed, 'HEAD')
    expect([head.headers.etag, head.body.length]).toEqual([etag, 0])
  })

  test('the login page is packed, and its whole weight is below 8 KB', async () => {
    const accept = { 'accept-encoding': 'gzip, deflate, br', accept: 'text/html' }
    const visitor = world.visitor()
    const begun = await visitor.get(startLogin(world, 'web', redirectUri))
    const cookie = [begun.headers['set-cookie'] ?? []].flat().map((each) => each.split(';')[0])
    const page = await get(new URL(begun.location ?? '', world.issuer).pathname, {
      ...accept,
      cookie: cookie.join('; '),
    })
    expect([page.status, page.headers['content-encoding']]).toEqual([200, 'br'])
    expect(page.headers.vary).toContain('Accept-Encoding')
    const html = brotliDecompressSync(page.body).toString()
    const files = [...new Set([...html.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? ''))]
    expect(files.length).toBeGreaterThan(2)
    const loaded = await Promise.all(files.map((path) => get(path, accept)))
    const [packed, plain] = [
      loaded.reduce((sum, { body }) => sum + body.length, page.body.length),
      (await Promise.all(files.map((path) => get(path)))).reduce((sum, { body }) => sum + body.length, html.length),
    ]
    expect(packed).toBeLessThan(8 * 1024)
    expect(plain).toBeLessThan(30 * 1024)
  })

  test('a page of somebody who is signed in is sent as it is, and its token is written differently each time', async () => {
    const visitor = world.visitor()
    await loginBySms(world, visitor, startLogin(world, 'web', redirectUri), '13300230002')
    await visitor.get('/account')
    const pages = [await visitor.get('/account/profile'), await visitor.get('/account/profile')]
    const [one, other] = pages.map(formToken)
    expect(one).not.toBe(other)
    for (const token of [one, other]) {
      const saved = await visitor.post('/account/profile', { nickname: '小门', form_token: token ?? '' })
      expect(saved.status).toBe(303)
    }
    const refused = await visitor.post('/account/profile', { nickname: '小门', form_token: `${one}x`.slice(1) })
    expect(refused.status).toBe(403)
  })

  test('an error is packed as a page, and as JSON it is not', async () => {
    const error = await get('/nowhere', { 'accept-encoding': 'gzip', accept: 'text/html' })
    expect([error.status, error.headers['content-encoding']]).toEqual([404, 'gzip'])
    expect(gunzipSync(error.body).toString()).toContain('<h1>')
    const json = await get('/nowhere', { 'accept-encoding': 'gzip', accept: 'application/json' })
    expect(json.headers['content-encoding']).toBeUndefined()
    expect(JSON.parse(json.body.toString())).toMatchObject({ message_key: 'errors.request.not_found' })
  })
})
