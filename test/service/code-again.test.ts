import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { formToken, signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { type Answer, errorIn, type Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Whoever begins anew in the same browser is led back to the code that is on its way; nobody else hears of it.

let world: World
let numbers = 0

beforeAll(async () => {
  const env = {
    MENSHEN_REGISTRATION__EMAIL: 'open',
    MENSHEN_SMS__LIMITS__PER_NUMBER: '[{ max: 1, seconds: 60 }, { max: 100, seconds: 3600 }]',
  }
  world = await openWorld({ env })
  await world.register({ clients, resources })
})
afterEach(resetClock)
afterAll(() => world.close())

const newPhone = () => `1390009${String(++numbers).padStart(4, '0')}`
const isIn = (answer: Answer) => /\/auth\//.test(answer.location ?? '')
const waitOn = ({ text }: Answer) => Number(/data-wait="(\d+)"/.exec(text)?.[1])

async function sentTo(to: string): Promise<number> {
  const address = `${world.issuer}/sandbox/outbox?to=${encodeURIComponent(to)}`
  const response = await fetch(address, { headers: { accept: 'application/json' } })
  return ((await response.json()) as unknown[]).length
}

/** A new login of a browser, and what its forms answer. */
async function begins(visitor: Visitor) {
  const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
  const send = (form: Record<string, string>) =>
    visitor.post(page.url.pathname, { method: 'sms', agreement: 'on', ...form })
  const sees = async (form: Record<string, string>) => visitor.follow(await send(form))
  return { page, send, sees }
}

describe('another login of the same browser', () => {
  test('leads the same number back to its code and what is left of the wait, and the code is good there', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const first = waitOn(await (await begins(visitor)).sees({ phone }))
    walkTo(20_000)
    const again = await begins(visitor)
    const page = await again.sees({ phone })
    expect(page.text).toContain('name="otp"')
    expect(page.text).toContain('此前发送的验证码仍然有效')
    expect(first - waitOn(page)).toBeGreaterThanOrEqual(19)
    expect(await sentTo(`+86${phone}`)).toBe(1)
    expect(isIn(await again.send({ otp: await world.otp(`+86${phone}`) }))).toBe(true)
  })

  test('does so for as long as the code lives; a further one is a press of its own and replaces it everywhere', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const first = await begins(visitor)
    await first.send({ phone })
    const old = await world.otp(`+86${phone}`)
    walkTo(200_000)
    const again = await begins(visitor)
    await again.send({ phone })
    expect(await sentTo(`+86${phone}`)).toBe(1)
    expect((await again.send({ resend: '1' })).status).toBe(303)
    expect(await sentTo(`+86${phone}`)).toBe(2)
    expect(errorIn(await first.send({ otp: old }))).toBe('otp.replaced')
    expect(errorIn(await again.send({ otp: old }))).toBe('otp.replaced')
    expect(isIn(await again.send({ otp: await world.otp(`+86${phone}`) }))).toBe(true)
  })

  test('gives no tries beside those of the code, and asks for another when they are used up', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const first = await begins(visitor)
    await first.send({ phone })
    const wrong = (await world.otp(`+86${phone}`)) === '000000' ? '000001' : '000000'
    for (let tries = 0; tries < 3; tries++) await first.send({ otp: wrong })
    const again = await begins(visitor)
    await again.send({ phone })
    expect((await again.send({ otp: wrong })).text).toContain('还可以再试 1 次')
    expect(errorIn(await again.send({ otp: wrong }))).toBe('otp.tries_used')
    const third = await begins(visitor)
    expect(errorIn(await third.send({ phone }))).toBe('otp.too_soon')
    walkTo(61_000)
    expect((await third.send({ phone })).status).toBe(303)
    expect(isIn(await third.send({ otp: await world.otp(`+86${phone}`) }))).toBe(true)
  })

  test('of two attempts that enter one code at once one is in', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const attempts = [await begins(visitor), await begins(visitor), await begins(visitor)]
    for (const each of attempts) await each.send({ phone })
    expect(await sentTo(`+86${phone}`)).toBe(1)
    const otp = await world.otp(`+86${phone}`)
    const answers = await Promise.all(attempts.map((each) => each.send({ otp })))
    expect(answers.filter(isIn)).toHaveLength(1)
  })

  test('finds the codes of three numbers again, and a code for a login is none for a reset', async () => {
    const visitor = world.visitor()
    const phones = [newPhone(), newPhone(), newPhone()]
    for (const phone of phones) await (await begins(visitor)).send({ phone })
    const again = await begins(visitor)
    for (const phone of phones) {
      expect((await again.send({ phone })).status).toBe(303)
      expect(await sentTo(`+86${phone}`)).toBe(1)
    }
    const [phone = ''] = phones
    const otp = await world.otp(`+86${phone}`)
    const asked = await again.sees({ method: 'reset', identifier: phone })
    expect(asked.text).not.toContain('此前发送的验证码仍然有效')
    expect(errorIn(await again.send({ method: 'reset', otp }))).toBe('otp.wrong')
  })

  test('finds a code for a registration again, with the password that was typed last', async () => {
    const visitor = world.visitor()
    const form = { method: 'register', identifier: 'tea@again.example.com', kind: 'email' }
    await (await begins(visitor)).send({ ...form, new_password: 'ripe tea from 4 mountains' })
    const again = await begins(visitor)
    expect((await again.send({ ...form, new_password: 'harvest of 5 valleys' })).status).toBe(303)
    expect(await sentTo('tea@again.example.com')).toBe(1)
    const otp = await world.otp('tea@again.example.com')
    expect(isIn(await again.send({ method: 'register', otp }))).toBe(true)
    const later = await begins(world.visitor())
    const login = { method: 'password', identifier: 'tea@again.example.com' }
    expect(isIn(await later.send({ ...login, password: 'harvest of 5 valleys' }))).toBe(true)
  })
})

describe('the very same form a second time, as by a double click without script', () => {
  const logins = (phone: string) =>
    world.database.database
      .knex('audit_events')
      .join('identities', 'identities.user_id', 'audit_events.user_id')
      .join('identity_subjects', 'identity_subjects.identity_id', 'identities.id')
      .where({ event: 'login.succeeded', subject: `+86${phone}` })

  test('leads where the first has led, with the right code, once', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const { send } = await begins(visitor)
    await send({ phone })
    const otp = await world.otp(`+86${phone}`)
    const first = await send({ otp })
    expect(isIn(first)).toBe(true)
    const second = await send({ otp })
    expect([second.status, second.location]).toEqual([303, first.location])
    expect(isIn(await send({ otp: ` ${otp}` }))).toBe(false)
    expect((await visitor.follow(second)).location).toContain('code=')
    expect(errorIn(await send({ otp }))).toBe('attempt.expired')
    expect(await logins(phone)).toHaveLength(1)
  })

  test('waits for the first while that is under way: five at once are one login', async () => {
    const phone = newPhone()
    const { send } = await begins(world.visitor())
    await send({ phone })
    const otp = await world.otp(`+86${phone}`)
    const answers = await Promise.all(Array.from({ length: 5 }, () => send({ otp })))
    expect(answers.map(isIn)).toEqual(Array(5).fill(true))
    expect(new Set(answers.map(({ location }) => location)).size).toBe(1)
    expect(await logins(phone)).toHaveLength(1)
  })

  test('makes one account of a user name, and is told so, and not that the name is taken', async () => {
    const { send } = await begins(world.visitor())
    const form = { method: 'register', identifier: 'twice', new_password: 'ripe tea from 4 mountains' }
    const answers = await Promise.all([send(form), send(form)])
    expect(answers.map(isIn)).toEqual([true, true])
    expect(errorIn(await send({ ...form, new_password: 'harvest of 5 valleys' }))).toBe('identity.taken')
  })

  test('does nothing for another browser', async () => {
    const phone = newPhone()
    const { send, page } = await begins(world.visitor())
    await send({ phone })
    const otp = await world.otp(`+86${phone}`)
    expect(isIn(await send({ otp }))).toBe(true)
    const form = { method: 'sms', agreement: 'on', otp }
    expect(errorIn(await world.visitor().post(page.url.pathname, form))).toBe('attempt.expired')
  })
})

describe('nobody else', () => {
  test('learns that a code is out: another browser, and one without the cookie, are told what they always were', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    await (await begins(visitor)).send({ phone })
    const stranger = await begins(world.visitor())
    expect(errorIn(await stranger.send({ phone }))).toBe('otp.too_soon')
    const wiped = world.visitor()
    wiped.setCookie('menshen_codes', 'made-up')
    expect(errorIn(await (await begins(wiped)).send({ phone }))).toBe('otp.too_soon')
  })

  test('reads the number in the cookie, which is over with the code', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const { page, send } = await begins(visitor)
    const answer = await send({ phone })
    const cookie = [answer.headers['set-cookie']].flat().find((each) => each?.startsWith('menshen_codes=')) ?? ''
    expect(cookie).toMatch(/httponly/i)
    expect(cookie).not.toContain(phone)
    expect(Buffer.from(decodeURIComponent(cookie.split('=')[1] ?? ''), 'base64url').toString('latin1')).not.toContain(
      phone,
    )
    const expires = Date.parse(/expires=([^;]+)/i.exec(cookie)?.[1] ?? '')
    expect(expires - Date.now()).toBeLessThanOrEqual(301_000)
    expect(page.status).toBe(200)
  })
})

describe('who adds a number to their account', () => {
  const path = '/account/identities/phone'
  const add = async (visitor: Visitor, phone: string) => {
    const form_token = formToken(await visitor.get(`${path}?change=1`))
    return visitor.follow(await visitor.post(path, { phone, form_token }))
  }

  test('comes back to the code by the same link, with the number filled in', async () => {
    const visitor = await signedIn(world, redirectUri, newPhone())
    const phone = newPhone()
    await add(visitor, phone)
    const account = await visitor.get('/account/identities')
    const href = /href="([^"]*identities\/phone[^"]*)"/.exec(account.text)?.[1] ?? ''
    const form = await visitor.get(href)
    expect(form.text).toMatch(new RegExp(`name="phone"[^>]* value="${phone}"`))
    const page = await add(visitor, phone)
    expect(page.text).toContain('此前发送的验证码仍然有效')
    expect(await sentTo(`+86${phone}`)).toBe(1)
    const bound = await visitor.post(path, { otp: await world.otp(`+86${phone}`), form_token: formToken(page) })
    expect((await visitor.follow(bound)).text).toContain('绑定成功')
  })

  test('finds it after another login of theirs, and nobody who signs in there after them does', async () => {
    const mine = newPhone()
    const visitor = await signedIn(world, redirectUri, mine)
    const phone = newPhone()
    await add(visitor, phone)
    walkTo(61_000)
    const again = { prompt: 'login' }
    await loginBySms(world, visitor, startLogin(world, 'plain', redirectUri, again), mine)
    expect((await add(visitor, phone)).text).toContain('此前发送的验证码仍然有效')
    expect(await sentTo(`+86${phone}`)).toBe(1)
    const other = await signedIn(world, redirectUri, newPhone())
    other.setCookie('menshen_codes', /menshen_codes=([^;]+)/.exec(visitor.cookieHeader('/'))?.[1] ?? '')
    expect((await add(other, phone)).text).not.toContain('此前发送的验证码仍然有效')
    expect(await sentTo(`+86${phone}`)).toBe(2)
  })
})
