import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { UserId } from '../../src/base/ids.ts'
import { endRecords } from '../../src/oidc/endings/endings.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import { type NativeAnswer, NativeApp, nativeBind, nativeClients, nativeSms } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { leaveFor } from '../support/upstream.ts'
import { miniProgram, openUpstreams, phoneOf, qqMobileApp, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Two proofs of one attempt may be two people's: what the second one is asked, and that no answer but yes binds.

let world: World
let upstreams: Upstreams
let numbers = 0
let guests = 0

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ port, env: upstreams.env(['wechat', 'qq', 'github']) })
  const strict = { ...nativeClients[1], client_id: 'strict', require_phone: true }
  const web = { ...clients[1], client_id: 'strict-web', require_phone: true }
  await world.register({ clients: [...clients, ...nativeClients, strict, web] as never, resources })
})
afterEach(resetClock)
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const directory = () => world.app.core.directory
const newPhone = () => `1390077${String(++numbers).padStart(4, '0')}`
const newGuest = () => 1000 + ++guests
const start = (client = 'plain') => startLogin(world, client, redirectUri)
const subOf = async (answer: Answer, client = 'plain'): Promise<UserId> =>
  subjectOf(await exchange(world, client, redirectUri, answer.location))
const identitiesOf = async (sub: unknown) =>
  (await directory().find(sub as never))?.identities.map(({ provider }) => provider).sort()
const ownerOfGithub = (guest: number) =>
  directory().ownerOf({ provider: 'github', subjects: [`${guest}`], profile: {} })
const ownerOfPhone = (phone: string) =>
  directory().ownerOf({ provider: 'phone', subjects: [`+86${phone}`], profile: {} })

/** Somebody proves a GitHub identity that nobody has, and goes away. */
async function leaves(visitor: Visitor, guest: number, client = 'plain'): Promise<Answer> {
  const page = await reachLogin(visitor, start(client))
  const callback = upstreams.github.authorize(guest, await leaveFor(visitor, page, 'github'))
  return visitor.follow(await visitor.get(callback))
}

/** Whoever is at this browser logs in by SMS, from the page they find. */
async function goesOn(visitor: Visitor, page: Answer, phone: string): Promise<Answer> {
  const sms = `${page.url.pathname}?method=sms`
  await visitor.get(sms)
  const asked = await visitor.post(sms, { method: 'sms', phone, agreement: 'on' })
  expect(asked.status).toBe(303)
  return visitor.follow(await visitor.post(sms, { method: 'sms', otp: await world.otp(`+86${phone}`) }))
}

describe('on a computer that several use, a stranger’s identity', () => {
  test('is bound to nobody’s account by their login: a page names both, and no comes first', async () => {
    const phone = newPhone()
    const mine = await subOf(await loginBySms(world, world.visitor(), start(), phone))
    const guest = newGuest()
    const visitor = world.visitor()
    const left = await leaves(visitor, guest)
    const question = await goesOn(visitor, left, phone)
    expect(question.status).toBe(200)
    expect(question.text).toContain(`客人 ${guest - 1000}`)
    expect(question.text).toContain(`${phone.slice(0, 3)}****${phone.slice(-4)}`)
    const buttons = [...question.text.matchAll(/class="button( secondary)?" name="choice" value="(\w+)"/g)]
    expect(buttons.map(([, isSecond, choice]) => [choice, isSecond !== undefined])).toEqual([
      ['without_binding', false],
      ['bind', true],
    ])
    expect(await identitiesOf(mine)).toEqual(['phone'])
    const back = await visitor.follow(await visitor.post(left.url.pathname, { choice: 'without_binding' }))
    expect(await subOf(back)).toBe(mine)
    expect(await identitiesOf(mine)).toEqual(['phone'])
    expect(await ownerOfGithub(guest)).toBeUndefined()
    const refused = await world.database.database.knex('audit_events').where({ event: 'identity.refused' })
    expect(refused.at(-1)).toMatchObject({ user_id: mine, identity_provider: 'github', detail: { error: 'declined' } })
  })

  test('nor to the account that is made for them there and then', async () => {
    const phone = newPhone()
    const guest = newGuest()
    const visitor = world.visitor()
    const left = await leaves(visitor, guest)
    expect((await goesOn(visitor, left, phone)).text).toContain('value="without_binding"')
    const mine = await subOf(await visitor.follow(await visitor.post(left.url.pathname, { choice: 'without_binding' })))
    expect(await identitiesOf(mine)).toEqual(['phone'])
    expect(await ownerOfGithub(guest)).toBeUndefined()
  })

  test('nor where the app demands a phone number, and theirs is it', async () => {
    const phone = newPhone()
    const guest = newGuest()
    const visitor = world.visitor()
    const left = await leaves(visitor, guest, 'strict-web')
    expect((await goesOn(visitor, left, phone)).text).toContain('value="without_binding"')
    const back = await visitor.follow(await visitor.post(left.url.pathname, { choice: 'without_binding' }))
    expect(await identitiesOf(await subOf(back, 'strict-web'))).toEqual(['phone'])
    expect(await ownerOfGithub(guest)).toBeUndefined()
  })

  test('takes nobody’s number: of an account that lacks one, and the number that was asked for, no keeps both apart', async () => {
    const guest = newGuest()
    const stranger = world.visitor()
    const theirs = await subOf(
      await stranger.follow(await stranger.post((await leaves(stranger, guest)).url.pathname, { choice: 'new' })),
    )
    const phone = newPhone()
    const visitor = world.visitor()
    const waiting = await leaves(visitor, guest, 'strict-web')
    expect(waiting.text).toContain('name="phone"')
    const question = await goesOn(visitor, waiting, phone)
    expect(question.text).toContain(`${phone.slice(0, 3)}****${phone.slice(-4)}`)
    expect(question.text).toContain(`客人 ${guest - 1000}`)
    expect(await ownerOfPhone(phone)).toBeUndefined()
    const back = await visitor.follow(await visitor.post(waiting.url.pathname, { choice: 'without_binding' }))
    const mine = await subOf(back, 'strict-web')
    expect(mine).not.toBe(theirs)
    expect(await ownerOfPhone(phone)).toBe(mine)
    expect(await identitiesOf(theirs)).toEqual(['github'])
    const { amr } = decodeJwt(String((await exchangeAgain(visitor)).id_token)) as { amr?: string[] }
    expect(amr).toEqual(['sms', 'otp'])
  })

  async function exchangeAgain(visitor: Visitor) {
    const again = await visitor.follow(await visitor.get(start('strict-web')))
    return exchange(world, 'strict-web', redirectUri, again.location)
  }
})

test('whose both are says yes, and has both from then on', async () => {
  const phone = newPhone()
  const mine = await subOf(await loginBySms(world, world.visitor(), start(), phone))
  const guest = newGuest()
  const visitor = world.visitor()
  const left = await leaves(visitor, guest)
  await goesOn(visitor, left, phone)
  // The question is there as long as nobody has answered it.
  expect((await visitor.get(left.url.pathname)).text).toContain('value="bind"')
  const tokens = await exchange(
    world,
    'plain',
    redirectUri,
    (await visitor.follow(await visitor.post(left.url.pathname, { choice: 'bind' }))).location,
  )
  expect(decodeJwt(tokens['id_token'] ?? '')).toMatchObject({ sub: mine, amr: ['sms', 'otp', 'github'] })
  expect(await ownerOfGithub(guest)).toBe(mine)
})

test('who logs in once more instead of answering is asked once more, and about themselves', async () => {
  const [first, second] = [newPhone(), newPhone()]
  const guest = newGuest()
  const visitor = world.visitor()
  const left = await leaves(visitor, guest)
  await goesOn(visitor, left, first)
  const question = await goesOn(visitor, left, second)
  expect(question.text).toContain(second.slice(-4))
  expect(question.text).not.toContain(`****${first.slice(-4)}`)
  const back = await visitor.follow(await visitor.post(left.url.pathname, { choice: 'bind' }))
  const sub = await subOf(back)
  expect(await ownerOfPhone(second)).toBe(sub)
  expect(await identitiesOf(await ownerOfPhone(first))).toEqual(['phone'])
})

test('of two tabs that answer yes and no at once, one counts', async () => {
  const outcomes = new Set<string>()
  for (let round = 0; round < 6; round++) {
    const phone = newPhone()
    const guest = newGuest()
    const visitor = world.visitor()
    const left = await leaves(visitor, guest)
    await goesOn(visitor, left, phone)
    const choices = round % 2 === 0 ? ['bind', 'without_binding'] : ['without_binding', 'bind']
    const answers = await Promise.all(choices.map((choice) => visitor.post(left.url.pathname, { choice })))
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 400])
    const counted = choices[answers.findIndex(({ status }) => status === 303)] ?? ''
    const sub = await subOf(await visitor.follow(answers.find(({ status }) => status === 303) as Answer))
    expect(await ownerOfGithub(guest)).toBe(counted === 'bind' ? sub : undefined)
    outcomes.add(counted)
  }
  expect(outcomes.size).toBeGreaterThan(0)
})

test('what has become somebody else’s since the question is not bound, and no is left', async () => {
  const phone = newPhone()
  const guest = newGuest()
  const visitor = world.visitor()
  const left = await leaves(visitor, guest)
  await goesOn(visitor, left, phone)
  const faster = world.visitor()
  const theirs = await subOf(
    await faster.follow(await faster.post((await leaves(faster, guest)).url.pathname, { choice: 'new' })),
  )
  const refused = await visitor.post(left.url.pathname, { choice: 'bind' })
  expect(refused.status).toBe(409)
  expect(refused.text).toContain('identity.taken')
  expect(refused.text).not.toContain('value="bind"')
  const back = await visitor.follow(await visitor.post(left.url.pathname, { choice: 'without_binding' }))
  expect(await ownerOfPhone(phone)).toBe(await subOf(back))
  expect(await ownerOfGithub(guest)).toBe(theirs)
})

describe('the question is over', () => {
  async function asked() {
    const phone = newPhone()
    const guest = newGuest()
    const visitor = world.visitor()
    const left = await leaves(visitor, guest)
    await goesOn(visitor, left, phone)
    const answer = (choice: string) => visitor.post(left.url.pathname, { choice })
    return { guest, answer, sub: await ownerOfPhone(phone) }
  }

  test.each(['bind', 'without_binding'])('ten minutes after the proofs, for %s', async (choice) => {
    const { guest, answer } = await asked()
    walkTo(601_000)
    const late = await answer(choice)
    expect(late.status).toBe(400)
    expect(late.text).toContain('attempt.expired')
    expect(await ownerOfGithub(guest)).toBeUndefined()
  })

  test.each(['bind', 'without_binding'])('once everything of the account was ended, for %s', async (choice) => {
    const { guest, answer, sub } = await asked()
    walkTo(1000)
    await endRecords(world.app.core, sub as never, { kind: 'all' }, { reason: 'operator' })
    expect((await answer(choice)).status).toBe(400)
    expect(await ownerOfGithub(guest)).toBeUndefined()
  })

  test('for an account that was locked', async () => {
    const { guest, answer, sub } = await asked()
    await directory().setStatus(sub as never, 'locked')
    expect((await answer('bind')).status).toBe(403)
    expect(await ownerOfGithub(guest)).toBeUndefined()
  })

  test('for whoever was not asked', async () => {
    const visitor = world.visitor()
    const left = await leaves(visitor, newGuest())
    for (const choice of ['bind', 'without_binding']) {
      expect((await visitor.post(left.url.pathname, { choice })).status).toBe(400)
    }
  })
})

describe('in an app', () => {
  const qq = (person: string) => {
    const { access_token, openid } = upstreams.qq.issueTokens(person, qqMobileApp)
    return { method: 'qq_app', upstream_token: access_token, upstream_subject: openid }
  }
  const ownerOfQq = async (person: string) => {
    const answer = await new NativeApp(world).challenge(qq(person))
    return answer.body['step'] === 'choose' ? undefined : 'somebody'
  }
  const claimsOf = async (app: NativeApp, answer: NativeAnswer) => app.claims(await app.exchange(answer))

  async function existing(person: string, phone: string, client?: string) {
    const app = new NativeApp(world, client)
    await app.challenge(qq(person))
    await app.challenge({ choice: 'existing' })
    return { app, question: await nativeSms(world, app, phone) }
  }

  test('the step names both, no comes first, and leaves what waited to nobody', async () => {
    const phone = newPhone()
    const { app, question } = await existing('p1', phone)
    expect(question.body).toMatchObject({
      error: 'insufficient_authorization',
      step: 'bind_identity',
      identity: { provider: 'qq', label: expect.stringContaining('****'), nickname: '客人 1' },
      account: { label: `${phone.slice(0, 3)}****${phone.slice(-4)}` },
      options: ['without_binding', 'bind'],
    })
    expect((await app.challenge({ choice: 'nonsense' })).body['message_key']).toBe('errors.request.invalid')
    const claims = await claimsOf(app, await app.challenge({ choice: 'without_binding' }))
    expect(claims['amr']).toEqual(['sms', 'otp'])
    expect(await identitiesOf(claims.sub)).toEqual(['phone'])
    expect(await ownerOfQq('p1')).toBeUndefined()
  })

  test('yes binds', async () => {
    const { app, question } = await existing('p2', newPhone())
    const claims = await claimsOf(app, await nativeBind(app, question))
    expect(claims['amr']).toEqual(['sms', 'otp', 'qq'])
    expect(await identitiesOf(claims.sub)).toEqual(['phone', 'qq'])
  })

  test('an app that answers with another login binds nothing', async () => {
    const { app } = await existing('p3', newPhone())
    const { sub } = await claimsOf(app, await nativeSms(world, app, newPhone()))
    expect(await identitiesOf(sub)).toEqual(['phone'])
    expect(await ownerOfQq('p3')).toBeUndefined()
  })

  test('the number that an account lacked is added by a yes alone', async () => {
    const open = new NativeApp(world)
    await open.challenge(qq('p4'))
    const { sub: theirs } = await claimsOf(open, await open.challenge({ choice: 'new' }))
    const phone = newPhone()
    const app = new NativeApp(world, 'strict')
    expect((await app.challenge(qq('p4'))).body['step']).toBe('bind_phone')
    const question = await nativeSms(world, app, phone)
    expect(question.body).toMatchObject({
      step: 'bind_identity',
      identity: { provider: 'phone', label: `${phone.slice(0, 3)}****${phone.slice(-4)}` },
      account: { nickname: '客人 4' },
    })
    const mine = await claimsOf(app, await app.challenge({ choice: 'without_binding' }))
    expect(mine.sub).not.toBe(theirs)
    expect(await ownerOfPhone(phone)).toBe(mine.sub)
    expect(await identitiesOf(theirs)).toEqual(['qq'])

    const again = new NativeApp(world, 'strict')
    await again.challenge(qq('p4'))
    const own = newPhone()
    const { sub } = await claimsOf(again, await nativeBind(again, await nativeSms(world, again, own)))
    expect(sub).toBe(theirs)
    expect(await ownerOfPhone(own)).toBe(theirs)
  })

  test('what cannot be bound by now is told, with what is left to answer', async () => {
    const { app } = await existing('p5', newPhone())
    const faster = new NativeApp(world)
    await faster.challenge(qq('p5'))
    await faster.challenge({ choice: 'new' })
    const refused = await app.challenge({ choice: 'bind' })
    expect(refused.body).toMatchObject({
      message_key: 'errors.identity.taken',
      step: 'bind_identity',
      options: ['without_binding'],
    })
    expect((await app.challenge({ choice: 'without_binding' })).status).toBe(200)
  })

  test('a WeChat nobody has joins the account of its number by an answer, and only the account that was shown', async () => {
    const both = (person: string) => ({
      method: 'wechat_mini_program',
      upstream_code: upstreams.wechat.loginMiniProgram(person, miniProgram),
      phone_code: upstreams.wechat.phoneCode(person, miniProgram),
    })
    const owner = new NativeApp(world, 'mp')
    const { sub } = await claimsOf(owner, await nativeSms(world, owner, phoneOf(6).slice(3)))
    const app = new NativeApp(world, 'mp')
    const asked = await app.challenge(both('p6'))
    expect(asked.body).toMatchObject({ step: 'conflict', options: ['login_existing', 'use_other_phone', 'join'] })
    expect(await identitiesOf(sub)).toEqual(['phone'])
    // The number moves to somebody else before the answer.
    const account = await directory().find(sub as never)
    const number = account?.identities.find(({ provider }) => provider === 'phone')
    await directory().bind(
      sub as never,
      { provider: 'email', subjects: ['six@example.com'], profile: {} },
      { ip: '::1' },
    )
    await directory().unbind(sub as never, number?.id as never, async () => {})
    const next = await directory().register({ provider: 'phone', subjects: [phoneOf(6)], profile: {} }, { ip: '::1' })
    expect((await app.challenge({ choice: 'join' })).body['message_key']).toBe('errors.attempt.expired')
    expect(await identitiesOf(sub)).toEqual(['email'])
    expect(await identitiesOf(next.user.id)).toEqual(['phone'])
    const anew = new NativeApp(world, 'mp')
    await anew.challenge(both('p6'))
    expect((await claimsOf(anew, await anew.challenge({ choice: 'join' }))).sub).toBe(next.user.id)
    expect(await identitiesOf(next.user.id)).toEqual(['phone', 'wechat'])
  })

  test('a number that WeChat verified some time ago is not added to whoever is signed in either', async () => {
    const env = upstreams.env(['wechat'])
    const [wechat] = JSON.parse(env.MENSHEN_CONNECTIONS)
    const usual = [{ ...wechat, mini_program: { ...wechat.mini_program, join_by_phone: undefined } }]
    const other = await openWorld({ beside: world, env: { ...env, MENSHEN_CONNECTIONS: JSON.stringify(usual) } })
    try {
      const app = new NativeApp(other, 'mp')
      const login = await nativeSms(other, app, newPhone(), { scope: 'openid identities offline_access' })
      const tokens = await app.exchange(login)
      const { access_token: token } = await app.refresh(tokens, { scope: 'openid identities' })
      const form = {
        method: 'wechat_mini_program',
        upstream_code: upstreams.wechat.loginMiniProgram('p7', miniProgram),
        phone_code: upstreams.wechat.phoneCode('p7', miniProgram),
      }
      const bound = await app.send('POST', '/identities', form, { authorization: `Bearer ${token}` })
      expect(bound.body).toMatchObject({ bound: true })
      const claim = { provider: 'phone', subjects: [phoneOf(7)], profile: {} } as const
      expect(await directory().ownerOf(claim)).toBeUndefined()
    } finally {
      await other.close()
    }
  })
})
