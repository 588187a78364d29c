import { createHash, randomBytes } from 'node:crypto'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UserId } from '../../src/base/ids.ts'
import { clients, redirectUri } from '../support/clients.ts'
import { exchange, loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { agreeAt } from '../support/upstream.ts'
import {
  bundleId,
  type ConnectionName,
  miniProgram,
  mobileApp,
  openUpstreams,
  phoneOf,
  qqMobileApp,
  type Upstreams,
} from '../support/upstreams.ts'
import { openWorld, type World } from '../support/world.ts'

type Form = Readonly<Record<string, string>>

let world: World
let upstreams: Upstreams

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  const env = { ...upstreams.env(['wechat', 'qq', 'weibo', 'apple']), MENSHEN_REGISTRATION__UPSTREAM: 'auto' }
  world = await openWorld({ stores: 'redis', port, env })
  const apps = nativeClients.map((each) => ({ ...each, default_resource: undefined }))
  await world.register({ clients: [...clients, ...apps] as never })
})
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const national = (number: number) => phoneOf(number).slice('+86'.length)

const brought: Readonly<Record<string, (number: number) => Form>> = {
  wechat_app: (number) => ({ upstream_code: upstreams.wechat.authorize(`p${number}`, mobileApp) }),
  wechat_mini_program: (number) => ({ upstream_code: upstreams.wechat.loginMiniProgram(`p${number}`, miniProgram) }),
  qq_app(number) {
    const { access_token, openid } = upstreams.qq.issueTokens(`p${number}`, qqMobileApp)
    return { upstream_token: access_token, upstream_subject: openid }
  },
  weibo_app(number) {
    const { access_token } = upstreams.weibo.issueTokens(`p${number}`, '202')
    return { upstream_token: access_token, upstream_subject: upstreams.weibo.uid(`p${number}`) }
  },
  apple(number) {
    const raw_nonce = randomBytes(16).toString('hex')
    const nonce = createHash('sha256').update(raw_nonce).digest('hex')
    const { code, identityToken } = upstreams.apple.authorizeNative(`p${number}`, { clientId: bundleId, nonce })
    return { identity_token: identityToken, upstream_code: code, raw_nonce }
  },
}

const univerify = (number: number): Form => {
  const { access_token, openid } = upstreams.oneTap.carrier.issueUniverify(national(number))
  return { method: 'one_tap', vendor: 'univerify', carrier_token: access_token, openid }
}
const aliyun = (number: number): Form => ({
  method: 'one_tap',
  vendor: 'aliyun',
  carrier_token: upstreams.oneTap.carrier.issueAliyunToken(national(number)),
})

async function nativeSub(app: NativeApp, form: Form): Promise<string | undefined> {
  const tokens = await app.exchange(await app.challenge(form))
  const refreshed = await app.claims(await app.refresh(tokens))
  expect(refreshed.sub).toBe((await app.claims(tokens)).sub)
  return refreshed.sub
}

const subOf = async (location: string | undefined) =>
  decodeJwt((await exchange(world, 'plain', redirectUri, location))['id_token'] ?? '').sub

const desk = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36' }

async function browserSub(connection: ConnectionName, number: number): Promise<string | undefined> {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
  const { location = '' } = await visitor.post(page.url, { method: connection, agreement: 'on' }, desk)
  const consent = { connection, person: `p${number}`, location, headers: desk }
  const back = await agreeAt(upstreams, visitor, consent)
  return subOf((await visitor.follow(await visitor.get(new URL(back.location ?? '', world.issuer), desk))).location)
}

const smsSub = async (number: number) => {
  const url = startLogin(world, 'plain', redirectUri)
  return subOf((await loginBySms(world, world.visitor(), url, national(number))).location)
}
const providersOf = async (sub: string | undefined) =>
  (await world.app.core.directory.find(sub as UserId))?.identities.map(({ provider }) => provider).sort()

let people = 0
const newPerson = () => ++people

test.each([
  ['wechat_app', 'wechat'],
  ['wechat_mini_program', 'wechat'],
  ['qq_app', 'qq'],
  ['weibo_app', 'weibo'],
  ['apple', 'apple'],
] as const)(
  '%s logs in and refreshes, and is the same person in a browser, whichever came first',
  async (method, connection) => {
    const [first, second] = [newPerson(), newPerson()]
    const sub = await nativeSub(new NativeApp(world), { method, ...brought[method]?.(first) })
    expect(await browserSub(connection, first)).toBe(sub)
    const inBrowser = await browserSub(connection, second)
    expect(await nativeSub(new NativeApp(world), { method, ...brought[method]?.(second) })).toBe(inBrowser)
  },
)

test.each([
  ['univerify', univerify],
  ['aliyun', aliyun],
] as const)('a number the carrier tells through %s is the one that SMS proves', async (_, form) => {
  const [first, second] = [newPerson(), newPerson()]
  const sub = await nativeSub(new NativeApp(world), form(first))
  expect(await smsSub(first)).toBe(sub)
  const inBrowser = await smsSub(second)
  expect(await nativeSub(new NativeApp(world), form(second))).toBe(inBrowser)
})

test('where the carrier fails, the same auth_session goes on by SMS', async () => {
  const [number, app] = [newPerson(), new NativeApp(world)]
  upstreams.oneTap.univerify.simulator.faults.push({ kind: 'refuse', code: '5000' })
  const failed = await app.challenge(univerify(number))
  expect(failed.body).toMatchObject({ error: 'insufficient_authorization', message_key: 'errors.one_tap.failed' })
  expect(JSON.stringify(failed.body['methods'])).toContain('"sms"')
  expect((await app.challenge({ method: 'sms', phone: national(number) })).body['step']).toBe('otp')
  const tokens = await app.exchange(await app.challenge({ otp: await world.otp(phoneOf(number)) }))
  expect(await smsSub(number)).toBe((await app.claims(tokens)).sub)
})

test('a mini program that brings a number ends in one user with both, by SMS and in WeChat too', async () => {
  const number = newPerson()
  const form = { method: 'wechat_mini_program', ...brought['wechat_mini_program']?.(number) }
  const sub = await nativeSub(new NativeApp(world), {
    ...form,
    phone_code: upstreams.wechat.phoneCode(`p${number}`, miniProgram),
  })
  expect(await providersOf(sub)).toEqual(['phone', 'wechat'])
  expect(await smsSub(number)).toBe(sub)
  expect(await browserSub('wechat', number)).toBe(sub)
})

test('a number that logged in before gets its WeChat from the mini program', async () => {
  const number = newPerson()
  const sub = await smsSub(number)
  const form = { method: 'wechat_mini_program', ...brought['wechat_mini_program']?.(number) }
  const phone_code = upstreams.wechat.phoneCode(`p${number}`, miniProgram)
  expect(await nativeSub(new NativeApp(world), { ...form, phone_code })).toBe(sub)
  expect(await providersOf(sub)).toEqual(['phone', 'wechat'])
})

test('a credential that was used is refused whoever brings it, and told to the operator alone', async () => {
  const form = { method: 'wechat_app', ...brought['wechat_app']?.(newPerson()) }
  await nativeSub(new NativeApp(world), form)
  const refused = await new NativeApp(world).challenge(form)
  expect(refused.body).toMatchObject({ message_key: 'errors.upstream.code_invalid' })
  expect(JSON.stringify(refused.body)).not.toContain('used_here')
  const row = await world.database.database
    .knex('audit_events')
    .where({ event: 'upstream.failed' })
    .orderBy('id', 'desc')
    .first()
  const said = { method: 'wechat_app', error: 'upstream.code_invalid', vendor_code: 'used_here' }
  expect(row?.detail).toEqual(said)
})

test('nothing that apps brought, or vendors keep secret, is in the log or the audit', async () => {
  const rows = await world.database.database.knex('audit_events').select('detail')
  const told = `${world.log.join('\n')}${JSON.stringify(rows)}`
  const requests = Object.values({
    ...upstreams,
    univerify: upstreams.oneTap.univerify.simulator,
    aliyun: upstreams.oneTap.aliyun.simulator,
  }).flatMap((each) => (typeof each === 'object' && 'requests' in each ? each.requests : []))
  const membersOf = (body: string) =>
    body.startsWith('{') ? Object.entries(JSON.parse(body) as Form) : [...new URLSearchParams(body)]
  const fields = requests.flatMap(({ rawQuery, body }) => [...new URLSearchParams(rawQuery), ...membersOf(body)])
  const secrets = fields.flatMap(([name, value]) =>
    /^(code|js_code|access_token|secret|client_secret|sign|AccessToken)$/.test(name) && value.length > 7 ? [value] : [],
  )
  expect(secrets.length).toBeGreaterThan(20)
  expect(secrets.filter((each) => told.includes(each))).toEqual([])
  expect(told).not.toMatch(/1380000\d{4}/)
})
