import { afterAll, beforeAll, expect, test } from 'vitest'
import { clients, redirectUri } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { insideWechat, openUpstreams, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let upstreams: Upstreams

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  const limits = { MENSHEN_NATIVE_LOGIN__LIMITS__PER_IP: '[{ max: 3, seconds: 600 }]' }
  const proxies = { MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1]' }
  world = await openWorld({
    stores: 'tables',
    port,
    env: { ...upstreams.env(['wechat', 'github']), ...limits, ...proxies },
  })
  await world.register({ clients })
})
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const onPhone = 'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36'
const start = () => startLogin(world, 'plain', redirectUri)
const policy = ({ headers }: Answer) => String(headers['content-security-policy'])

let visitors = 0

/** Asks for the code as the script of the page does, each time from another network. */
async function asks(
  visitor: Visitor,
  page: Answer,
  fields: Record<string, string> = {},
  headers: Record<string, string> = { 'x-forwarded-for': `203.0.${++visitors}.1` },
) {
  const form = { method: 'wechat', frame: '1', agreement: 'on', ...fields }
  return visitor.post(page.url, form, { accept: 'application/json', ...headers })
}

const addressIn = ({ text }: Answer) => new URL((JSON.parse(text) as { location: string }).location)

/** Somebody scans the code and agrees; answers the callback that the top window is led to. */
async function scanned(code: URL, person: string): Promise<URL> {
  const body = new URLSearchParams({ decision: 'accept', person })
  const page = await (await fetch(code, { method: 'POST', body })).text()
  return new URL(JSON.parse(/window\.top\.location\.href=(".*?")</.exec(page)?.[1] ?? '""') as string)
}

/** What the stores hold besides counters of limits and of decisions. */
async function rows(): Promise<number> {
  const kept = world.database.database.knex('ephemeral').whereNot('key', 'like', 'limit%')
  const [found] = await kept.whereNot('key', 'like', 'abuse%').count()
  return Number(found?.['count'])
}

test('a page that may hold the code allows the frames of WeChat alone, and of nobody where there is none', async () => {
  const page = await reachLogin(world.visitor(), start())
  expect(policy(page)).toContain(`; frame-src ${new URL(upstreams.wechat.url).origin};`)
  for (const agent of [onPhone, insideWechat]) {
    const visitor = world.visitor()
    const { url } = await reachLogin(visitor, start())
    const there = await visitor.get(url, { 'user-agent': agent })
    expect(policy(there)).not.toContain('frame-src')
    expect(there.text).not.toContain('data-scan')
  }
  const visitor = world.visitor()
  const { url } = await reachLogin(visitor, start())
  await visitor.post(url, { method: 'sms', phone: '13700137001', agreement: 'on' })
  expect(policy(await visitor.get(`${url.pathname}?method=sms`))).not.toContain('frame-src')
})

test('to look at the page begins nothing at WeChat, and nothing is begun for who has not agreed', async () => {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start())
  const before = await rows()
  await visitor.get(page.url)
  expect(page.text).not.toContain('qrconnect')
  const refused = await visitor.post(page.url, { method: 'wechat', frame: '1' }, { accept: 'application/json' })
  expect([refused.status, JSON.parse(refused.text)['message_key']]).toEqual([400, 'errors.agreement.required'])
  expect(await rows()).toBe(before)
})

test('the frame asks as WeChat’s own script does, and the scan logs in the browser that asked', async () => {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start())
  const code = addressIn(await asks(visitor, page))
  const query = Object.fromEntries(code.searchParams)
  expect(query).toMatchObject({ login_type: 'jssdk', self_redirect: 'false', scope: 'snsapi_login', style: 'black' })
  expect(query['redirect_uri']).toBe(`${world.issuer}/callback/wechat`)
  const choose = await visitor.follow(await visitor.get(await scanned(code, 'p1')))
  expect(choose.text).toContain('value="new"')
})

test('a code that was scanned for one browser opens nothing in another', async () => {
  const [mine, theirs] = [world.visitor(), world.visitor()]
  const page = await reachLogin(mine, start())
  await reachLogin(theirs, start())
  const callback = await scanned(addressIn(await asks(mine, page)), 'p2')
  const lost = await theirs.follow(await theirs.get(callback))
  expect(lost.status).toBe(400)
  expect(lost.text).not.toContain('value="new"')
  expect((await mine.follow(await mine.get(callback))).text).toContain('value="new"')
})

test('of two codes only the one that is shown counts, and a login by phone beside it needs none', async () => {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start())
  const before = await rows()
  const old = addressIn(await asks(visitor, page))
  const once = await rows()
  const shown = addressIn(await asks(visitor, page))
  expect(await rows()).toBe(once)
  expect(once - before).toBeLessThanOrEqual(2)
  const late = await visitor.follow(await visitor.get(await scanned(old, 'p3')))
  expect(late.text).not.toContain('value="new"')
  expect((await visitor.follow(await visitor.get(await scanned(shown, 'p3')))).text).toContain('value="new"')
  const other = world.visitor()
  await asks(other, await reachLogin(other, start()))
  expect((await loginBySms(world, other, start(), '13700137002')).location).toContain('code=')
})

test('codes count among the questions that one network may have vendors asked', async () => {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start())
  const headers = { 'x-forwarded-for': '198.51.100.7' }
  const statuses: number[] = []
  for (const _ of [1, 2, 3, 4]) statuses.push((await asks(visitor, page, {}, headers)).status)
  expect(statuses).toEqual([200, 200, 200, 429])
})

test('what has no page for a frame, and a post from another site, get none', async () => {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start())
  expect((await asks(visitor, page, { method: 'github' })).status).toBe(400)
  expect((await asks(visitor, page, { method: 'sms', phone: '13700137003' })).status).toBe(400)
  const foreign = await asks(visitor, page, {}, { 'sec-fetch-site': 'cross-site' })
  expect(foreign.status).toBe(403)
})
