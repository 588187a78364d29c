import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { UserId } from '../../src/base/ids.ts'
import { formToken } from '../support/account.ts'
import { aged, asksWhose, ownerOf, password, proveNumber, withPassword } from '../support/aged.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginByPassword, reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { resetClock } from '../support/time.ts'
import { miniProgram, openUpstreams, type Upstreams } from '../support/upstreams.ts'
import { type Answer, errorIn } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Every way to prove a phone number, where the account of the number has not proved it for long: none lets in by itself.

let world: World
let upstreams: Upstreams
/** The first ten have numbers with habits of their own. */
let guests = 9

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ stores: 'tables', port, env: upstreams.env(['wechat', 'github']) })
  const strict = { ...nativeClients[1], client_id: 'strict', require_phone: true }
  await world.register({ clients: [...clients, ...nativeClients, strict] as never, resources })
})
afterEach(resetClock)
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const newGuest = () => ++guests
const directory = () => world.app.core.directory
const lead = () => startLogin(world, 'plain', redirectUri)
const loginsOf = async (userId: UserId) =>
  world.database.database.knex('audit_events').where({ user_id: userId, event: 'login.succeeded' })
const providersOf = async (userId: UserId) =>
  (await directory().find(userId))?.identities.map(({ provider }) => provider).sort()

/** Nothing of the earlier account has changed, and nobody new was let in. */
async function expectUntouched(userId: UserId, phone: string): Promise<void> {
  expect(await ownerOf(world, phone)).toBe(userId)
  expect(await loginsOf(userId)).toHaveLength(1)
}

describe('a browser', () => {
  /** Proves the number by a form that asks for it in another place. */
  async function byForm(first: Record<string, string>, phone: string): Promise<Answer> {
    const visitor = world.visitor()
    const { url } = await reachLogin(visitor, lead())
    const otp = await world.otpAfter(phone, () => visitor.post(url, { ...first, agreement: 'on' }))
    const { method = '' } = first
    const proved = await visitor.follow(await visitor.post(url, { method, otp }))
    if (method !== 'reset') return proved
    return visitor.follow(await visitor.post(url, { method, new_password: 'another long phrase' }))
  }

  test('that registers with the number is asked', async () => {
    const { phone, userId } = await aged(world, newGuest())
    const asked = await byForm({ method: 'register', phone: phone.slice(3) }, phone)
    expect(asksWhose(asked)).toBe(true)
    expect(asked.text).toContain('value="not_mine"')
    await expectUntouched(userId, phone)
  })

  test('that resets the password by the number is asked, and the password stays as it was', async () => {
    const { phone, userId } = await aged(world, newGuest(), { more: withPassword(world, 'resetter') })
    const asked = await byForm({ method: 'reset', identifier: phone.slice(3) }, phone)
    expect(asksWhose(asked)).toBe(true)
    // It makes no account, so there is nothing else to say.
    expect(asked.text).not.toContain('value="not_mine"')
    await expectUntouched(userId, phone)
    expect((await loginByPassword(world.visitor(), lead(), 'resetter', password)).location).toContain('code=')
  })

  test('that resets the password shows another way in, and then has the new one', async () => {
    const { phone, userId } = await aged(world, newGuest(), {
      more: async (id) => {
        await directory().bind(id, { provider: 'github', subjects: ['1039'], profile: {} }, { ip: '::1' })
        await withPassword(world, 'forgetter')(id)
      },
    })
    const visitor = world.visitor()
    const { url } = await reachLogin(visitor, lead())
    const reset = { method: 'reset', identifier: phone.slice(3), agreement: 'on' }
    const otp = await world.otpAfter(phone, () => visitor.post(url, reset))
    await visitor.post(url, { method: 'reset', otp })
    await visitor.post(url, { method: 'reset', new_password: 'another long phrase' })
    await visitor.post(url, { choice: 'mine' })
    const left = await visitor.post(url, { method: 'github' })
    const back = await visitor.follow(await visitor.get(upstreams.github.authorize(1039, left.location ?? '')))
    expect(back.location).toContain('code=')
    expect(await loginsOf(userId)).toHaveLength(2)
    const again = await loginByPassword(world.visitor(), lead(), 'forgetter', 'another long phrase')
    expect(again.location).toContain('code=')
  })

  test('that adds the number to an account has it once they say that the other one is not theirs', async () => {
    const { phone, userId } = await aged(world, newGuest())
    const own = await aged(world, newGuest())
    const visitor = own.owner
    await proveNumber(world, visitor, own.phone)
    const home = await visitor.get('/account/identities/phone')
    const form_token = formToken(home)
    const otp = await world.otpAfter(phone, () => visitor.post(home.url, { phone: phone.slice(3), form_token }))
    const taken = await visitor.post(home.url, { otp, form_token })
    expect(taken.status).toBe(409)
    await expectUntouched(userId, phone)
    const no = { choice: 'not_mine', form_token: formToken(taken) }
    expect((await visitor.post(home.url, no)).location).toContain('done=bound')
    expect(await ownerOf(world, phone)).toBe(own.userId)
    expect(await providersOf(userId)).toEqual([])
    // Another answer has nothing to be about.
    expect(errorIn(await visitor.post(home.url, no))).toBe('request.invalid')
  })

  test('that adds the number to an account is refused, and the number stays where it is', async () => {
    const { phone, userId } = await aged(world, newGuest())
    const own = await aged(world, newGuest(), { days: 91 })
    const visitor = own.owner
    await proveNumber(world, visitor, own.phone)
    const home = await visitor.follow(await visitor.get('/account/identities/phone'))
    const token = /name="form_token" value="([^"]+)"/.exec(home.text)?.[1] ?? ''
    const form = { phone: phone.slice(3), form_token: token }
    const otp = await world.otpAfter(phone, () => visitor.post(home.url, form))
    await visitor.post(home.url, { otp, method: 'sms', form_token: token })
    await expectUntouched(userId, phone)
    expect(await providersOf(own.userId)).toEqual(['phone'])
  })
})

describe('an app', () => {
  test('that sends a code is asked; with the second proof it is in', async () => {
    const { phone, userId } = await aged(world, newGuest(), { more: withPassword(world, 'appuser') })
    const app = new NativeApp(world)
    const asked = await nativeSms(world, app, phone.slice(3))
    expect(asked.body).toMatchObject({
      step: 'confirm_owner',
      account: { year: expect.any(Number) },
      options: ['not_mine', 'mine'],
    })
    await expectUntouched(userId, phone)
    const claim = await app.challenge({ choice: 'mine' })
    const methods = claim.body['methods'] as { method: string }[]
    expect(claim.body).toMatchObject({ step: 'login' })
    expect(methods.map(({ method }) => method)).not.toContain('sms')
    expect(methods.map(({ method }) => method)).toContain('password')
    const done = await app.challenge({ method: 'password', identifier: 'appuser', password })
    expect((await app.claims(await app.exchange(done))).sub).toBe(userId)
  })

  test('that says “not mine” has a new account', async () => {
    const { phone, userId } = await aged(world, newGuest())
    const app = new NativeApp(world)
    await nativeSms(world, app, phone.slice(3))
    const done = await app.challenge({ choice: 'not_mine' })
    expect(done.body).toMatchObject({ new_user: true })
    const { sub } = await app.claims(await app.exchange(done))
    expect(sub).toBe(await ownerOf(world, phone))
    expect(sub).not.toBe(userId)
  })

  test('that says “mine” may still say “not mine”', async () => {
    const { phone, userId } = await aged(world, newGuest())
    const app = new NativeApp(world)
    await nativeSms(world, app, phone.slice(3))
    await app.challenge({ choice: 'mine' })
    expect((await app.challenge({ choice: 'not_mine' })).body).toMatchObject({ new_user: true })
    expect(await ownerOf(world, phone)).not.toBe(userId)
  })

  test('that does not know the question begins again, and nothing of it is left', async () => {
    const { phone, userId } = await aged(world, newGuest())
    const app = new NativeApp(world)
    await nativeSms(world, app, phone.slice(3))
    expect((await nativeSms(world, app, phone.slice(3))).body).toMatchObject({ step: 'confirm_owner' })
    await expectUntouched(userId, phone)
  })

  test('with a key that the account knows is not asked', async () => {
    const { phone, userId } = await aged(world, newGuest(), { days: 0 })
    const app = await new NativeApp(world).withKey()
    await app.exchange(await nativeSms(world, app, phone.slice(3)))
    await world.database.database
      .knex('identities')
      .where({ user_id: userId })
      .update({ proved_at: new Date(0) })
    app.authSession = undefined
    expect((await nativeSms(world, app, phone.slice(3))).status).toBe(200)
    await world.database.database
      .knex('identities')
      .where({ user_id: userId })
      .update({ proved_at: new Date(0) })
    const other = await new NativeApp(world).withKey()
    expect((await nativeSms(world, other, phone.slice(3))).body).toMatchObject({ step: 'confirm_owner' })
  })

  test('whose carrier names the number is asked', async () => {
    const { phone, userId } = await aged(world, newGuest())
    const app = new NativeApp(world)
    const carrier_token = upstreams.oneTap.carrier.issueAliyunToken(phone)
    const asked = await app.challenge({ method: 'one_tap', vendor: 'aliyun', carrier_token })
    expect(asked.body).toMatchObject({ step: 'confirm_owner', options: ['not_mine', 'mine'] })
    await expectUntouched(userId, phone)
  })

  test('whose mini program brings the number is not let into the account by it', async () => {
    const guest = newGuest()
    const { phone, userId } = await aged(world, guest)
    const app = new NativeApp(world, 'mp')
    const asked = await app.challenge({ method: 'wechat_mini_program', ...mini(guest) })
    expect(asked.body).toMatchObject({ step: 'conflict', options: ['login_existing', 'use_other_phone'] })
    expect((await app.challenge({ choice: 'join' })).body['message_key']).toBe('errors.request.invalid')
    await expectUntouched(userId, phone)
    await app.challenge({ choice: 'login_existing' })
    const whose = await app.challenge({ method: 'sms', otp: await world.otp(phone) })
    expect(whose.body).toMatchObject({ step: 'confirm_owner' })
    const bind = await app.challenge({ choice: 'not_mine' })
    expect(bind.body).toMatchObject({ step: 'bind_identity' })
    await app.challenge({ choice: 'bind' })
    const newcomer = await ownerOf(world, phone)
    expect(newcomer).not.toBe(userId)
    expect(await providersOf(newcomer as UserId)).toEqual(['phone', 'wechat'])
    expect(await providersOf(userId)).toEqual([])
  })

  test('that must add a number to an account says whose the other one is, and keeps its own', async () => {
    const { phone, userId } = await aged(world, newGuest())
    const own = await named('strictone')
    const app = new NativeApp(world, 'strict')
    const missing = await app.challenge({ method: 'password', identifier: 'strictone', password })
    expect(missing.body).toMatchObject({ step: 'bind_phone' })
    const asked = await nativeSms(world, app, phone.slice(3))
    expect(asked.body).toMatchObject({ step: 'confirm_owner', options: ['not_mine', 'mine'] })
    await expectUntouched(userId, phone)
    const done = await app.challenge({ choice: 'not_mine' })
    expect((await app.claims(await app.exchange(done))).sub).toBe(own)
    expect(await ownerOf(world, phone)).toBe(own)
    expect(await providersOf(userId)).toEqual([])
  })

  test('that adds a number to the account of an access token has it once its person says whose the other one is', async () => {
    const { phone, userId } = await aged(world, newGuest())
    const own = await aged(world, newGuest())
    await world.database.database.knex('identities').where({ user_id: own.userId }).update({ proved_at: new Date() })
    const app = new NativeApp(world)
    const scope = 'openid identities offline_access'
    const tokens = await app.exchange(await nativeSms(world, app, own.phone.slice(3), { scope }))
    const { access_token } = await app.refresh(tokens, { scope: 'openid identities' })
    const add = (form: Record<string, string>) =>
      app.send('POST', '/identities', form, { authorization: `Bearer ${access_token}` })
    await add({ method: 'sms', phone: phone.slice(3) })
    const refused = await add({ method: 'sms', otp: await world.otp(phone) })
    expect(refused.status).toBe(409)
    expect(refused.body).toMatchObject({ error: 'access_denied', step: 'confirm_owner', options: ['not_mine'] })
    await expectUntouched(userId, phone)
    expect((await add({ choice: 'not_mine' })).body).toMatchObject({ bound: true, is_new: true })
    expect(await ownerOf(world, phone)).toBe(own.userId)
    expect(await providersOf(userId)).toEqual([])
    // Another answer has nothing to be about.
    expect((await add({ choice: 'not_mine' })).status).toBe(400)
  })

  function mini(guest: number) {
    return {
      upstream_code: upstreams.wechat.loginMiniProgram(`p${guest}`, miniProgram),
      phone_code: upstreams.wechat.phoneCode(`p${guest}`, miniProgram),
    }
  }
})

test.each([
  ['number_given_again', false],
  ['number_same', true],
] as const)('in the sandbox %s says what the carriers say, and nobody is asked', async (name, isOwner) => {
  const { phone, userId } = await aged(world, newGuest())
  await world.visitor().post('/sandbox/oddities', { on: name })
  const answer = await proveNumber(world, world.visitor(), phone)
  await world.visitor().post('/sandbox/oddities', { off: name })
  expect(answer.location).toContain('code=')
  expect((await ownerOf(world, phone)) === userId).toBe(isOwner)
})

/** An account with a user name, a password and no phone number. */
async function named(identifier: string): Promise<UserId> {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, lead())
  await visitor.post(page.url, { method: 'register', identifier, new_password: password, agreement: 'on' })
  const owner = await directory().ownerOf({ provider: 'username', subjects: [identifier], profile: {} })
  if (!owner) throw new Error('nobody was made')
  return owner
}
