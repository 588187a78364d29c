import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resources } from '../support/clients.ts'
import { answeredForm, everybodyAsked, hiddenFields, solvedForm } from '../support/human-check.ts'
import { install } from '../support/installation.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { agreements, NativeApp, nativeClients } from '../support/native-app.ts'
import { solved } from '../support/solving.ts'
import { type Answer, errorIn, type Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const redirectUri = 'https://app.example.com/callback'
const web = { client_id: 'web', first_party: true, token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] }

let world: World
beforeAll(async () => {
  world = await openWorld({ stores: 'tables', env: { MENSHEN_ABUSE: everybodyAsked } })
  await world.register({ resources, clients: [web, ...nativeClients] })
})
afterAll(() => world.close())

/** A browser at the login page. */
async function atLogin(): Promise<{ visitor: Visitor; page: Answer }> {
  const visitor = world.visitor()
  return { visitor, page: await reachLogin(visitor, startLogin(world, 'web', redirectUri)) }
}

/** A browser that has sent a form and is asked whether a person is there. */
async function asked(form: Readonly<Record<string, string>>) {
  const { visitor, page } = await atLogin()
  const check = await visitor.post(page.url, { agreement: 'on', ...form })
  expect([check.status, isCheck(check)]).toEqual([400, true])
  return { visitor, check, post: (fields: Readonly<Record<string, string>>) => visitor.post(page.url, fields) }
}

function isCheck({ text }: Answer): boolean {
  return text.includes('data-work=') || text.includes('name="question_answer"')
}

const sent = async (phone: string) => world.otp(phone).then(Boolean, () => false)
let last = 13800010000
const nextPhone = () => String(++last)

describe('a page', () => {
  test('asks before a message is sent, keeps what was typed, and goes on with a solution', async () => {
    const phone = nextPhone()
    const { check, post } = await asked({ method: 'sms', phone, country: '86' })
    expect(check.text).toContain(`+86 ${phone}`)
    expect(hiddenFields(check)).toMatchObject({ method: 'sms', phone, country: '86', agreement: 'on' })
    expect(await sent(`+86${phone}`)).toBe(false)
    // Nothing but files of this host, as on every page.
    expect(check.headers['content-security-policy']).toContain(
      "default-src 'none'; script-src 'self'; style-src 'self'",
    )
    expect([...check.text.matchAll(/(?:src|href|data-worker)="(https?:[^"]*)"/g)]).toEqual([])
    const done = await post(await solvedForm(check))
    expect([done.status, done.location]).toEqual([303, expect.stringContaining('method=sms')])
    expect(await sent(`+86${phone}`)).toBe(true)
  })

  test('takes a solution once, also of two forms at once', async () => {
    const { check, post } = await asked({ method: 'sms', phone: nextPhone() })
    const form = await solvedForm(check)
    // The very same form a second time is a double click, which goes where the first has led.
    const both = await Promise.all([post(form), post({ ...form, round: '2' })])
    expect(both.map(({ status }) => status).sort()).toEqual([303, 400])
    const again = await asked({ method: 'sms', phone: nextPhone() })
    const other = await again.post({ ...(await solvedForm(again.check)), altcha: form['altcha'] ?? '' })
    expect([other.status, isCheck(other)]).toEqual([400, true])
  })

  test('takes a solution for the number it was asked for, and for no other', async () => {
    const other = nextPhone()
    const { check, post } = await asked({ method: 'sms', phone: nextPhone() })
    const again = await post({ ...(await solvedForm(check)), phone: other })
    expect([again.status, isCheck(again)]).toEqual([400, true])
    expect(await sent(`+86${other}`)).toBe(false)
  })

  test('asks for another code, too', async () => {
    const { check, post } = await asked({ method: 'sms', phone: nextPhone() })
    await post(await solvedForm(check))
    const again = await post({ method: 'sms', resend: '1' })
    expect(hiddenFields(again)).toMatchObject({ method: 'sms', resend: '1' })
    expect((await post(await solvedForm(again))).status).toBe(303)
  })

  test('asks before a password is tried, which is nowhere in it', async () => {
    const { check, post } = await asked({ method: 'password', identifier: 'nobody', password: 'canary-password-1' })
    expect(check.text).not.toContain('canary-password')
    const tried = await post(await solvedForm(check))
    expect(errorIn(tried)).toBe('password.wrong')
  })

  test('asks before an account is made', async () => {
    const form = {
      method: 'register',
      kind: 'username',
      identifier: 'lin_xiaoyu',
      new_password: 'a long way to the sea',
    }
    const { check, post } = await asked(form)
    expect(hiddenFields(check)).toMatchObject({ method: 'register', kind: 'username', identifier: 'lin_xiaoyu' })
    const done = await post(await solvedForm(check))
    expect(done.status).toBe(303)
  })

  test('asks a question of whoever has no script, which has one answer', async () => {
    const { check, post } = await asked({ method: 'sms', phone: nextPhone() })
    const form = answeredForm(check)
    const wrong = await post(answeredForm(check, 1))
    expect([wrong.status, errorIn(wrong)]).toEqual([400, 'challenge.wrong'])
    // The script does not go on under the eyes of somebody who answers.
    expect(wrong.text).not.toContain('data-work')
    expect((await post(form)).status).toBe(400)
    expect((await post(answeredForm(wrong))).status).toBe(303)
  })

  test('stops by itself where its solutions do not do', async () => {
    const { check, post } = await asked({ method: 'sms', phone: nextPhone() })
    let page = check
    for (const own of [true, true, true, false]) {
      expect(page.text.includes('data-work')).toBe(own)
      page = await post({ ...hiddenFields(page), altcha: 'bm90aGluZw==' })
      expect(page.status).toBe(400)
    }
    expect((await post(answeredForm(page))).status).toBe(303)
  })

  test.each([
    ['altcha', '%%%'],
    ['altcha', '{}'],
    ['altcha', Buffer.from('{"challenge":{"parameters":{"nonce":{}}},"solution":7}').toString('base64')],
    ['question', 'sealed'],
    ['round', '-1e99'],
  ])('is drawn again for a field %s of %.12s', async (name, value) => {
    const { check, post } = await asked({ method: 'sms', phone: nextPhone() })
    const again = await post({ ...hiddenFields(check), question_answer: '99', [name]: value })
    expect([again.status, isCheck(again)]).toEqual([400, true])
  })

  test.each([
    ['altcha', 'A'.repeat(6000)],
    ['question', '\u0000'],
  ])('refuses a form whose field %s no page has', async (name, value) => {
    const { check, post } = await asked({ method: 'sms', phone: nextPhone() })
    const { status } = await post({ ...hiddenFields(check), question_answer: '99', [name]: value })
    expect([400, 413]).toContain(status)
  })

  test('leads to the other ways in, with what was typed', async () => {
    const phone = nextPhone()
    const { visitor, check, post } = await asked({ method: 'sms', phone })
    const back = await visitor.follow(await post({ ...hiddenFields(check), show: 'sms' }))
    expect([back.status, isCheck(back)]).toEqual([200, false])
    expect(back.text).toContain(phone)
  })

  test('asks nobody on a device that has logged in to the account', async () => {
    const phone = nextPhone()
    const { visitor, check, post } = await asked({ method: 'sms', phone })
    await post(await solvedForm(check))
    const made = await visitor.follow(await post({ method: 'sms', otp: await world.otp(`+86${phone}`) }))
    await visitor.follow(await post(await solvedForm(made)))
    const again = startLogin(world, 'web', redirectUri, { prompt: 'login' })
    expect((await loginBySms(world, visitor, again, phone)).status).toBe(303)
  })
})

describe('an app', () => {
  test('gets a challenge as a step, and goes on with its solution', async () => {
    const app = new NativeApp(world)
    const phone = nextPhone()
    const step = await app.challenge({ method: 'sms', phone })
    expect([step.status, step.body['error'], step.body['step'], step.body['provider']]).toEqual([
      ...[400, 'insufficient_authorization', 'captcha', 'altcha'],
    ])
    const altcha = await solved(step.body['altcha'])
    const other = await app.challenge({ method: 'sms', phone: nextPhone(), altcha })
    expect(other.body['step']).toBe('captcha')
    const done = await app.challenge({ method: 'sms', phone, altcha })
    expect(done.body['step']).toBe('otp')
    // Used up: another code needs another one.
    expect((await app.challenge({ resend: '1', altcha })).body['step']).toBe('captcha')
  })

  test.each(['', '%%%', 'bm90aGluZw=='])('is asked again for a solution of %.12s', async (altcha) => {
    const answer = await new NativeApp(world).challenge({ method: 'sms', phone: nextPhone(), altcha })
    expect([answer.status, answer.body['step']]).toEqual([400, 'captcha'])
  })

  test('is asked before it tries a password', async () => {
    const app = new NativeApp(world)
    const login = { method: 'password', identifier: 'nobody', password: 'wrong' }
    const step = await app.challenge(login)
    expect(step.body['step']).toBe('captcha')
    const tried = await app.challenge({ ...login, altcha: await solved(step.body['altcha']) })
    expect(tried.body['message_key']).toBe('errors.password.wrong')
  })
})

test('answers are counted by challenge and verdict', async () => {
  const text = await world.app.metrics.registry.metrics()
  expect(text).toMatch(/menshen_challenges_total\{challenge="altcha",verdict="human"\} \d/)
  expect(text).toMatch(/menshen_challenges_total\{challenge="question",verdict="refused"\} \d/)
})

test('the app of the sandbox shows both requests', async () => {
  const visitor = world.visitor()
  const phone = nextPhone()
  await visitor.post('/sandbox/native', { action: 'begin', purpose: 'login', way: 'sms', phone, agree: 'on' })
  const { text } = await visitor.get('/sandbox/native')
  expect(text).toContain('PBKDF2/SHA-256')
  expect(text).toMatch(/altcha=eyJ/)
  expect(await sent(`+86${phone}`)).toBe(true)
})

test('the client that apps copy solves it by itself', async () => {
  const { client } = install(world)
  const answer = await client.login({ method: 'sms', phone: nextPhone(), agreements })
  expect(answer).toMatchObject({ kind: 'challenge', challenge: { step: 'otp' } })
})
