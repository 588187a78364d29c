import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { libraryMethods } from '../../src/http/library-methods.ts'
import { signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { reachLogin, startLogin } from '../support/login.ts'
import { formType, type RawAnswer, sendRaw, sendTruncated } from '../support/raw.ts'
import { type Route, routesOf } from '../support/routes.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

/** Every name a form of ours or the library's has, so that each case reaches whatever reads it. */
const names =
  'method phone country otp identifier password new_password agreement resend choice scope form_token xsrf logout user_code confirm abort nickname avatar device identity provider kind token token_type_hint grant_type client_id client_secret code code_verifier redirect_uri refresh_token device_code auth_session state response_type code_challenge code_challenge_method request request_uri claims login_hint id_token_hint post_logout_redirect_uri resource upstream_code phone_code carrier_token vendor connection'.split(
    ' ',
  )
const form = (value: string) => names.map((name) => `${name}=${value}`).join('&')
const long = 'x'.repeat(65_536)
const surrogate = Buffer.concat([Buffer.from('method=sms&form_token='), Buffer.from([0xed, 0xa0, 0x80])])

/** It takes a form with a file, and reads nothing before it knows who sends it. */
const ofFiles = '/account/profile/picture'

interface Case {
  readonly body: string | Buffer
  readonly type?: string
  /** What everybody answers who reads this body as a form. */
  readonly status?: number
}

const cases: Readonly<Record<string, Case>> = {
  nothing: { body: '' },
  'plain values': { body: form('1') },
  'letters that are not ASCII': { body: form('%C3%A9') },
  'as many letters as a token has': { body: form('%C3%A9'.repeat(43)) },
  NUL: { body: form('%00') },
  'half a surrogate pair, escaped': { body: form('%ED%A0%80') },
  'half a surrogate pair, as bytes': { body: surrogate },
  'bytes that are no UTF-8': { body: Buffer.from([0x6d, 0x3d, 0xff, 0xfe, 0x26, 0xc3]) },
  'a broken escape': { body: form('%zz') },
  'names twice': { body: `${form('1')}&${form('2')}` },
  'names of lists': { body: names.map((name) => `${name}[]=1&${name}[a]=2`).join('&') },
  'names of objects': { body: '__proto__=1&constructor=2&toString=3&__proto__[x]=4' },
  'a field of 64 KB': { body: `method=sms&user_code=${long}`, status: 413 },
  'many fields of 64 KB': { body: form(long), status: 413 },
  JSON: { body: '{"method":["sms"]}', type: 'application/json' },
  text: { body: 'method=sms', type: 'text/plain' },
  'parts without end': { body: '--x\r\ncontent-disposition: form-data', type: 'multipart/form-data; boundary=x' },
  'no type': { body: 'method=sms', type: '' },
  'another charset': { body: Buffer.from('method=sms', 'utf16le'), type: `${formType}; charset=utf-16le` },
  'a charset nobody knows': { body: form('1'), type: `${formType}; charset=nonsense` },
}

describe.each(['redis', 'tables'] as const)('every form, with %s', (stores) => {
  let world: World
  let posts: Route[]
  let all: Route[]
  let member: Visitor
  let interaction: string

  beforeAll(async () => {
    const env = { MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1, "::1"]' }
    const { built, routes } = await routesOf(() => openWorld({ stores, env }))
    world = built
    all = routes
    posts = routes.filter(({ method, path }) => method === 'POST' && !path.startsWith('/sandbox'))
    await world.register({ clients, resources })
    member = await signedIn(world, redirectUri, '13900139001')
    const { url } = await reachLogin(member, startLogin(world, 'plain', redirectUri, { prompt: 'login' }))
    interaction = url.pathname.split('/')[2] ?? ''
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  const tables = ['users', 'identities', 'identity_subjects', 'passwords', 'clients', 'oidc_records', 'audit_events']
  const stored = async () => {
    const { knex } = world.database.database
    const rows = await Promise.all(tables.map((table) => knex(table).count('* as count').first()))
    return Object.fromEntries(tables.map((table, index) => [table, Number(rows[index]?.['count'])]))
  }

  const pathOf = ({ path }: Route) => path.replace(':uid', interaction).replace(':connection', 'github')
  let sent = 0
  function post(route: Route, { body, type = formType }: Case, headers: Record<string, string>): Promise<RawAnswer> {
    sent += 1
    // Each from a network of its own, so that no limit hides what is behind it.
    const address = { 'x-forwarded-for': `203.${sent % 250}.${Math.floor(sent / 250) % 250}.9` }
    const path = pathOf(route)
    return sendRaw(world.port, {
      method: 'POST',
      path,
      body,
      headers: { 'content-type': type, ...address, ...headers },
    })
  }

  /** Refused in words, on the way to a login or by GET: and never as a failure of ours. */
  function clear({ whose, path }: Route, what: string, { status, text, headers }: RawAnswer): string[] {
    const isSentToLogin =
      path.startsWith('/account') && status === 303 && String(headers['location']).startsWith('/auth?')
    const leadsTo = String(headers['location'])
    // What other sites may post is followed by the same request by GET, which says what is wrong with it.
    const isFollowed = ['/auth', '/session/end'].includes(path) && status === 303 && leadsTo.startsWith(`${path}?`)
    const isTold = /<!doctype html>.*<code>[a-z_.]+<\/code>/s.test(text) || /^\{"error":"[a-z_]+"/.test(text)
    if (isSentToLogin || isFollowed || (status >= 400 && status < 500 && isTold)) return []
    return [`${whose} ${path}, ${what}: ${status} ${text.slice(0, 100)}`]
  }

  async function failuresOf(headersOf: (route: Route) => Record<string, string>): Promise<string[]> {
    const failures: string[] = []
    for (const route of posts) {
      for (const [what, each] of Object.entries(cases)) {
        for (const accept of ['text/html', 'application/json']) {
          const headers = { accept, ...headersOf(route) }
          const answers = await Promise.all([post(route, each, headers), post(route, each, headers)])
          failures.push(...answers.flatMap((answer) => clear(route, what, answer)))
          const wanted = route.path === ofFiles ? undefined : each.status
          const wrong = answers.filter(({ status }) => wanted !== undefined && status !== wanted)
          failures.push(...wrong.map(({ status }) => `${route.path}, ${what}: ${status} instead of ${wanted}`))
        }
      }
    }
    return failures
  }
  const ownFailures = () => world.log.filter((line) => /"level":"(error|fatal)"/.test(line))
  const sameOrigin = { 'sec-fetch-site': 'same-origin' }

  test('is known by itself', () => {
    expect(posts.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        '/interaction/:uid',
        '/callback/:connection',
        '/account/password',
        '/authorize-challenge',
        '/identities',
        '/device',
        '/session/end/confirm',
        '/token',
      ]),
    )
    expect(posts.length).toBeGreaterThanOrEqual(18)
  })

  test('is refused in words without a cookie, and nothing is stored', async () => {
    const before = await stored()
    expect(await failuresOf(() => sameOrigin)).toEqual([])
    expect(await stored()).toEqual(before)
    expect(ownFailures()).toEqual([])
  })

  test('is refused in words with the cookies of another browser, and nothing is stored', async () => {
    const stranger = await signedIn(world, redirectUri, '13900139002')
    const own = await reachLogin(stranger, startLogin(world, 'plain', redirectUri, { prompt: 'login' }))
    const before = await stored()
    const cookies = stranger.cookieHeader(own.url.pathname)
    // Two browsers send what they have; neither has begun this interaction nor drawn one of these forms.
    expect(await failuresOf(() => ({ ...sameOrigin, cookie: cookies }))).toEqual([])
    expect(await stored()).toEqual(before)
    expect(ownFailures()).toEqual([])
  })

  test('is refused in words when it has lain for longer than anything lasts', async () => {
    await member.get('/device')
    await member.get('/session/end')
    walkTo(40 * 86_400_000)
    // What has ended is swept now, and not by a timer in between.
    await world.app.core.sweep()
    const before = await stored()
    const headersOf = (route: Route) => ({ ...sameOrigin, cookie: member.cookieHeader(pathOf(route)) })
    expect(await failuresOf(headersOf)).toEqual([])
    expect(await stored()).toEqual(before)
    expect(ownFailures()).toEqual([])
  })

  test('is no failure of ours when it ends in the middle', async () => {
    for (const route of posts) {
      expect(`${route.path} ${await sendTruncated(world.port, pathOf(route))}`).toMatch(/^\S+ (HTTP\/1\.1 [34]|$)/)
    }
    expect(ownFailures()).toEqual([])
  })

  test('an address that does not know the method says which it knows', async () => {
    const byPath = Map.groupBy(all, ({ path }) => path)
    for (const [path, known] of byPath) {
      if (path.startsWith('/sandbox') || path === '/authorize-challenge') continue
      const has = (method: string) => known.some((route) => route.method === method)
      const method = has('POST') ? 'GET' : 'POST'
      if (has(method) || (path === '/device/auth' && method === 'GET')) continue
      const { status, headers } = await sendRaw(world.port, { method, path: path.replace(/:\w+/, 'x') })
      // Of the library's only those with a fixed address are known to us.
      if (known[0]?.whose === 'library' && path.includes(':')) continue
      expect({ path, status, allow: headers['allow'] }).toEqual({
        path,
        status: 405,
        allow: expect.stringContaining(has('POST') ? 'POST' : has('DELETE') ? 'DELETE' : 'GET'),
      })
    }
    const fixed = all.filter(({ whose, path }) => whose === 'library' && !path.includes(':'))
    expect([...libraryMethods.keys()].sort()).toEqual([...new Set(fixed.map(({ path }) => path))].sort())
  })
})

describe('a person who comes too late', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients, resources })
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  test.each([
    ['the code of a device', '/device', { user_code: 'BBBB-BBBB' }, '/device'],
    ['a logout', '/session/end/confirm', { logout: 'yes' }, '/session/end'],
  ])('with %s is offered to begin again', async (_, path, fields, again) => {
    const visitor = world.visitor()
    await visitor.get(again)
    walkTo(11 * 60_000)
    const { status, text } = await visitor.post(path, { xsrf: 'x'.repeat(48), ...fields })
    expect(status).toBe(400)
    expect(text).toContain('<code>attempt.expired</code>')
    expect(text).toContain(`<a class="button" href="${again}">`)
    expect((await visitor.get(again)).status).toBe(200)
  })

  test('and with the form of another tab too, which is told apart from a code that is wrong', async () => {
    const visitor = world.visitor()
    const xsrf = async () => /name="xsrf" value="([^"]+)"/.exec((await visitor.get('/device')).text)?.[1] ?? ''
    const [first, second] = [await xsrf(), await xsrf()]
    const late = await visitor.post('/device', { xsrf: first, user_code: 'BBBB-BBBB' })
    expect(late.text).toContain('<code>attempt.expired</code>')
    const wrong = await visitor.post('/device', { xsrf: second, user_code: 'BBBB-BBBB' })
    expect(wrong.status).toBe(400)
    expect(wrong.text).toContain('name="user_code"')
  })
})
