import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { endRecords } from '../../src/oidc/endings/endings.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { codeChallenge, codeVerifier, exchange, reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeBind, nativeClients, nativeSms } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { miniProgram, openUpstreams, phoneOf, qqMobileApp, type Upstreams } from '../support/upstreams.ts'
import { openWorld, type World } from '../support/world.ts'

// What a person proved and left unfinished: whom it lets in, whose it becomes, and until when.

let world: World
let upstreams: Upstreams

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ stores: 'tables', port, env: upstreams.env(['wechat', 'qq']) })
  const strict = { ...nativeClients[1], client_id: 'strict', require_phone: true }
  const patient = { ...nativeClients[1], client_id: 'patient', default_max_age: 3600 }
  const web = { ...clients[1], client_id: 'strict-web', require_phone: true }
  await world.register({ clients: [...clients, ...nativeClients, strict, patient, web] as never, resources })
})
afterEach(resetClock)
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const directory = () => world.app.core.directory
const identitiesOf = async (sub: unknown) =>
  (await directory().find(sub as never))?.identities.map(({ provider }) => provider).sort()
const bare = (number: number) => phoneOf(number).slice(3)
const minute = 60_000
const day = 86_400_000

let names = 0
/** An account with a user name, a password and no phone number; the name, and whose it is. */
async function named(): Promise<{ readonly identifier: string; readonly sub: string }> {
  names += 1
  const identifier = `lilei${names}`
  const visitor = world.visitor()
  const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
  await visitor.post(page.url, { method: 'register', identifier, new_password: password, agreement: 'on' })
  const user = await world.database.database
    .knex('identity_subjects')
    .join('identities', 'identities.id', 'identity_subjects.identity_id')
    .where({ subject: identifier })
    .first('identities.user_id')
  return { identifier, sub: user.user_id }
}
const password = 'a long enough phrase'

describe('a login that waits for a phone number', () => {
  async function waiting(more: Record<string, string> = {}) {
    const { identifier, sub } = await named()
    const app = new NativeApp(world, 'strict')
    const asked = await app.challenge({ method: 'password', identifier, password, ...more })
    expect(asked.body).toMatchObject({ step: 'bind_phone', reason: 'policy' })
    return { app, sub, identifier }
  }

  const endings: readonly (readonly [string, (sub: string) => Promise<unknown>])[] = [
    [
      'everything of that user was ended',
      (sub) => endRecords(world.app.core, sub as never, { kind: 'all' }, { reason: 'password_reset' }),
    ],
    [
      'the password it was proved with was changed',
      (sub) =>
        world.database.database
          .knex('passwords')
          .where({ user_id: sub })
          .update({ updated_at: new Date(Date.now()) }),
    ],
    [
      'the name it was proved with was taken away',
      async (sub) => {
        const account = await directory().find(sub as never)
        await directory().bind(sub as never, { provider: 'email', subjects: ['a@b.cn'], profile: {} }, { ip: '::1' })
        await directory().unbind(sub as never, account?.identities[0]?.id as never, async () => {})
      },
    ],
  ]
  test.each(endings)('ends when %s meanwhile: nothing is sent, and nothing becomes theirs', async (_, end) => {
    const { app, sub } = await waiting()
    walkTo(minute)
    await end(sub)
    const before = await identitiesOf(sub)
    const refused = await app.challenge({ method: 'sms', phone: bare(60) })
    expect(refused.body['message_key']).toBe('errors.attempt.expired')
    await expect(world.otp(phoneOf(60))).rejects.toThrow('nothing was sent')
    expect(await identitiesOf(sub)).toEqual(before)
    // The attempt begins again, as whoever comes now.
    expect((await app.challenge({ choice: 'use_other_phone' })).body['message_key']).toBe('errors.request.invalid')
    const anew = await app.challenge({ method: 'password', identifier: 'nobody', password })
    expect(anew.body['message_key']).toBe('errors.password.wrong')
  })

  test('ends in the middle of the code, too', async () => {
    const { app, sub } = await waiting()
    await app.challenge({ method: 'sms', phone: bare(61) })
    walkTo(minute)
    await endRecords(world.app.core, sub as never, { kind: 'all' }, { reason: 'operator' })
    const refused = await app.challenge({ otp: await world.otp(phoneOf(61)) })
    expect(refused.body['message_key']).toBe('errors.attempt.expired')
    expect(await identitiesOf(sub)).toEqual(['username'])
  })

  test('tells when the person was recognised, not when they added the number', async () => {
    const { app, sub } = await waiting()
    const before = Math.floor(Date.now() / 1000)
    walkTo(8 * minute)
    const claims = await app.claims(await app.exchange(await nativeBind(app, await nativeSms(world, app, bare(62)))))
    expect(claims.sub).toBe(sub)
    expect(Number(claims['auth_time']) - before).toBeLessThan(60)
    expect(claims['amr']).toEqual(['pwd', 'sms', 'otp'])
  })

  test('is over ten minutes after the proof, however often it was asked', async () => {
    const { app, sub } = await waiting()
    walkTo(6 * minute)
    const other = new NativeApp(world, 'strict')
    await nativeSms(world, other, bare(63))
    const conflict = await nativeSms(world, app, bare(63))
    expect(conflict.body['step']).toBe('conflict')
    await app.challenge({ choice: 'use_other_phone' })
    walkTo(11 * minute)
    const done = await nativeSms(world, app, bare(64))
    expect((await app.claims(await app.exchange(done))).sub).not.toBe(sub)
  })

  test('counts by its age where the request limits that', async () => {
    const { app } = await waiting({ max_age: '60' })
    walkTo(2 * minute)
    const late = await nativeBind(app, await nativeSms(world, app, bare(65)))
    expect(late.body).toMatchObject({ step: 'login' })
  })
})

test('a browser is asked again where the login is too old by the time its phone number is there', async () => {
  const { identifier, sub } = await named()
  const visitor = world.visitor()
  const page = await reachLogin(visitor, startLogin(world, 'strict-web', redirectUri, { max_age: '60' }))
  await visitor.post(page.url, { method: 'password', identifier, password, agreement: 'on' })
  walkTo(2 * minute)
  await visitor.post(page.url, { method: 'sms', phone: bare(66) })
  await visitor.post(page.url, { method: 'sms', otp: await world.otp(phoneOf(66)) })
  const late = await visitor.follow(await visitor.post(page.url, { choice: 'bind' }))
  expect(late).toMatchObject({ status: 200, url: { pathname: page.url.pathname } })
  expect(await identitiesOf(sub)).toEqual(['phone', 'username'])
  const again = await visitor.post(page.url, { method: 'password', identifier, password, agreement: 'on' })
  const { location } = await visitor.follow(again)
  const tokens = await exchange(world, 'strict-web', redirectUri, location)
  const { auth_time, sub: told } = decodeJwt(tokens['id_token'] ?? '')
  expect(told).toBe(sub)
  expect(Date.now() / 1000 - Number(auth_time)).toBeLessThan(60)
})

describe('what waits for a choice', () => {
  const qq = (person: string) => {
    const { access_token, openid } = upstreams.qq.issueTokens(person, qqMobileApp)
    return { method: 'qq_app', upstream_token: access_token, upstream_subject: openid }
  }
  const subOf = async (app: NativeApp, answer: Parameters<NativeApp['exchange']>[0]) =>
    (await app.claims(await app.exchange(answer))).sub

  test('does not become somebody’s who logs in instead', async () => {
    const app = new NativeApp(world)
    expect((await app.challenge(qq('p1'))).body['step']).toBe('choose')
    const sub = await subOf(app, await nativeSms(world, app, bare(70)))
    expect(await identitiesOf(sub)).toEqual(['phone'])
    const owner = new NativeApp(world)
    expect((await owner.challenge(qq('p1'))).body['step']).toBe('choose')
  })

  test('does not become theirs who come without the phone number that was asked for', async () => {
    const { identifier, sub } = await named()
    const claim = { provider: 'phone', subjects: [phoneOf(73)], profile: {} } as const
    await directory().bind(sub as never, claim, { ip: '::1' })
    const app = new NativeApp(world, 'strict')
    expect((await app.challenge(qq('p3'))).body['step']).toBe('bind_phone')
    const done = await app.challenge({ method: 'password', identifier, password })
    expect(await subOf(app, done)).toBe(sub)
    expect(await identitiesOf(sub)).toEqual(['phone', 'username'])
  })

  test('becomes theirs who say so, with a second try of what went wrong', async () => {
    const app = new NativeApp(world)
    await app.challenge(qq('p2'))
    const wrong = await app.challenge({ choice: 'existing', method: 'sms', phone: '1' })
    expect(wrong.body['message_key']).toBe('errors.phone.invalid')
    const asked = await app.challenge({ choice: 'existing', method: 'sms', phone: bare(71) })
    expect(asked.body['step']).toBe('otp')
    const question = await app.challenge({ otp: await world.otp(phoneOf(71)) })
    const sub = await subOf(app, await nativeBind(app, question))
    expect(await identitiesOf(sub)).toEqual(['phone', 'qq'])
  })

  test('is not offered anew to whoever was asked nothing', async () => {
    const app = new NativeApp(world)
    await app.challenge({ method: 'sms', phone: bare(72) })
    expect((await app.challenge({ choice: 'existing' })).body['message_key']).toBe('errors.request.invalid')
  })
})

describe('a number that is dated, which opens nothing', () => {
  let careful: World
  beforeAll(async () => {
    const env = upstreams.env(['wechat'])
    const [wechat] = JSON.parse(env.MENSHEN_CONNECTIONS)
    const dated = [{ ...wechat, mini_program: { ...wechat.mini_program, join_by_phone: undefined } }]
    careful = await openWorld({ beside: world, env: { ...env, MENSHEN_CONNECTIONS: JSON.stringify(dated) } })
  })
  afterAll(() => careful?.close())

  const both = (person: string) => ({
    method: 'wechat_mini_program',
    upstream_code: upstreams.wechat.loginMiniProgram(person, miniProgram),
    phone_code: upstreams.wechat.phoneCode(person, miniProgram),
  })

  test('is nobody’s until a code proves it, and then one account has both', async () => {
    const app = new NativeApp(careful, 'mp')
    const asked = await app.challenge(both('p24'))
    expect(asked.body).toMatchObject({ step: 'conflict', accounts: [], options: ['login_existing', 'use_other_phone'] })
    expect(await directory().ownerOf({ provider: 'phone', subjects: [phoneOf(24)], profile: {} })).toBeUndefined()
    expect((await app.challenge({ choice: 'login_existing' })).body['step']).toBe('otp')
    const done = await nativeBind(app, await app.challenge({ otp: await careful.otp(phoneOf(24)) }))
    expect(done.body['new_user']).toBe(true)
    const { sub } = await app.claims(await app.exchange(done))
    expect(await identitiesOf(sub)).toEqual(['phone', 'wechat'])
  })

  test('is not added to whom WeChat knows', async () => {
    const app = new NativeApp(careful, 'mp')
    await app.challenge({ ...both('p25'), phone_code: '' })
    await app.challenge({ choice: 'new' })
    const again = new NativeApp(careful, 'mp')
    const { sub } = await again.claims(await again.exchange(await again.challenge(both('p25'))))
    expect(await identitiesOf(sub)).toEqual(['wechat'])
  })
})

describe('an answer to a new document', () => {
  const documents = (version: string) => JSON.stringify([{ id: 'terms', version, url: '/terms', reconfirm: true }])
  const pkce = { response_type: 'code', code_challenge: codeChallenge, code_challenge_method: 'S256' }
  const asks = { ...pkce, scope: 'openid phone offline_access', agreements: 'terms@2' }
  let before: World
  let after: World

  beforeAll(async () => {
    before = await openWorld({ beside: world, env: { MENSHEN_AGREEMENTS: documents('1') } })
    after = await openWorld({ beside: world, env: { MENSHEN_AGREEMENTS: documents('2') } })
  })
  afterAll(async () => {
    await after?.close()
    await before?.close()
  })

  async function waitingLogin(clientId: string, phone: string, useUntil = 0) {
    const app = new NativeApp(before, clientId)
    let tokens = await app.exchange(await nativeSms(before, app, phone, { agreements: 'terms@1' }))
    for (let at = 20 * day; at <= useUntil; at += 20 * day) {
      walkTo(at)
      tokens = await app.refresh(tokens)
    }
    app.through(after)
    const ask = async () => {
      const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
      return (await app.tryToken(form)).body.auth_session
    }
    return { app, ask }
  }

  test('moves no limit: the tokens end as long after the login as they would have', async () => {
    const { app, ask } = await waitingLogin('mp', '13900060001', 160 * day)
    walkTo(170 * day)
    app.authSession = await ask()
    const next = await app.exchange(await app.challenge(asks))
    walkTo(179 * day)
    const last = await app.refresh(next)
    walkTo(180 * day - 5 * minute)
    const end = await app.refresh(last)
    walkTo(180 * day + minute)
    const late = await app.tryToken({ grant_type: 'refresh_token', refresh_token: end.refresh_token })
    expect(late.body['error']).toBe('invalid_grant')
    walkTo(183 * day)
    await world.app.core.sweep()
    const claims = decodeJwt(next.id_token)
    const [line] = await world.database.database
      .knex('audit_events')
      .where({ user_id: claims.sub, event: 'grant.expired' })
    expect(line.detail.login_at).toBe(claims['auth_time'])
  })

  test('gives no access token past the limit either', async () => {
    const { app, ask } = await waitingLogin('mp', '13900060004', 160 * day)
    walkTo(180 * day - 5 * minute)
    app.authSession = await ask()
    const { body } = await app.tryToken({
      grant_type: 'authorization_code',
      code: String((await app.challenge(asks)).body.authorization_code),
      code_verifier: codeVerifier,
    })
    expect(Number(body['expires_in'])).toBeLessThanOrEqual(300)
  })

  test('is not enough for a client whose logins may not be that old', async () => {
    const { app, ask } = await waitingLogin('patient', '13900060002')
    walkTo(2 * 3600_000)
    app.authSession = await ask()
    expect((await app.challenge(asks)).body['step']).toBe('login')
  })

  test('that comes twice at once goes on once', async () => {
    const { app, ask } = await waitingLogin('mp', '13900060003')
    const sessions = [await ask(), await ask()]
    const answers = await Promise.all(
      sessions.map(async (authSession) => {
        const each = new NativeApp(after, 'mp')
        each.authSession = authSession
        return each.challenge(asks)
      }),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400])
    const lost = answers.find(({ status }) => status === 400)
    expect(lost?.body['error']).toBe('invalid_session')
    const won = answers.find(({ status }) => status === 200)
    expect(won && (await app.exchange(won)).refresh_token).toBeTruthy()
  })
})

test('an essential acr that nothing here reaches fails before anything is proved', async () => {
  const acr = (value: object) => JSON.stringify({ id_token: { acr: { essential: true, ...value } } })
  const ask = (claims: string) => new NativeApp(world).challenge({ method: 'sms', phone: bare(80), claims })
  for (const value of [{ value: 'urn:example:high' }, { values: ['urn:example:high', 1] }]) {
    const { status, body } = await ask(acr(value))
    expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'unmet_authentication_requirements' })
  }
  await expect(world.otp(phoneOf(80))).rejects.toThrow('nothing was sent')
  for (const value of [{}, { values: ['urn:example:high', 'urn:menshen:acr:possession'] }]) {
    expect((await ask(acr(value))).body['error']).not.toBe('unmet_authentication_requirements')
  }
})
