import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { upstreamPeople } from '../../sandbox/people.ts'
import { startUpstreams } from '../../sandbox/upstreams.ts'
import { spaced } from '../../src/base/chinese-spacing.ts'
import { codeChallenge, reachLogin } from '../support/login.ts'
import { NativeApp } from '../support/native-app.ts'
import { startServer } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'
import { leaveFor } from '../support/upstream.ts'
import { type Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const insideWechat = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 MicroMessenger/8.0.50'

/** As the sandbox's demo page asks for a login. */
function startLogin(issuer: string): URL {
  const url = new URL('/auth', issuer)
  url.search = new URLSearchParams({
    client_id: 'sandbox-demo',
    redirect_uri: `${issuer}/sandbox/callback`,
    response_type: 'code',
    scope: 'openid',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
  }).toString()
  return url
}

/** Answers the simulator's page as this person; the answer is what the browser then does at our callback. */
async function agree(upstream: URL, person: string, visitor: Visitor, userAgent = 'test'): Promise<Answer> {
  const headers = { 'user-agent': userAgent }
  const page = await fetch(upstream, { headers })
  const shown = await page.text()
  expect(page.status, shown).toBe(200)
  expect(shown).toContain(`value="${person}"`)
  const body = new URLSearchParams({ person, decision: 'accept' })
  const answer = await fetch(upstream, { method: 'POST', headers, body, redirect: 'manual' })
  const location = answer.headers.get('location')
  if (location) return visitor.get(location)
  const html = await answer.text()
  const action = /action="([^"]+)"/.exec(html)?.[1] as string
  const fields = [...html.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [
    name,
    unescaped(value),
  ])
  return visitor.post(action, Object.fromEntries(fields), { 'sec-fetch-site': 'cross-site' })
}

function unescaped(text = ''): string {
  return text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code))).replaceAll('&quot;', '"')
}

describe('the sandbox of a server without connections', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ stores: 'tables' })
  })
  afterAll(() => world.close())

  test.each([
    ['wechat', 'lilei', '微信'],
    ['qq', 'hanmeimei', 'QQ'],
    ['weibo', 'lintao', '微博'],
    ['github', '1004', 'GitHub'],
    ['apple', 'zhangwei', 'Apple'],
    ['oidc', 'lilei', '公司账号'],
  ])('offers %s, and a login through it ends at the choose page', async (id, person, label) => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world.issuer))
    expect(page.text).toContain(`value="${id}"`)
    const upstream = await leaveFor(visitor, page, id)
    const choose = await visitor.follow(await agree(upstream, person, visitor))
    expect(choose.status, choose.text).toBe(200)
    expect(choose.text).toContain('value="new"')
    expect(choose.text).toContain(`<h1>${spaced(`该${label}尚未绑定账号`)}</h1>`)
    const binding = await visitor.get(`${choose.url.pathname}?method=sms`)
    expect(binding.text).toContain(spaced(`将该${label}绑定到账号`))
  })

  test('tells on the demo page how to look like the browser inside WeChat', async () => {
    expect((await world.visitor().get('/sandbox')).text).toContain('MicroMessenger/')
  })

  test('answers from another site for Apple', async () => {
    const visitor = world.visitor()
    const upstream = await leaveFor(visitor, await reachLogin(visitor, startLogin(world.issuer)), 'apple')
    expect(upstream.hostname).not.toBe(new URL(world.issuer).hostname)
  })

  test('knows a person again who came by QR code and comes back inside WeChat', async () => {
    const desktop = world.visitor()
    const byQr = await leaveFor(desktop, await reachLogin(desktop, startLogin(world.issuer)), 'wechat')
    const choose = await desktop.follow(await agree(byQr, 'hanmeimei', desktop))
    await desktop.follow(await desktop.post(choose.url.pathname, { choice: 'new' }))

    const phone = world.visitor()
    const headers = { 'user-agent': insideWechat }
    const page = await reachLogin(phone, startLogin(world.issuer))
    const left = await phone.post(page.url, { method: 'wechat', agreement: 'on' }, headers)
    const upstream = new URL(left.location ?? '')
    expect(upstream.pathname).toBe('/connect/oauth2/authorize')
    const back = await agree(upstream, 'hanmeimei', phone, insideWechat)
    const done = await phone.follow(await phone.get(back.location ?? '', headers))
    expect(done.text).not.toContain('value="new"')
    expect(done.url.pathname).toBe('/sandbox/callback')
  })
})

test('a configured connection leaves no room for simulated ones', async () => {
  const connections = '[{ type: qq, client_id: "101", client_secret: given }]'
  const world = await openWorld({ stores: 'tables', env: { MENSHEN_CONNECTIONS: connections } })
  onTestFinished(() => world.close())
  const page = await reachLogin(world.visitor(), startLogin(world.issuer))
  expect(page.text).toContain('value="qq"')
  expect(page.text).not.toContain('value="wechat"')
  expect((await world.visitor().get('/sandbox')).text).not.toContain('MicroMessenger')
})

test('closing leaves no port open', async () => {
  const upstreams = await startUpstreams({ issuer: 'http://localhost:3000', clock: () => 0 })
  const { page, univerify, aliyun } = upstreams.native?.oneTap ?? {}
  const told = [upstreams.env, page?.url, univerify?.functionUrl, aliyun?.endpoint]
  const addresses = new Set(JSON.stringify(told).match(/http:\/\/[\w.]+:\d+/g))
  expect(addresses.size).toBe(9)
  const states = () =>
    Promise.all(
      [...addresses].map((address) =>
        fetch(address).then(
          ({ status }) => status,
          () => 'closed',
        ),
      ),
    )
  expect(await states()).not.toContain('closed')
  await upstreams.close()
  expect(new Set(await states())).toEqual(new Set(['closed']))
})

test('every person has a phone and an account in an app of every vendor', async () => {
  const upstreams = await startUpstreams({ issuer: 'http://localhost:3000', clock: () => 0 })
  onTestFinished(() => upstreams.close())
  const { native } = upstreams
  if (native === undefined) throw new Error('no simulators')
  const { wechat, qq, weibo, apple, oneTap } = native
  const { appid } = wechat.mobileApp
  for (const { id, phone } of upstreamPeople) {
    expect(wechat.simulator.sendAuth(id, appid, { state: 's' }).code).toMatch(/^\w{32}$/)
    expect(wechat.simulator.unionid(id, appid)).toBe(wechat.simulator.unionid(id, wechat.miniProgram.appid))
    expect(wechat.simulator.phoneCode(id)).toMatch(/^\w{32}$/)
    expect(qq.simulator.issueTokens(id, qq.mobileAppid).openid).toMatch(/^[0-9A-F]{32}$/)
    expect(weibo.simulator.issueTokens(id, weibo.appKey).uid).toMatch(/^\d+$/)
    expect(apple.simulator.authorizeNative(id, { clientId: apple.bundleId }).identityToken).toMatch(/^ey/)
    expect(oneTap.carrier.find(oneTap.carrier.issueUniverify(phone).access_token)?.state).toBe('live')
    const returnTo = 'http://localhost:3000/sandbox'
    const page = await fetch(oneTap.page.consentUrl({ vendor: 'aliyun', phone, returnTo }))
    expect(page.status).toBe(200)
  }
})

test('there are none under an address that other machines reach', async () => {
  const upstreams = await startUpstreams({ issuer: 'https://sandbox.example.cn', clock: () => 0 })
  expect(upstreams.connections).toEqual([])
  expect(upstreams.native).toBeUndefined()
  await upstreams.close()
})

test('several processes behind one address share them', async () => {
  const world = await openWorld({ stores: 'tables' })
  onTestFinished(() => world.close())
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const env = { ...world.env, PORT: String(port), ISSUER: issuer, WORKERS: '2' }
  await startServer({ cwd: world.env['MENSHEN_DATA_DIR'] as string, env })
  // Each request on a connection of its own, so that the processes take turns.
  const close = { connection: 'close' }
  const visitor = new Visitor(issuer, port)
  const begun = await visitor.get(startLogin(issuer), close)
  const page = await visitor.get(begun.location ?? '', close)
  const left = await visitor.post(page.url, { method: 'github', agreement: 'on' }, close)
  let answer = await agree(new URL(left.location ?? ''), '1001', visitor)
  while (answer.location !== undefined) answer = await visitor.get(new URL(answer.location, issuer), close)
  expect(answer.text).toContain('value="new"')
  expect((await visitor.get('/sandbox/native')).text).toContain('去掉 WORKERS')
  const app = new NativeApp({ issuer, port }, 'sandbox-app')
  const tapped = await app.challenge({ method: 'one_tap', vendor: 'aliyun', carrier_token: 'of-nobody' })
  expect(tapped.body['message_key']).toBe('errors.one_tap.expired')
})
