import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { survivorOf } from '../../src/accounts/merged-users.ts'
import type { UserId } from '../../src/base/ids.ts'
import { clients, resources } from '../support/clients.ts'
import { type NativeAnswer, NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { claimOf, leadsTo, twoAccounts } from '../support/several.ts'
import { mobileApp, openUpstreams, qqMobileApp, type Upstreams } from '../support/upstreams.ts'
import { openWorld, type World } from '../support/world.ts'

// One proof that leads to two accounts, in an app: the step `choose_account`.

let world: World
let upstreams: Upstreams
let people = 0
let numbers = 13900870000

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ port, env: upstreams.env(['wechat', 'qq']) })
  const strict = { ...nativeClients[1], client_id: 'strict', require_phone: true }
  await world.register({ clients: [...clients, ...nativeClients, strict] as never, resources })
})
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const newPerson = () => `p${people++}`
const newPhone = () => `+86${++numbers}`
const use = { ip: '203.0.113.7' }
const byWechat = (person: string) => ({
  method: 'wechat_app',
  upstream_code: upstreams.wechat.authorize(person, mobileApp),
})
const subOf = async (app: NativeApp, answer: NativeAnswer) =>
  (await app.claims(await app.exchange(answer))).sub as UserId

test('the app shows both, and the person goes on with one of them, which has all of it', async () => {
  const person = newPerson()
  const [phone, other] = [newPhone(), newPhone()]
  const [byCode, inside] = await twoAccounts(world, upstreams, person, [phone, other])
  const app = new NativeApp(world)
  const asked = await app.challenge(byWechat(person))
  expect(asked).toMatchObject({ status: 400, body: { error: 'insufficient_authorization', step: 'choose_account' } })
  const time = expect.stringMatching(/^2\d{3}-\d\d-\d\dT/)
  const shown = (account: UserId, nickname: string, number: string) => ({
    account,
    nickname,
    label: `${number.slice(3, 6)}****${number.slice(-4)}`,
    created_at: time,
    last_used_at: time,
    keeps: false,
  })
  expect(asked.body).toMatchObject({
    provider: 'wechat',
    options: ['account', 'one_account'],
    accounts: [shown(byCode, '小明 1', phone), shown(inside, '小明 2', other)],
  })
  expect(JSON.stringify(asked.body)).not.toContain(phone.slice(3))
  expect(await subOf(app, await app.challenge({ choice: 'account', account: inside }))).toBe(inside)
  expect(await leadsTo(world, inside)).toContain('unionid')
  const again = new NativeApp(world)
  expect(await subOf(again, await again.challenge(byWechat(person)))).toBe(inside)
})

test('an account without another way in says that it keeps what it has; each can be entered', async () => {
  const person = newPerson()
  const accounts = await twoAccounts(world, upstreams, person)
  await world.database.database.knex('identity_subjects').whereLike('subject', '%wx-website%').delete()
  await world.database.database.knex('identity_subjects').whereLike('subject', '%wx-official-account%').delete()
  for (const account of accounts) {
    const app = new NativeApp(world)
    const asked = await app.challenge(byWechat(person))
    expect(asked.body['accounts']).toMatchObject([{ keeps: true }, { keeps: true }])
    expect(await subOf(app, await app.challenge({ choice: 'account', account }))).toBe(account)
  }
  expect([await leadsTo(world, accounts[0]), await leadsTo(world, accounts[1])]).toEqual([
    ['unionid'],
    ['openid:wx-mobile-app'],
  ])
})

describe('an answer', () => {
  test('that names no account that was asked about is refused, and the question is still there', async () => {
    const person = newPerson()
    const [, inside] = await twoAccounts(world, upstreams, person, [newPhone(), newPhone()])
    const [stranger] = await twoAccounts(world, upstreams, newPerson())
    const app = new NativeApp(world)
    await app.challenge(byWechat(person))
    for (const account of [stranger, 'usr_x', '']) {
      const refused = await app.challenge({ choice: 'account', account })
      expect(refused.body).toMatchObject({ error: 'invalid_request', message_key: 'errors.request.invalid' })
    }
    expect(await subOf(app, await app.challenge({ choice: 'account', account: inside }))).toBe(inside)
  })

  test('counts once: of two at once with one auth_session, and of two one after the other', async () => {
    const person = newPerson()
    const [byCode, inside] = await twoAccounts(world, upstreams, person, [newPhone(), newPhone()])
    const app = new NativeApp(world)
    const asked = await app.challenge(byWechat(person))
    const twin = new NativeApp(world)
    twin.authSession = asked.body.auth_session
    const answers = await Promise.all([
      app.challenge({ choice: 'account', account: byCode }),
      twin.challenge({ choice: 'account', account: inside }),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400])
    expect(answers.find(({ status }) => status === 400)?.body['error']).toBe('invalid_session')
  })

  test('to nothing that was asked is refused', async () => {
    const app = new NativeApp(world)
    const refused = await app.challenge({ choice: 'account', account: 'usr_x' })
    expect(refused.body).toMatchObject({ error: 'invalid_request' })
  })
})

test('who logs in otherwise instead of answering is in there, and nothing moves', async () => {
  const person = newPerson()
  const phone = newPhone()
  const [, inside] = await twoAccounts(world, upstreams, person, [newPhone(), phone])
  const app = new NativeApp(world)
  await app.challenge(byWechat(person))
  expect(await subOf(app, await nativeSms(world, app, phone.slice(3)))).toBe(inside)
  expect(await leadsTo(world, inside)).not.toContain('unionid')
})

test('where the app demands a phone number, the account that was chosen needs one', async () => {
  const person = newPerson()
  const [byCode] = await twoAccounts(world, upstreams, person, [undefined, newPhone()])
  const app = new NativeApp(world, 'strict')
  await app.challenge(byWechat(person))
  expect((await app.challenge({ choice: 'account', account: byCode })).body).toMatchObject({ step: 'bind_phone' })
  const phone = newPhone()
  expect((await nativeSms(world, app, phone.slice(3))).body['step']).toBe('bind_identity')
  expect(await subOf(app, await app.challenge({ choice: 'bind' }))).toBe(byCode)
})

describe('both of them', () => {
  test('become one where the person wants that, as the account they name; “apart” asks the question before', async () => {
    const person = newPerson()
    const [first, second] = await twoAccounts(world, upstreams, person, [newPhone(), newPhone()])
    const app = new NativeApp(world)
    await app.challenge(byWechat(person))
    const question = await app.challenge({ choice: 'one_account' })
    expect(question.body).toMatchObject({
      ...{ error: 'insufficient_authorization', step: 'merge', into: first, options: ['merge', 'apart'] },
      ...{ keep: ['keep_nickname'], accounts: [{ account: first }, { account: second }] },
    })
    expect((await app.challenge({ choice: 'apart' })).body).toMatchObject({ step: 'choose_account' })
    expect((await app.challenge({ choice: 'merge', into: second })).body['error']).toBe('invalid_request')
    await app.challenge({ choice: 'one_account' })
    const merged = await app.challenge({ choice: 'merge', into: second, keep_nickname: first })
    expect(await subOf(app, merged)).toBe(second)
    expect(await survivorOf(world.app.core.database, first)).toBe(second)
    const account = await world.app.core.directory.find(second)
    expect(account?.user.profile.nickname).toBe('小明 1')
    expect(account?.identities.map(({ provider }) => provider).sort()).toEqual(['phone', 'phone', 'wechat'])
    const again = new NativeApp(world)
    expect(await subOf(again, await again.challenge(byWechat(person)))).toBe(second)
  })

  test('become one where a number that is demanded is another account’s, and both were proved', async () => {
    const [person, phone] = [newPerson(), newPhone()]
    const owner = (await world.app.core.directory.register(claimOf('phone', [phone]), use)).user.id
    const first = new NativeApp(world)
    await first.challenge(byWechat(person))
    const own = await subOf(first, await first.challenge({ choice: 'new' }))
    const app = new NativeApp(world, 'strict')
    expect((await app.challenge(byWechat(person))).body).toMatchObject({ step: 'bind_phone' })
    const conflict = await nativeSms(world, app, phone.slice(3))
    expect(conflict.body).toMatchObject({ step: 'conflict', options: expect.arrayContaining(['one_account']) })
    expect((await app.challenge({ choice: 'one_account' })).body).toMatchObject({ step: 'merge' })
    expect(await subOf(app, await app.challenge({ choice: 'merge', into: owner }))).toBe(owner)
    expect(await survivorOf(world.app.core.database, own)).toBe(owner)
  })
})

test('QQ, once it tells unionids, is asked about in the same way', async () => {
  const person = newPerson()
  const { directory } = world.app.core
  const made: UserId[] = []
  const unionid = `unionid:${upstreams.qq.unionid(person, '101')}`
  for (const subject of [unionid, `openid:${qqMobileApp}:${upstreams.qq.openid(person, qqMobileApp)}`]) {
    const { user } = await directory.register(claimOf('qq', [subject]), use)
    await directory.bind(user.id, claimOf('phone', [newPhone()]), use)
    made.push(user.id)
  }
  const { access_token: upstream_token, openid: upstream_subject } = upstreams.qq.issueTokens(person, qqMobileApp)
  const app = new NativeApp(world)
  const asked = await app.challenge({ method: 'qq_app', upstream_token, upstream_subject })
  expect(asked.body).toMatchObject({ step: 'choose_account', provider: 'qq' })
  const [, chosen = ''] = made
  expect(await subOf(app, await app.challenge({ choice: 'account', account: chosen }))).toBe(chosen)
  const found = await directory.find(chosen as UserId)
  expect(found?.identities.find(({ provider }) => provider === 'qq')?.subjects).toHaveLength(2)
})
