import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { reachLogin, startLogin } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { leaveFor } from '../support/upstream.ts'
import { openUpstreams, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const home = 'https://shop.example.com/'

describe.each(['redis', 'tables'] as const)('an answer of an upstream, short-lived values in %s', (stores) => {
  let world: World
  let upstreams: Upstreams

  beforeAll(async () => {
    const port = await freePort()
    upstreams = await openUpstreams(`http://localhost:${port}`)
    world = await openWorld({ stores, port, env: upstreams.env(['github', 'qq']) })
    const withHome = { ...clients.find(({ client_id }) => client_id === 'plain'), client_id: 'home', client_uri: home }
    await world.register({ clients: [...clients, withHome] as never, resources })
  })
  afterAll(async () => {
    await world?.close()
    await upstreams?.close()
  })

  async function callbackFor(visitor: Visitor, person: number, client = 'plain'): Promise<string> {
    const page = await reachLogin(visitor, startLogin(world, client, redirectUri))
    return upstreams.github.authorize(person, await leaveFor(visitor, page, 'github'))
  }

  /** Makes the account, so that later logins lead to the app at once. */
  async function known(person: number): Promise<void> {
    const visitor = world.visitor()
    const choose = await visitor.follow(await visitor.get(await callbackFor(visitor, person)))
    await visitor.follow(await visitor.post(choose.url.pathname, { choice: 'new' }))
  }
  const isIn = (answer: Answer) => answer.location?.startsWith(redirectUri) && answer.location.includes('code=')

  test('that lands in another browser is told so, leads on, and still works where it belongs', async () => {
    await known(1001)
    const [visitor, other] = [world.visitor(), world.visitor()]
    const callback = await callbackFor(visitor, 1001, 'home')
    const landed = await other.follow(await other.get(callback))
    expect(landed.status).toBe(400)
    expect(landed.text).toContain('attempt.elsewhere')
    expect(landed.text).toContain('另一个浏览器')
    expect(landed.text).toContain(`href="${home}"`)
    // The request is the other browser's: it is not repeated here.
    expect(landed.text).not.toContain('code_challenge')
    expect(isIn(await visitor.follow(await visitor.get(callback)))).toBe(true)
  })

  test('that lands in another browser leads to the account where the app has no page', async () => {
    const [visitor, other] = [world.visitor(), world.visitor()]
    const landed = await other.follow(await other.get(await callbackFor(visitor, 1002)))
    expect(landed.text).toContain('attempt.elsewhere')
    expect(landed.text).toContain('href="/account"')
  })

  test('that was used where it belongs is over everywhere else', async () => {
    await known(1003)
    const [visitor, other] = [world.visitor(), world.visitor()]
    const callback = await callbackFor(visitor, 1003)
    expect(isIn(await visitor.follow(await visitor.get(callback)))).toBe(true)
    const late = await other.follow(await other.get(callback))
    expect(late.status).toBe(400)
    expect(late.text).toContain('本次登录已过期或已完成')
    expect(late.text).not.toContain('您已登录')
  })

  test('without a state gets a page that says so and leads on', async () => {
    for (const query of ['', '?code=abc', '?state=', '?usercancel=1']) {
      const answer = await world.visitor().get(`/callback/qq${query}`)
      expect(answer.status).toBe(400)
      expect(answer.text).toContain('attempt.stateless')
      expect(answer.text).toContain('href="/account"')
    }
    const madeUp = await world.visitor().get('/callback/qq?code=abc&state=nobody')
    expect(madeUp.text).toContain('attempt.expired')
    expect(madeUp.text).toContain('href="/account"')
  })

  test('that comes again after it was followed to the end says that the person is signed in, and leads to the app', async () => {
    await known(1004)
    const visitor = world.visitor()
    const callback = await callbackFor(visitor, 1004, 'home')
    expect(isIn(await visitor.follow(await visitor.get(callback)))).toBe(true)
    const again = await visitor.follow(await visitor.get(callback))
    expect(again.status).toBe(200)
    expect(again.text).toContain('您已登录')
    expect(again.text).toContain(`href="${home}"`)
    expect(again.text).not.toContain('invalid_request')
  })

  test('that comes twice, with both followed to the end at once, ends twice well', async () => {
    await known(1005)
    const visitor = world.visitor()
    const callback = await callbackFor(visitor, 1005)
    const landed = await Promise.all([visitor.get(callback), visitor.get(callback)])
    const ends = await Promise.all(landed.map((answer) => visitor.follow(answer)))
    expect(ends.some(isIn)).toBe(true)
    for (const end of ends) {
      expect(isIn(end) || end.text.includes('您已登录'), `${end.status} ${end.text}`).toBe(true)
    }
  })
})
