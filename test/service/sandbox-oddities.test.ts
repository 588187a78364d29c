import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { oddities } from '../../sandbox/simulators/oddities.ts'
import { type Switch, switchGroups } from '../../sandbox/switches.ts'
import { codeChallenge, reachLogin } from '../support/login.ts'
import { NativeApp } from '../support/native-app.ts'
import { leaveFor } from '../support/upstream.ts'
import { insideWechat } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const page = '/sandbox/oddities'
let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'redis', env: { MENSHEN_SMS__COUNTRIES: '["86", "852"]' } })
})
afterEach(() => world.visitor().post(page, { reset: '1' }))
afterAll(() => world?.close())

const turnOn = async (name: Switch) => expect((await world.visitor().post(page, { on: name })).status).toBe(303)
const turnOff = (name: Switch) => world.visitor().post(page, { off: name })

function startLogin(): URL {
  const url = new URL('/auth', world.issuer)
  url.search = new URLSearchParams({
    client_id: 'sandbox-demo',
    redirect_uri: `${world.issuer}/sandbox/callback`,
    response_type: 'code',
    scope: 'openid',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
  }).toString()
  return url
}

/** What this person sees who goes through a vendor and agrees there. */
async function through(visitor: Visitor, connection: string, person: string, userAgent = 'test'): Promise<Answer> {
  const headers = { 'user-agent': userAgent }
  const login = await reachLogin(visitor, startLogin())
  const pressed = await visitor.post(login.url, { method: connection, agreement: 'on' }, headers)
  if (pressed.status !== 303) return pressed
  const body = new URLSearchParams({ person, decision: 'accept' })
  const vendor = await fetch(pressed.location ?? '', { method: 'POST', headers, body, redirect: 'manual' })
  const location = vendor.headers.get('location')
  if (location) return visitor.follow(await visitor.get(location, headers))
  const html = await vendor.text()
  const fields = [...html.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name, value = '']) => [name, value])
  const cross = { 'sec-fetch-site': 'cross-site' }
  const action = /action="([^"]+)"/.exec(html)?.[1] ?? ''
  return visitor.follow(await visitor.post(action, Object.fromEntries(fields) as Record<string, string>, cross))
}

/** Whether the app got its code. */
const isIn = ({ url }: Answer) => url.pathname === '/sandbox/callback' && url.searchParams.has('code')

/** Vendors whose login a person walks with each way of writing. */
const people = { wechat: 'lilei', qq: 'hanmeimei', weibo: 'lintao', github: '1004' } as const
type Vendor = keyof typeof people

describe.each(Object.keys(oddities) as Switch[])('with %s switched on', (name) => {
  test.each(Object.keys(people) as Vendor[])('people come in through %s', async (vendor) => {
    await turnOn(name)
    const seen = await through(world.visitor(), vendor, people[vendor])
    expect(seen.status, seen.text).toBe(200)
    expect(seen.text).toContain('value="new"')
  })
})

test.each<[Switch, Vendor, string]>([
  ['lost_answers', 'wechat', 'upstream.busy'],
  ['cut_answers', 'qq', 'upstream.refused'],
  ['html_answers', 'weibo', 'upstream.busy'],
  ['bad_gateway', 'github', 'upstream.busy'],
  ['too_many_requests', 'wechat', 'upstream.busy'],
  ['wrong_secret', 'wechat', 'upstream.misconfigured'],
  ['wrong_secret', 'qq', 'upstream.misconfigured'],
  ['wrong_secret', 'weibo', 'upstream.misconfigured'],
  ['wrong_secret', 'github', 'upstream.misconfigured'],
  ['blocked_address', 'wechat', 'upstream.misconfigured'],
  ['vendor_busy', 'wechat', 'upstream.busy'],
  ['vendor_busy', 'weibo', 'upstream.busy'],
  ['person_restricted', 'wechat', 'upstream.account_restricted'],
  ['code_used', 'wechat', 'upstream.code_invalid'],
  ['code_used', 'github', 'upstream.code_invalid'],
])('with %s switched on, people at %s are told %s', async (name, vendor, code) => {
  await turnOn(name)
  const seen = await through(world.visitor(), vendor, people[vendor])
  expect(seen.text).toContain(code)
  expect(seen.text).toContain('name="phone"')
  await turnOff(name)
  expect((await through(world.visitor(), vendor, people[vendor])).text).toContain('value="new"')
})

test.each<[Switch, Vendor]>([
  ['slow_answers', 'github'],
  ['profile_too_often', 'wechat'],
  ['profile_failed', 'wechat'],
  ['profile_failed', 'qq'],
  ['profile_failed', 'weibo'],
  ['profile_token_refused', 'wechat'],
  ['profile_token_refused', 'qq'],
  ['profile_not_granted', 'qq'],
])('with %s switched on, nobody at %s is refused', async (name, vendor) => {
  await turnOn(name)
  expect((await through(world.visitor(), vendor, people[vendor])).text).toContain('value="new"')
})

test('with snapshot switched on, people inside WeChat are told to open the whole page', async () => {
  await turnOn('snapshot')
  const seen = await through(world.visitor(), 'wechat', 'lilei', insideWechat)
  expect(seen.text).toContain('upstream.snapshot')
})

test('with unionid_later switched on and off again, somebody with two accounts is asked which it is', async () => {
  await turnOn('unionid_later')
  for (const userAgent of ['test', insideWechat]) {
    const visitor = world.visitor()
    const choose = await through(visitor, 'wechat', 'zhangwei', userAgent)
    const done = await visitor.follow(await visitor.post(choose.url.pathname, { choice: 'new' }))
    expect(isIn(done)).toBe(true)
  }
  await turnOff('unionid_later')
  const known = await through(world.visitor(), 'wechat', 'zhangwei')
  expect(isIn(known)).toBe(true)
  const asked = await through(world.visitor(), 'wechat', 'zhangwei', insideWechat)
  expect(isIn(asked)).toBe(false)
  expect(asked.text).not.toContain('value="new"')
})

test('with sms_answer_lost switched on, people may enter the code that arrives', async () => {
  await turnOn('sms_answer_lost')
  const visitor = world.visitor()
  const login = await reachLogin(visitor, startLogin())
  const phone = '13900139101'
  const otp = await world.otpAfter(`+86${phone}`, () =>
    visitor.post(login.url, { method: 'sms', phone, agreement: 'on' }),
  )
  const done = await visitor.follow(await visitor.post(login.url, { method: 'sms', otp }))
  expect(isIn(done)).toBe(true)
})

test('with sms_template_refused switched on, only numbers abroad get nothing', async () => {
  await turnOn('sms_template_refused')
  const send = async (country: string, phone: string) => {
    const visitor = world.visitor()
    const login = await reachLogin(visitor, startLogin())
    return visitor.post(login.url, { method: 'sms', country, phone, agreement: 'on' })
  }
  expect((await send('852', '51234567')).text).toContain('sms.undeliverable')
  expect((await send('86', '13900139102')).status).toBeLessThan(400)
})

test('with wrong_secret switched on, an app is told the same as a page', async () => {
  await turnOn('wrong_secret')
  const app = new NativeApp(world, 'sandbox-app')
  const answer = await app.challenge({ method: 'wechat_app', upstream_code: 'of-nobody' })
  expect(answer.body['message_key']).toMatch(/^errors\.upstream\.(code_invalid|misconfigured)$/)
})

test.each([
  ['aliyun', { vendor: 'aliyun' }, 'errors.one_tap.expired'],
  ['univerify', { vendor: 'univerify', openid: 'of-nobody' }, 'errors.one_tap.failed'],
])('with wrong_secret switched on, one tap through %s is not available', async (_, brought, usually) => {
  const told = async (carrier_token: string) => {
    const input = { method: 'one_tap', ...brought, carrier_token }
    return (await new NativeApp(world, 'sandbox-app').challenge(input)).body['message_key']
  }
  expect(await told(`${brought.vendor} of nobody`)).toBe(usually)
  await turnOn('wrong_secret')
  expect(await told(`${brought.vendor} of nobody else`)).toBe('errors.one_tap.unavailable')
})

test('the page has every switch in both languages, says what is on, and one press turns all off', async () => {
  const visitor = world.visitor()
  const all = Object.values(switchGroups).flat()
  for (const lang of ['zh-CN', 'en']) {
    const { text } = await visitor.follow(await visitor.get(`${page}?lang=${lang}`))
    expect([...text.matchAll(/name="on" value="(\w+)"/g)].map(([, name]) => name)).toEqual(all)
    expect(text).not.toMatch(/odd\.\w+|oddities\.\w+</)
  }
  await turnOn('trailing_comma')
  await turnOn('wrong_secret')
  const shown = await visitor.get(page)
  expect([...shown.text.matchAll(/name="off" value="(\w+)"/g)].map(([, name]) => name)).toEqual([
    'trailing_comma',
    'wrong_secret',
  ])
  await visitor.post(page, { reset: '1' })
  expect((await visitor.get(page)).text).not.toContain('name="off"')
  const login = await reachLogin(visitor, startLogin())
  expect((await leaveFor(visitor, login, 'wechat')).pathname).toBe('/connect/qrconnect')
})

test('a switch that does not exist, and a form of another site, change nothing', async () => {
  const visitor = world.visitor()
  expect((await visitor.post(page, { on: 'constructor' })).status).toBe(400)
  expect((await visitor.post(page, { on: 'html_answers' }, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  expect((await visitor.get(page)).text).not.toContain('name="off"')
})
