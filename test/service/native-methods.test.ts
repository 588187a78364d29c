import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import { type NativeAnswer, NativeApp, nativeBind, nativeClients, nativeSms } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
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
import { countWaits } from '../support/waits.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let upstreams: Upstreams

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ stores: 'redis', port, env: upstreams.env(['wechat', 'qq', 'weibo', 'apple', 'github']) })
  const strict = { ...nativeClients[1], client_id: 'strict', require_phone: true }
  const web = { ...clients[1], client_id: 'strict-web', require_phone: true }
  await world.register({ clients: [...clients, ...nativeClients, strict, web] as never, resources })
})
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const desk = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36' }
const bare = (number: number) => phoneOf(number).slice(3)

const brings = {
  wechat_app: (person: string) => ({ upstream_code: upstreams.wechat.authorize(person, mobileApp) }),
  wechat_mini_program: (person: string) => ({ upstream_code: upstreams.wechat.loginMiniProgram(person, miniProgram) }),
  qq_app(person: string) {
    const { access_token, openid } = upstreams.qq.issueTokens(person, qqMobileApp)
    return { upstream_token: access_token, upstream_subject: openid }
  },
  weibo_app(person: string) {
    const { access_token } = upstreams.weibo.issueTokens(person, '202')
    return { upstream_token: access_token, upstream_subject: upstreams.weibo.uid(person) }
  },
  apple(person: string) {
    const rawNonce = randomBytes(16).toString('hex')
    const nonce = createHash('sha256').update(rawNonce).digest('hex')
    const { code, identityToken } = upstreams.apple.authorizeNative(person, { clientId: bundleId, nonce })
    return { identity_token: identityToken, upstream_code: code, raw_nonce: rawNonce }
  },
} as const
type AppMethod = keyof typeof brings

/** Brings what the SDK gave; a person nobody knows asks for an account. */
async function enter(app: NativeApp, method: AppMethod, person: string): Promise<NativeAnswer> {
  const first = await app.challenge({ method, ...brings[method](person) })
  return first.body['step'] === 'choose' ? app.challenge({ choice: 'new' }) : first
}

async function subOf(app: NativeApp, answer: NativeAnswer): Promise<string> {
  const tokens = await app.exchange(answer)
  const { sub } = await app.claims(tokens)
  expect((await app.claims(await app.refresh(tokens))).sub).toBe(sub)
  return String(sub)
}

/** The same person at the same vendor, through a browser. */
async function webSub(connection: ConnectionName, person: string): Promise<string> {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
  const left = await visitor.post(page.url, { method: connection, agreement: 'on' }, desk)
  let back = ''
  if (connection === 'apple') {
    const { fields } = upstreams.apple.authorize(person, left.location ?? '')
    const cross = { ...desk, 'sec-fetch-site': 'cross-site' }
    back = (await visitor.post('/callback/apple', fields, cross)).location ?? ''
  } else {
    const body = new URLSearchParams({ person, decision: 'accept' })
    const agreed = await fetch(left.location ?? '', { method: 'POST', body, redirect: 'manual', headers: desk })
    back = (await visitor.get(agreed.headers.get('location') ?? '', desk)).location ?? ''
  }
  const done = await visitor.follow(await visitor.get(new URL(back, world.issuer), desk))
  return subjectOf(await exchange(world, 'plain', redirectUri, done.location))
}

const identitiesOf = async (sub: string) =>
  (await world.app.core.directory.find(sub as never))?.identities.map(({ provider }) => provider).sort()

describe('an identity proved in an app is the one a browser proves', () => {
  test.each([
    ['wechat_app', 'wechat', 'p1'],
    ['wechat_mini_program', 'wechat', 'p2'],
    ['qq_app', 'qq', 'p1'],
    ['weibo_app', 'weibo', 'p1'],
    ['apple', 'apple', 'p1'],
  ] as const)('%s', async (method, connection, person) => {
    const app = new NativeApp(world)
    const asked = await app.challenge({ method, ...brings[method](person) })
    expect(asked.body).toMatchObject({ step: 'choose', provider: connection, options: ['new', 'existing'] })
    const done = await app.challenge({ choice: 'new' })
    expect(done.body).toMatchObject({ new_user: true })
    const sub = await subOf(app, done)
    expect(await webSub(connection, person)).toBe(sub)
    const again = new NativeApp(world)
    const known = await again.challenge({ method, ...brings[method](person) })
    expect(known.status).toBe(200)
    expect(known.body['new_user']).toBeUndefined()
    const claims = await again.claims(await again.exchange(known))
    expect(claims).toMatchObject({ sub, amr: [connection], acr: 'urn:menshen:acr:federated' })
  })

  test.each([
    ['univerify', () => ({ vendor: 'univerify', ...univerify(21) }), 21],
    ['aliyun', () => ({ vendor: 'aliyun', carrier_token: upstreams.oneTap.carrier.issueAliyunToken(phoneOf(22)) }), 22],
    [
      'aliyun, asked about a number',
      () => ({
        vendor: 'aliyun',
        phone: bare(23),
        carrier_token: upstreams.oneTap.carrier.issueAliyunAccessCode(phoneOf(23)),
      }),
      23,
    ],
  ] as const)('one tap of %s, and SMS', async (_, bring, number) => {
    const app = new NativeApp(world)
    const done = await app.challenge({ method: 'one_tap', ...bring() })
    expect(done.body).toMatchObject({ authorization_code: expect.any(String), new_user: true })
    const tokens = await app.exchange(done)
    const claims = await app.claims(tokens)
    expect(claims).toMatchObject({ amr: ['one_tap'], acr: 'urn:menshen:acr:possession', phone_number: phoneOf(number) })
    const bySms = new NativeApp(world)
    expect(await subOf(bySms, await nativeSms(world, bySms, bare(number)))).toBe(claims.sub)
    const back = await loginBySms(world, world.visitor(), startLogin(world, 'plain', redirectUri), bare(number))
    expect(subjectOf(await exchange(world, 'plain', redirectUri, back.location))).toBe(claims.sub)
  })
})

const univerify = (number: number) => {
  const { openid, access_token } = upstreams.oneTap.carrier.issueUniverify(phoneOf(number))
  return { openid, carrier_token: access_token }
}

describe('one tap that does not work', () => {
  test('names SMS as the next step of the same session', async () => {
    const app = new NativeApp(world)
    const failed = await app.challenge({ method: 'one_tap', vendor: 'aliyun', carrier_token: 'of-nobody' })
    expect(failed.status).toBe(400)
    expect(failed.body).toMatchObject({
      message_key: 'errors.one_tap.expired',
      step: 'login',
      auth_session: expect.any(String),
    })
    expect((failed.body['methods'] as { method: string }[])[0]).toEqual({ method: 'sms', fields: ['phone'] })
    expect((await nativeSms(world, app, bare(24))).status).toBe(200)
    const { rows } = await world.database.database.knex.raw(
      `select detail from audit_events where event = 'upstream.failed' order by at desc limit 1`,
    )
    expect(JSON.stringify(rows[0])).toContain('isv.TOKEN_INVALID')
  })

  test('a carrier token is good once, however the carrier behaves, and of two at once one gets in', async () => {
    const token = { method: 'one_tap', vendor: 'univerify', ...univerify(25) }
    const answers = await Promise.all([1, 2, 3].map(() => new NativeApp(world).challenge(token)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400])
    const calls = upstreams.oneTap.univerify.simulator.requests.filter(({ body }) => body.includes(token.carrier_token))
    expect(calls).toHaveLength(1)
  })
})

describe('a mini program in one request', () => {
  const both = (person: string, phoneOwner = person) => ({
    method: 'wechat_mini_program',
    upstream_code: upstreams.wechat.loginMiniProgram(person, miniProgram),
    phone_code: upstreams.wechat.phoneCode(phoneOwner, miniProgram),
  })
  /** The account of this person's WeChat, with a number that WeChat tells is another's. */
  async function otherWith(person: string, number: number): Promise<string> {
    const app = new NativeApp(world, 'mp')
    const sub = await subOf(app, await enter(app, 'wechat_mini_program', person))
    const claim = { provider: 'phone', subjects: [phoneOf(number)], profile: {} } as const
    await world.app.core.directory.bind(sub as never, claim, { ip: '::1' })
    return sub
  }

  test('ends in one user who holds both', async () => {
    const app = new NativeApp(world, 'mp')
    const done = await app.challenge(both('p26'))
    expect(done.body).toMatchObject({ new_user: true })
    const sub = await subOf(app, done)
    expect(await identitiesOf(sub)).toEqual(['phone', 'wechat'])
    const bySms = new NativeApp(world, 'mp')
    expect(await subOf(bySms, await nativeSms(world, bySms, bare(26)))).toBe(sub)
    expect(await webSub('wechat', 'p26')).toBe(sub)
  })

  test('does so for two first logins at once', async () => {
    const apps = [1, 2, 3].map(() => new NativeApp(world, 'mp'))
    const answers = await Promise.all(apps.map((app) => app.challenge(both('p4'))))
    const subs = await Promise.all(apps.map((app, index) => subOf(app, answers[index] as NativeAnswer)))
    expect(new Set(subs).size).toBe(1)
    expect(await identitiesOf(String(subs[0]))).toEqual(['phone', 'wechat'])
    const owned = await world.database.database.knex('identity_subjects').where({ subject: phoneOf(4) })
    expect(owned).toHaveLength(1)
  })

  test('joins the account of the phone number, and the account of the WeChat identity', async () => {
    const phoneFirst = new NativeApp(world, 'mp')
    const known = await subOf(phoneFirst, await nativeSms(world, phoneFirst, bare(5)))
    const asking = new NativeApp(world, 'mp')
    const asked = await asking.challenge(both('p5'))
    expect(asked.body).toMatchObject({ step: 'conflict', options: ['login_existing', 'use_other_phone', 'join'] })
    expect(asked.body['accounts']).toEqual([{ label: '138****0005' }])
    expect(await identitiesOf(known)).toEqual(['phone'])
    expect(await subOf(asking, await asking.challenge({ choice: 'join' }))).toBe(known)
    expect(await identitiesOf(known)).toEqual(['phone', 'wechat'])
    const wechatFirst = new NativeApp(world, 'mp')
    const other = await subOf(wechatFirst, await enter(wechatFirst, 'wechat_mini_program', 'p6'))
    expect(await subOf(wechatFirst, await new NativeApp(world, 'mp').challenge(both('p6')))).toBe(other)
    expect(await identitiesOf(other)).toEqual(['phone', 'wechat'])
  })

  test('moves nothing when the number is that of another with WeChat; a fresh proof of it, and a yes, do', async () => {
    const ownerSub = await otherWith('p7', 8)
    const app = new NativeApp(world, 'mp')
    const conflict = await app.challenge(both('p8'))
    expect(conflict.body).toMatchObject({
      error: 'insufficient_authorization',
      step: 'conflict',
      options: ['login_existing', 'use_other_phone'],
      accounts: [{ label: expect.any(String) }],
    })
    expect(JSON.stringify(conflict.body)).not.toContain(bare(8))
    expect((await app.challenge({ choice: 'join' })).body['message_key']).toBe('errors.request.invalid')
    expect((await app.challenge({ choice: 'nonsense' })).body['message_key']).toBe('errors.request.invalid')
    expect(await identitiesOf(ownerSub)).toEqual(['phone', 'wechat'])
    const asked = await app.challenge({ choice: 'login_existing' })
    expect(asked.body).toMatchObject({ step: 'otp', masked: expect.stringContaining('****') })
    const done = await nativeBind(app, await app.challenge({ otp: await world.otp(phoneOf(8)) }))
    expect(await subOf(app, done)).toBe(ownerSub)
    expect(await identitiesOf(ownerSub)).toEqual(['phone', 'wechat', 'wechat'])
  })

  test('a number that is dated opens no account of others, unless the operator says so', async () => {
    const env = upstreams.env(['wechat'])
    const [wechat] = JSON.parse(env.MENSHEN_CONNECTIONS)
    const careful = [{ ...wechat, mini_program: { ...wechat.mini_program, join_by_phone: undefined } }]
    const other = await openWorld({ beside: world, env: { ...env, MENSHEN_CONNECTIONS: JSON.stringify(careful) } })
    try {
      const owner = new NativeApp(other, 'mp')
      const sub = await subOf(owner, await nativeSms(other, owner, bare(30)))
      const app = new NativeApp(other, 'mp')
      const asked = await app.challenge(both('p30'))
      expect(asked.body).toMatchObject({
        step: 'conflict',
        options: ['login_existing', 'use_other_phone'],
      })
      expect(asked.body['accounts']).toEqual([{ label: '138****0030' }])
      await app.challenge({ choice: 'login_existing' })
      const done = await nativeBind(app, await app.challenge({ otp: await other.otp(phoneOf(30)) }))
      expect(await subOf(app, done)).toBe(sub)
      expect(await identitiesOf(sub)).toEqual(['phone', 'wechat'])
    } finally {
      await other.close()
    }
  })

  test('another number makes an account of its own', async () => {
    const ownerSub = await otherWith('p9', 10)
    const app = new NativeApp(world, 'mp')
    await app.challenge(both('p10'))
    const asked = await app.challenge({ choice: 'use_other_phone' })
    expect(asked.body).toMatchObject({ step: 'bind_phone', reason: 'conflict' })
    const done = await nativeBind(app, await nativeSms(world, app, '13900020010'))
    const sub = await subOf(app, done)
    expect(sub).not.toBe(ownerSub)
    expect(await identitiesOf(sub)).toEqual(['phone', 'wechat'])
  })

  test('somebody known whose number is another’s may go on without it', async () => {
    const owner = new NativeApp(world, 'mp')
    const app = new NativeApp(world, 'mp')
    const sub = await subOf(app, await enter(app, 'wechat_mini_program', 'p12'))
    await subOf(owner, await nativeSms(world, owner, bare(12)))
    const conflict = await new NativeApp(world, 'mp').challenge(both('p12'))
    expect(conflict.body).toMatchObject({
      step: 'conflict',
      options: ['login_existing', 'use_other_phone', 'one_account', 'without_phone'],
    })
    const again = new NativeApp(world, 'mp')
    again.authSession = conflict.body.auth_session
    expect((await again.challenge({ choice: 'new' })).body['message_key']).toBe('errors.request.invalid')
    const done = await again.challenge({ choice: 'without_phone' })
    expect(await subOf(again, done)).toBe(sub)
    expect(await identitiesOf(sub)).toEqual(['wechat'])
  })

  test('a choice that could not be followed may be made again', async () => {
    const env = upstreams.env(['wechat', 'qq', 'weibo', 'apple', 'github'])
    const limits = { MENSHEN_SMS__LIMITS__PER_NUMBER: '[{ max: 1, seconds: 600 }]' }
    const sparing = await openWorld({ beside: world, env: { ...env, ...limits } })
    try {
      const owner = new NativeApp(sparing, 'mp')
      const ownerSub = await subOf(owner, await nativeSms(sparing, owner, bare(21)))
      const app = new NativeApp(world, 'mp')
      expect((await app.challenge(both('p21'))).body['step']).toBe('conflict')
      app.through(sparing)
      const tooSoon = await app.challenge({ choice: 'login_existing' })
      expect([tooSoon.status, tooSoon.body['message_key']]).toEqual([429, 'errors.otp.too_soon'])
      app.through(world)
      expect((await app.challenge({ choice: 'login_existing' })).body['step']).toBe('otp')
      const asked = await app.challenge({ otp: await world.otp(phoneOf(21)) })
      expect(await subOf(app, await nativeBind(app, asked))).toBe(ownerSub)
    } finally {
      await sparing.close()
    }
  })

  test('a phone code of somebody else is refused, by WeChat, and nothing becomes anybody’s', async () => {
    const victim = new NativeApp(world, 'mp')
    const sub = await subOf(victim, await nativeSms(world, victim, bare(31)))
    const thief = new NativeApp(world, 'mp')
    const refused = await thief.challenge(both('p32', 'p31'))
    expect(refused.body).toMatchObject({ error: 'access_denied', message_key: 'errors.upstream.code_invalid' })
    const { rows } = await world.database.database.knex.raw(
      `select detail from audit_events where event = 'upstream.failed' order by id desc limit 1`,
    )
    expect(rows[0].detail).toMatchObject({ vendor_code: '40003' })
    expect(await identitiesOf(sub)).toEqual(['phone'])
    const nobody = await new NativeApp(world, 'mp').challenge(both('p32', 'p33'))
    expect(nobody.status).not.toBe(200)
    const claim = { provider: 'phone', subjects: [phoneOf(33)], profile: {} } as const
    expect(await world.app.core.directory.ownerOf(claim)).toBeUndefined()
  })

  test('a code that was used is refused before the vendor is asked', async () => {
    const form = both('p13')
    expect((await new NativeApp(world, 'mp').challenge(form)).status).toBe(200)
    const before = upstreams.wechat.requests.length
    const replay = await new NativeApp(world, 'mp').challenge(form)
    expect(replay.body).toMatchObject({ error: 'access_denied', message_key: 'errors.upstream.code_invalid' })
    expect(upstreams.wechat.requests.length).toBe(before)
  })
})

describe('an identity nobody has', () => {
  test('is bound to an account that is logged in to', async () => {
    const first = new NativeApp(world)
    const sub = await subOf(first, await nativeSms(world, first, '13900020020'))
    const app = new NativeApp(world)
    await app.challenge({ method: 'weibo_app', ...brings.weibo_app('p14') })
    const asked = await app.challenge({ choice: 'existing' })
    expect(asked.body['step']).toBe('login')
    const question = await nativeSms(world, app, '13900020020')
    expect(question.body).toMatchObject({
      identity: { provider: 'weibo', nickname: '客人 14' },
      account: { label: '139****0020' },
      options: ['without_binding', 'bind'],
    })
    expect(await identitiesOf(sub)).toEqual(['phone'])
    expect(await subOf(app, await nativeBind(app, question))).toBe(sub)
    expect(await identitiesOf(sub)).toEqual(['phone', 'weibo'])
  })

  test('what a login is known by is no text of the app', async () => {
    const app = new NativeApp(world)
    await app.challenge({ method: 'weibo_app', ...brings.weibo_app('p23') })
    await app.exchange(await app.challenge({ choice: 'new', method: 'anything at all' }))
    const { rows } = await world.database.database.knex.raw(
      'select about from oidc_records where about is not null order by expires_at desc',
    )
    expect(JSON.stringify(rows)).not.toContain('anything at all')
  })

  test('two first logins at once end in one user', async () => {
    const apps = [1, 2, 3].map(() => new NativeApp(world))
    await Promise.all(apps.map((app) => app.challenge({ method: 'qq_app', ...brings.qq_app('p15') })))
    const answers = await Promise.all(apps.map((app) => app.challenge({ choice: 'new' })))
    const subs = await Promise.all(apps.map((app, index) => subOf(app, answers[index] as NativeAnswer)))
    expect(new Set(subs).size).toBe(1)
  })
})

describe('a client that lets nobody in without a phone number', () => {
  test('asks somebody new for it, and makes one account', async () => {
    const app = new NativeApp(world, 'strict')
    const asked = await app.challenge({ method: 'wechat_app', ...brings.wechat_app('p16') })
    expect(asked.body).toMatchObject({
      step: 'bind_phone',
      reason: 'policy',
      methods: [{ method: 'one_tap' }, { method: 'sms' }],
    })
    const done = await nativeBind(app, await app.challenge({ vendor: 'univerify', ...univerify(16) }))
    expect(await identitiesOf(await subOf(app, done))).toEqual(['phone', 'wechat'])
  })

  test('asks somebody known for it, and says when the number is another’s', async () => {
    const open = new NativeApp(world)
    const sub = await subOf(open, await enter(open, 'wechat_app', 'p17'))
    const owner = new NativeApp(world)
    const ownerSub = await subOf(owner, await nativeSms(world, owner, '13900020030'))
    const app = new NativeApp(world, 'strict')
    expect((await app.challenge({ method: 'wechat_app', ...brings.wechat_app('p17') })).body['step']).toBe('bind_phone')
    expect((await app.challenge({ method: 'weibo_app', ...brings.weibo_app('p17') })).body).toMatchObject({
      message_key: 'errors.phone.required',
      step: 'bind_phone',
    })
    const taken = await nativeSms(world, app, '13900020030')
    expect(taken.body).toMatchObject({
      step: 'conflict',
      options: ['login_existing', 'use_other_phone', 'one_account'],
    })
    expect((await app.challenge({ choice: 'use_other_phone' })).body['step']).toBe('bind_phone')
    const done = await nativeBind(app, await nativeSms(world, app, '13900020031'))
    expect(await subOf(app, done)).toBe(sub)
    expect(await identitiesOf(sub)).toEqual(['phone', 'wechat'])

    const other = new NativeApp(world)
    await subOf(other, await enter(other, 'wechat_app', 'p18'))
    const again = new NativeApp(world, 'strict')
    await again.challenge({ method: 'wechat_app', ...brings.wechat_app('p18') })
    await nativeSms(world, again, '13900020030')
    const existing = await again.challenge({ choice: 'login_existing' })
    expect(await subOf(again, existing)).toBe(ownerSub)
  })

  test('lets nobody in, and binds nothing, whose account was locked while it asked', async () => {
    const open = new NativeApp(world)
    const sub = await subOf(open, await enter(open, 'weibo_app', 'p22'))
    const app = new NativeApp(world, 'strict')
    expect((await app.challenge({ method: 'weibo_app', ...brings.weibo_app('p22') })).body['step']).toBe('bind_phone')
    expect((await app.challenge({ method: 'sms', phone: '13900020050' })).body['step']).toBe('otp')
    await world.app.core.directory.setStatus(sub as never, 'locked')
    const refused = await app.challenge({ otp: await world.otp('+8613900020050') })
    expect(refused.body).toMatchObject({ error: 'access_denied', message_key: 'errors.user.locked' })
    expect(await identitiesOf(sub)).toEqual(['weibo'])
  })

  test('does so on the pages too', async () => {
    const open = new NativeApp(world)
    const sub = await subOf(open, await enter(open, 'weibo_app', 'p19'))
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'strict-web', redirectUri))
    const left = await visitor.post(page.url, { method: 'weibo', agreement: 'on' }, desk)
    const body = new URLSearchParams({ person: 'p19', decision: 'accept' })
    const agreed = await fetch(left.location ?? '', { method: 'POST', body, redirect: 'manual', headers: desk })
    const back = await visitor.get(agreed.headers.get('location') ?? '', desk)
    const asked = await visitor.follow(await visitor.get(new URL(back.location ?? '', world.issuer), desk))
    expect(asked.text).toContain('name="phone"')
    expect(asked.text).not.toContain('name="identifier"')
    await visitor.post(page.url, { method: 'sms', phone: '13900020040' })
    const otp = await world.otp('+8613900020040')
    const question = await visitor.follow(await visitor.post(page.url, { method: 'sms', otp }))
    expect(question.text).toContain('139****0040')
    const done = await visitor.follow(await visitor.post(page.url, { choice: 'bind' }))
    expect(subjectOf(await exchange(world, 'strict-web', redirectUri, done.location))).toBe(sub)
    expect(await identitiesOf(sub)).toEqual(['phone', 'weibo'])
  })
})

test('an upstream that only works in a browser goes on there', async () => {
  const app = new NativeApp(world)
  const sent = await app.challenge({ method: 'github' })
  expect(sent.body['error']).toBe('redirect_to_web')
  const uri = encodeURIComponent(String(sent.body['request_uri']))
  const page = await reachLogin(world.visitor(), new URL(`${world.issuer}/auth?client_id=ios&request_uri=${uri}`))
  const offered = [...page.text.matchAll(/name="method" value="(\w+)"/g)].map(([, method]) => method)
  expect(offered.filter((method) => ['github', 'qq', 'wechat'].includes(method ?? ''))[0]).toBe('github')
  expect((await app.challenge({ method: 'nothing' })).body).toMatchObject({
    message_key: 'errors.attempt.method_unknown',
  })
})

test('nothing an app brought, nor a number, is in the log or the audit', async () => {
  const rows = await world.database.database.knex('audit_events').select('detail')
  const told = `${world.log.join('\n')}${JSON.stringify(rows)}`
  const vendors = [upstreams.wechat, upstreams.qq, upstreams.weibo, upstreams.apple]
  const { univerify: function_, aliyun } = upstreams.oneTap
  const requests = [...vendors, function_.simulator, aliyun.simulator].flatMap((each) => [...each.requests])
  const membersOf = (body: string) =>
    body.startsWith('{') ? Object.entries(JSON.parse(body) as Record<string, string>) : [...new URLSearchParams(body)]
  const fields = requests.flatMap(({ rawQuery, body }) => [...new URLSearchParams(rawQuery), ...membersOf(body)])
  const secret = /^(code|js_code|access_token|secret|client_secret|sign|AccessToken)$/
  const values = fields.flatMap(([name, value]) => (secret.test(name) && value.length > 7 ? [value] : []))
  expect(values.length).toBeGreaterThan(20)
  expect(values.filter((each) => told.includes(each))).toEqual([])
  expect(told).not.toMatch(/1380000\d{4}/)
})

describe('a login in one request', () => {
  const oneShots = {
    wechat_app: () => ({ method: 'wechat_app', ...brings.wechat_app('p27') }),
    mini_program: () => ({
      method: 'wechat_mini_program',
      ...brings.wechat_mini_program('p28'),
      phone_code: upstreams.wechat.phoneCode('p28', miniProgram),
    }),
    one_tap: () => ({ method: 'one_tap', vendor: 'univerify', ...univerify(29) }),
  } as const

  test.each(Object.keys(oneShots) as (keyof typeof oneShots)[])(
    'by %s: two calls of the adapter, three statements, whoever is known',
    async (name) => {
      const first = new NativeApp(world, 'mp')
      const made = await first.challenge(oneShots[name]())
      if (made.body['step'] === 'choose') await first.challenge({ choice: 'new' })
      const provider = world.app.runtime.provider()
      const models = [provider.Client, provider.Grant, provider.AuthorizationCode, provider.Session] as unknown as {
        adapter: Record<string, (...values: unknown[]) => unknown>
      }[]
      let adapterCalls = 0
      for (const { adapter } of models) {
        for (const call of ['find', 'upsert', 'consume', 'destroy', 'findByUid', 'revokeByGrantId'] as const) {
          const original = adapter[call]
          adapter[call] = (...values) => {
            adapterCalls += 1
            return original?.apply(adapter, values)
          }
        }
      }
      const statements = countWaits(world, ['readQuery', 'commitQuery', 'knex'])
      const done = await new NativeApp(world, 'mp').challenge(oneShots[name]())
      expect(done.status).toBe(200)
      // The grant and the code, which leave together; whose identity it is; the audit.
      expect(adapterCalls).toBe(2)
      expect(statements()).toBe(3)
    },
  )
})
