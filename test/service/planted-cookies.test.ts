import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { type Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const initiateLoginUri = 'https://shop.example.com/login?from=menshen'

describe.each(['redis', 'tables'] as const)('an interaction of another browser, short-lived values in %s', (stores) => {
  let world: World

  beforeAll(async () => {
    world = await openWorld({ stores })
    const common = { token_endpoint_auth_method: 'none', first_party: true, redirect_uris: [redirectUri] }
    await world.register({
      clients: [
        ...clients,
        { ...common, client_id: 'shop', client_uri: 'https://shop.example.com/', initiate_login_uri: initiateLoginUri },
        { ...common, client_id: 'pushing', client_uri: 'https://pushing.example.com/' },
      ],
      resources,
    })
  })
  afterAll(() => world.close())

  const start = (client = 'plain', more: Record<string, string> = {}) => startLogin(world, client, redirectUri, more)
  const uidOf = ({ url }: Answer) => url.pathname.split('/')[2] ?? ''
  /** What the browsers' own cookie is called here. */
  const isOwn = (name: string) => name.startsWith('menshen_browser_')

  /** Writes what a sibling domain can write: the cookies of this interaction, all but the one only this host may set. */
  function plant(from: Visitor, into: Visitor, path: string): void {
    for (const pair of from.cookieHeader(path).split('; ')) {
      const [name = '', value = ''] = pair.split('=')
      if (!isOwn(name) && !name.startsWith('menshen_session')) into.setCookie(name, value, path)
    }
  }

  async function codeFor(visitor: Visitor, page: Answer, phone: string): Promise<Answer> {
    await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
    return visitor.post(page.url, { method: 'sms', otp: await world.otp(`+86${phone}`) })
  }

  test('its cookies, planted, show nothing of it and take nothing for it', async () => {
    const attacker = world.visitor()
    const page = await reachLogin(attacker, start())
    for (const victim of [world.visitor(), world.visitor()]) {
      // The second one has a login of their own under way.
      await reachLogin(victim, start())
      plant(attacker, victim, page.url.pathname)
      expect(victim.cookieHeader(page.url.pathname)).toContain(`menshen_interaction=${uidOf(page)}`)
      const answers = [
        await victim.get(page.url),
        await victim.get(`${page.url.pathname}?method=password`),
        await victim.get(`${page.url.pathname}/callback?handle=any`),
        await victim.post(page.url, { method: 'sms', phone: '13800138000', agreement: 'on' }),
        await victim.post(page.url, { choice: 'cancel' }),
        await victim.post(page.url, { choice: 'allow' }),
      ]
      for (const { status, text } of answers) {
        expect(status).toBe(400)
        expect(text).toContain('attempt.expired')
      }
    }
    expect((await attacker.get(page.url)).status).toBe(200)
  })

  test('white space in front of a cookie’s name is a part of it', async () => {
    const attacker = world.visitor()
    const page = await reachLogin(attacker, start())
    const { pathname } = page.url
    const victim = world.visitor()
    plant(attacker, victim, pathname)
    // What a sibling domain may set, because for the browser this is no name that begins with `__Host-`.
    const own = attacker.cookieHeader(pathname).split('; ').find(isOwn) ?? ''
    const header = (space: string) => ({ cookie: `${victim.cookieHeader(pathname)}; ${space}${own}` })
    for (const space of ['\u00a0', '\u0085', '\t', '\u00c2\u00a0']) {
      expect((await victim.get(page.url, header(space))).status).toBe(400)
    }
    expect((await victim.get(page.url, header(''))).status).toBe(200)
  })

  test('a finished login, planted, signs nobody in', async () => {
    const attacker = world.visitor()
    const page = await reachLogin(attacker, start())
    const { location = '' } = await codeFor(attacker, page, '13700139001')
    const resume = new URL(location, world.issuer).pathname
    const victim = world.visitor()
    plant(attacker, victim, resume)
    const answer = await victim.get(location)
    expect(answer.status).toBe(400)
    expect(victim.cookies().filter((name) => name.startsWith('menshen_session'))).toEqual([])
    expect((await attacker.get(location)).location).toContain('code=')
  })

  test('a device that somebody else is about to let in is let in by nobody', async () => {
    const response = await fetch(`${world.issuer}/device/auth`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'tv', scope: 'openid' }),
    })
    const { user_code: userCode, verification_uri: address } = (await response.json()) as Record<string, string>
    const attacker = world.visitor()
    const xsrf = (answer: Answer) => /name="xsrf" value="([^"]+)"/.exec(answer.text)?.[1] ?? ''
    const form = await attacker.get(address ?? '')
    const asked = await attacker.post('/device', { xsrf: xsrf(form), user_code: userCode ?? '' })
    const confirm = { xsrf: xsrf(asked), user_code: userCode ?? '', confirm: 'yes' }
    const page = await attacker.follow(await attacker.post('/device', confirm))
    expect(page.status).toBe(200)
    const victim = world.visitor()
    plant(attacker, victim, page.url.pathname)
    expect((await victim.post(page.url, { method: 'sms', phone: '13700139002', agreement: 'on' })).status).toBe(400)
    const { location = '' } = await codeFor(attacker, page, '13700139003')
    plant(attacker, victim, new URL(location, world.issuer).pathname)
    expect((await victim.get(location)).status).toBe(400)
    expect((await attacker.get(location)).status).toBe(200)
  })

  test('what a server of the earlier version began begins again', async () => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const { store, sealer } = world.app.core
    const key = `oidc:Interaction:${sealer.mac('ephemeral_key', uidOf(page))}`
    const { browser, ...before } = JSON.parse(sealer.open((await store.get<string>(key)) ?? '', 'Interaction'))
    expect(browser).toBeDefined()
    await store.set(key, sealer.seal(JSON.stringify(before), 'Interaction'), 600)
    expect((await visitor.get(page.url)).status).toBe(400)
  })

  test('logins that begin at once in a browser without cookies all end well', async () => {
    for (let round = 0; round < 5; round++) {
      const visitor = world.visitor()
      const begun = await Promise.all(['plain', 'web', 'shop'].map((client) => visitor.get(start(client))))
      expect(visitor.cookies().filter(isOwn)).toHaveLength(3)
      const pages = await Promise.all(begun.map((answer) => visitor.follow(answer)))
      expect(pages.map(({ status }) => status)).toEqual([200, 200, 200])
      for (const [index, page] of pages.entries()) {
        const { location = '' } = await codeFor(visitor, page, `137001391${round}${index}`)
        expect(location).toContain('/auth/')
      }
      await reachLogin(visitor, start())
      expect(visitor.cookies().filter(isOwn)).toHaveLength(3)
    }
  })

  const secrets = { state: 'a-state-of-the-client', nonce: 'a-nonce-of-the-client', login_hint: '13800138000' }
  const told = (text: string) => [...Object.values(secrets), 'code_challenge'].filter((each) => text.includes(each))

  test('the name of an interaction alone tells nothing of its request', async () => {
    const owner = world.visitor()
    const page = await reachLogin(owner, start('shop', secrets))
    const stranger = world.visitor()
    const planted = world.visitor()
    await reachLogin(planted, start())
    plant(owner, planted, page.url.pathname)
    for (const { status, text } of [
      await stranger.get(page.url),
      await stranger.post(page.url, { method: 'sms' }),
      await stranger.get(`${page.url.pathname}/callback`),
      await planted.get(page.url),
    ]) {
      expect(status).toBe(400)
      expect(told(text)).toEqual([])
      expect(text).not.toContain('/auth?')
    }
  })

  test('its own browser begins the same request again, but for what it said about a person', async () => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start('shop', secrets))
    visitor.setCookie('menshen_interaction', '', page.url.pathname)
    const over = await visitor.get(page.url)
    expect(over.status).toBe(400)
    const [, href = ''] = /href="(\/auth\?[^"]+)"/.exec(over.text) ?? []
    const again = new URL(href.replaceAll('&#38;', '&'), world.issuer).searchParams
    expect(again.get('state')).toBe(secrets.state)
    expect(again.get('nonce')).toBe(secrets.nonce)
    expect(again.has('login_hint')).toBe(false)
    expect(again.has('id_token_hint')).toBe(false)
  })

  test('a request that is over leads to the client, where it says how a login begins', async () => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start('shop', secrets))
    await visitor.follow(await codeFor(visitor, page, '13700139004'))
    const over = await visitor.get(page.url)
    expect(over.status).toBe(400)
    expect(told(over.text)).toEqual([])
    expect(over.text).toContain(
      `https://shop.example.com/login?from=menshen&#38;iss=${encodeURIComponent(world.issuer)}`,
    )
    expect(over.text).toContain('href="https://shop.example.com/"')
    expect((await world.visitor().get(page.url)).text).not.toContain('shop.example.com')
  })

  test('what a client has pushed past the browser is not put into an address', async () => {
    const pushed = await fetch(`${world.issuer}/request`, {
      method: 'POST',
      body: start('pushing', secrets).searchParams,
    })
    const { request_uri: requestUri = '' } = (await pushed.json()) as Record<string, string>
    const visitor = world.visitor()
    const url = new URL('/auth', world.issuer)
    url.search = new URLSearchParams({ client_id: 'pushing', request_uri: requestUri }).toString()
    const page = await reachLogin(visitor, url)
    visitor.setCookie('menshen_interaction', '', page.url.pathname)
    const over = await visitor.get(page.url)
    expect(told(over.text)).toEqual([])
    expect(over.text).toContain('href="https://pushing.example.com/"')
  })

  test('somebody else’s account, chosen at the consent page, is not asked for by the hints of the first', async () => {
    const visitor = world.visitor()
    await loginBySms(world, visitor, start(), '13700139005')
    const third = startLogin(world, 'third', 'https://third.example.com/callback', { login_hint: '13800138000' })
    const consent = await visitor.follow(await visitor.get(third))
    const other = await visitor.follow(await visitor.post(consent.url, { choice: 'switch' }))
    expect(other.text).toContain('<h1>登录其他账号</h1>')
    expect(other.text).not.toContain('13800138000')
    expect(other.url.href).not.toContain('login_hint')
  })
})

test('an abandoned request is kept once, and for an hour', async () => {
  const world = await openWorld({ stores: 'tables' })
  try {
    await world.register({ clients, resources })
    await reachLogin(world.visitor(), startLogin(world, 'plain', redirectUri, { state: 's'.repeat(500) }))
    const { knex } = world.database.database
    const rows: { key: string; expires_at_ms: string }[] = await knex('ephemeral').whereNot('key', 'like', 'limit%')
    expect(rows.map(({ key }) => key.split(':').slice(0, 2).join(':'))).toEqual(['oidc:Interaction'])
    for (const { expires_at_ms: at } of rows) expect(Number(at) - Date.now()).toBeLessThanOrEqual(3_600_000)
  } finally {
    await world.close()
  }
})

test('over https the cookie of a browser is one that only this host can set', async () => {
  const issuer = 'https://id.example.com'
  const world = await openWorld({ env: { ISSUER: issuer, MENSHEN_SANDBOX_EXPOSED: 'true' } })
  try {
    await world.register({ clients, resources })
    const visitor = new Visitor(issuer, world.port)
    const begun = await visitor.get(startLogin({ issuer }, 'plain', redirectUri))
    const lines = [begun.headers['set-cookie'] ?? []].flat()
    const own = lines.filter((line) => line.startsWith('__Host-menshen_browser_'))
    expect(own).toHaveLength(1)
    expect(own[0]).toMatch(
      /^__Host-menshen_browser_[0-9a-f]{6}=[\w-]{22}; path=\/; expires=[^;]+; samesite=lax; secure; httponly$/i,
    )
    expect((await visitor.follow(begun)).status).toBe(200)
    visitor.setCookie(own[0]?.split('=')[0] ?? '', 'x'.repeat(22))
    expect((await visitor.get(new URL(begun.location ?? '', issuer))).status).toBe(400)
  } finally {
    await world.close()
  }
})
