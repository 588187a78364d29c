import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { leaveToBind, signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { leaveFor } from '../support/upstream.ts'
import { miniProgram, mobileApp, openUpstreams, phoneOf, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let upstreams: Upstreams

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ stores: 'redis', port, env: upstreams.env(['wechat', 'silent', 'github', 'corp']) })
  await world.register({ clients: [...clients, ...nativeClients] as never, resources })
})
beforeEach(() => {
  world.log.length = 0
})
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const prose = 'prose-of-the-vendor'
const words = 'upstream did not accept a login'
type Line = Readonly<Record<string, unknown>>
const lines = (): Line[] => world.log.map((line) => JSON.parse(line))
const refusals = () => lines().filter(({ msg }) => msg === words)
const requestLines = () => lines().filter(({ msg }) => msg === 'request')

/** The one line of a refusal, as it must be: by the id of a request, and without anything the vendor wrote freely. */
function theLine(): Line {
  const [line, ...more] = refusals()
  expect(more).toEqual([])
  expect(requestLines().map(({ request_id }) => request_id)).toContain(line?.['request_id'])
  expect(world.log.join('')).not.toContain(prose)
  return line as Line
}

async function leave(visitor: Visitor, connection: string): Promise<URL> {
  return leaveFor(visitor, await reachLogin(visitor, startLogin(world, 'plain', redirectUri)), connection)
}

const comeBack = async (visitor: Visitor, callback: string): Promise<Answer> =>
  visitor.follow(await visitor.get(callback))

test('a code that the upstream refuses leaves one line with connection and code of the vendor', async () => {
  const visitor = world.visitor()
  const callback = new URL(upstreams.github.authorize(1001, await leave(visitor, 'github')))
  callback.searchParams.set('code', 'made-up-code-of-nobody')
  expect((await comeBack(visitor, callback.href)).text).toContain('upstream.code_invalid')
  expect(theLine()).toMatchObject({
    level: 'warn',
    method: 'github',
    connection: 'github',
    vendor: 'github',
    error_code: 'upstream.code_invalid',
    vendor_code: 'bad_verification_code',
    client_id: 'plain',
  })
  expect(world.log.join('')).not.toContain('made-up-code-of-nobody')
})

test('a callback that comes twice leaves one line', async () => {
  const visitor = world.visitor()
  const callback = new URL(upstreams.github.authorize(1001, await leave(visitor, 'github')))
  callback.searchParams.set('code', 'made-up-code-of-nobody')
  await Promise.all([comeBack(visitor, callback.href), comeBack(visitor, callback.href)])
  theLine()
})

test('an address the upstream does not let in is named, and so is the request id', async () => {
  const app = new NativeApp(world)
  const message = `invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist ${prose}`
  upstreams.wechat.faults.push({ kind: 'refuse', code: '40164', message, path: '/cgi-bin/stable_token' })
  const answer = await app.challenge({
    method: 'wechat_mini_program',
    connection: 'wechat',
    upstream_code: upstreams.wechat.loginMiniProgram('p1', miniProgram),
    phone_code: upstreams.wechat.phoneCode('p1', miniProgram),
  })
  expect(answer.body['message_key']).toBe('errors.upstream.misconfigured')
  expect(theLine()).toMatchObject({
    level: 'warn',
    method: 'wechat_mini_program',
    connection: 'wechat',
    vendor_code: '40164',
    vendor_request_id: expect.stringMatching(/^[\w-]{20,}$/),
    address_seen: '203.0.113.7',
    client_id: 'ios',
  })
})

test('an app that names no connection has it in the line all the same, where there is only one', async () => {
  const app = new NativeApp(world)
  const upstream_code = 'made-up-code-of-nobody'
  expect((await app.challenge({ method: 'wechat_app', upstream_code })).status).toBe(400)
  expect(theLine()).toMatchObject({ level: 'warn', method: 'wechat_app', connection: 'wechat', vendor_code: '40029' })
})

test('what was used before is refused by us, and that is told too', async () => {
  const upstream_code = upstreams.wechat.authorize('p2', mobileApp)
  await new NativeApp(world).challenge({ method: 'wechat_app', upstream_code })
  expect(refusals()).toEqual([])
  await new NativeApp(world).challenge({ method: 'wechat_app', upstream_code })
  expect(theLine()).toMatchObject({ level: 'warn', connection: 'wechat', vendor_code: 'used_here' })
})

test('a one-tap login names the vendor of the carrier', async () => {
  const app = new NativeApp(world)
  const answer = await app.challenge({ method: 'one_tap', vendor: 'aliyun', carrier_token: 'of-nobody' })
  expect(answer.status).toBe(400)
  expect(theLine()).toMatchObject({
    level: 'warn',
    method: 'one_tap',
    connection: 'aliyun',
    vendor: 'aliyun',
    error_code: 'one_tap.expired',
    vendor_code: 'isv.TOKEN_INVALID',
    vendor_request_id: expect.stringMatching(/^[\w-]{20,}$/),
  })
})

test('a vendor that does not answer is told with the address that was asked, without its query', async () => {
  const visitor = world.visitor()
  const callback = upstreams.github.authorize(1002, await leave(visitor, 'github'))
  upstreams.github.faults.push({ kind: 'reset_after_accept' })
  await comeBack(visitor, callback)
  expect(theLine()).toMatchObject({
    level: 'warn',
    connection: 'github',
    asked: expect.stringMatching(/^POST http:\S+\/login\/oauth\/access_token$/),
    reason: 'UND_ERR_SOCKET',
  })
  const app = new NativeApp(world)
  upstreams.oneTap.univerify.simulator.faults.push({ kind: 'reset_before_accept' })
  const { openid, access_token: carrier_token } = upstreams.oneTap.carrier.issueUniverify(phoneOf(3))
  await app.challenge({ method: 'one_tap', vendor: 'univerify', openid, carrier_token })
  expect(refusals().at(-1)).toMatchObject({ connection: 'univerify', reason: 'UND_ERR_SOCKET' })
  expect(world.log.join('')).not.toContain(carrier_token)
})

test('an upstream that cannot be left for is told at the press of the button', async () => {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
  upstreams.oidc.faults.push({ kind: 'server_error', path: '/.well-known/openid-configuration' })
  expect((await visitor.post(page.url, { method: 'corp', agreement: 'on' })).status).toBe(503)
  expect(theLine()).toMatchObject({
    level: 'warn',
    connection: 'corp',
    vendor_code: '500',
    error_code: 'upstream.busy',
  })
})

test('somebody who is signed in and binds another way in is told of in the same words', async () => {
  const visitor = await signedIn(world, redirectUri, '13700137999')
  const upstream = await leaveToBind(visitor, 'github')
  world.log.length = 0
  const callback = new URL(upstreams.github.authorize(1003, upstream))
  callback.searchParams.set('code', 'made-up-code-of-nobody')
  await comeBack(visitor, callback.href)
  expect(theLine()).toMatchObject({ level: 'warn', connection: 'github', vendor_code: 'bad_verification_code' })
})

test('who goes back of their own will is no warning', async () => {
  const visitor = world.visitor()
  const callback = upstreams.github.authorize(1004, await leave(visitor, 'github'), { decision: 'refuse' })
  await comeBack(visitor, callback)
  expect(theLine()).toMatchObject({ level: 'info', connection: 'github', vendor_code: 'access_denied' })
})

test('a stranger who sends the same again and again leaves fewer such lines than lines of requests', async () => {
  const upstream_code = 'again-and-again'
  const statuses = []
  for (let round = 0; round < 40; round++) {
    statuses.push((await new NativeApp(world).challenge({ method: 'wechat_app', upstream_code })).status)
  }
  expect(statuses).toHaveLength(40)
  expect(refusals().length).toBeLessThanOrEqual(requestLines().length)
  expect(world.log.every((line) => line.length < 1500)).toBe(true)
})
