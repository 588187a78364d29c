import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { asksWhose, ownerOf, proveNumber } from '../support/aged.ts'
import { runCommand } from '../support/cli.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { answeredForm, hiddenFields, solvedForm } from '../support/human-check.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { solved } from '../support/solving.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { loginThrough } from '../support/upstream.ts'
import { miniProgram, openUpstreams, phoneOf, type Upstreams } from '../support/upstreams.ts'
import { type Answer, errorIn, type Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Whoever an account is made for, by whatever way, shows first that a person is there; what they have proved waits.

const day = 86_400_000

let world: World
let upstreams: Upstreams
let last = 0

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({
    port,
    stores: 'tables',
    env: {
      ...upstreams.env(['github', 'wechat']),
      MENSHEN_REGISTRATION__UPSTREAM: 'auto',
      MENSHEN_ABUSE: JSON.stringify({
        rules: {
          asked: { act: 'registration', verdict: 'challenge', level: 1 },
          // Numbers of the sandbox are counted by no rule, so that this one refuses without counting.
          shut: { act: 'registration', country: ['hmt'], verdict: 'refuse' },
        },
      }),
      MENSHEN_SMS__COUNTRIES: '["86", "852"]',
    },
  })
  await world.register({
    resources,
    clients: [
      ...clients,
      ...nativeClients,
      { ...clients[1], client_id: 'invites', registration: 'invite' },
      { ...nativeClients[1], client_id: 'app-invites', registration: 'invite' },
    ] as never,
  })
})
afterEach(resetClock)
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const start = () => startLogin(world, 'plain', redirectUri)
const newPhone = () => `1370028${String(++last).padStart(4, '0')}`
const users = async () => Number((await world.database.database.knex('users').count().first())?.['count'])
const isCheck = ({ text }: Answer) => text.includes('name="question_answer"')
const isIn = ({ location }: Answer) => location?.includes('code=') === true

/** Sends the form of a page on, and follows. */
async function sendOn(visitor: Visitor, page: Answer, form: Readonly<Record<string, string>>): Promise<Answer> {
  return visitor.follow(await visitor.post(page.url, form))
}

async function newInvite(): Promise<string> {
  const made = await runCommand(['invites', 'create', '--json'], { env: world.env, cwd: '/tmp' })
  return JSON.parse(made.stdout)[0].code
}

/** A browser that has entered the code of a number nobody has. */
async function entered(phone = newPhone()) {
  const visitor = world.visitor()
  const check = await loginBySms(world, visitor, start(), phone)
  expect([check.status, isCheck(check)]).toEqual([200, true])
  return { visitor, check, phone }
}

describe('a number that nobody has', () => {
  test('waits with its proof for a solution, and needs no second code', async () => {
    const before = await users()
    const { visitor, check, phone } = await entered()
    const code = await world.otp(`+86${phone}`)
    expect(await users()).toBe(before)
    // Neither the number nor the code is in the page.
    expect(hiddenFields(check)).toMatchObject({ choice: 'new' })
    expect(check.text).not.toContain(code)
    expect(isCheck(await visitor.get(check.url))).toBe(true)
    expect(isIn(await sendOn(visitor, check, await solvedForm(check)))).toBe(true)
    expect(await users()).toBe(before + 1)
    expect(await world.otp(`+86${phone}`)).toBe(code)
    // Who has an account is asked for nothing.
    expect(isIn(await loginBySms(world, world.visitor(), start(), phone))).toBe(true)
  })

  test('waits for an answer of whoever has no script, also after a wrong one', async () => {
    const { visitor, check } = await entered()
    const wrong = await visitor.post(check.url, answeredForm(check, 1))
    expect([wrong.status, errorIn(wrong)]).toEqual([400, 'challenge.wrong'])
    expect(isIn(await sendOn(visitor, wrong, answeredForm(wrong)))).toBe(true)
  })

  test('becomes one account for one of two solutions that come at once', async () => {
    const { visitor, check } = await entered()
    const other = await visitor.get(check.url)
    const before = await users()
    const forms = [await solvedForm(check), await solvedForm(other)]
    const both = await Promise.all(forms.map((form) => visitor.post(check.url, form)))
    expect(both.filter(({ status }) => status === 303)).toHaveLength(1)
    expect(await users()).toBe(before + 1)
  })

  test('is given up for another way in, and for the proof of another number', async () => {
    const { visitor, check, phone } = await entered()
    const left = await visitor.follow(await visitor.post(check.url, { ...hiddenFields(check), show: 'password' }))
    expect([left.status, isCheck(left)]).toEqual([200, false])
    const known = newPhone()
    const first = await entered(known)
    await sendOn(first.visitor, first.check, await solvedForm(first.check))
    const before = await users()
    await visitor.post(check.url, { method: 'sms', phone: known })
    const otp = await world.otp(`+86${known}`)
    expect(isIn(await sendOn(visitor, check, { method: 'sms', otp }))).toBe(true)
    expect(await users()).toBe(before)
    expect(await ownerOf(world, `+86${phone}`)).toBe(undefined)
  })

  test('is over with its proof', async () => {
    const { visitor, check } = await entered()
    walkTo(11 * 60_000)
    const answer = await visitor.post(check.url, hiddenFields(check))
    expect(errorIn(answer)).toBe('attempt.expired')
    expect(isCheck(await visitor.get(check.url))).toBe(false)
  })

  test('is refused on the page where its code was entered', async () => {
    const phone = '51234567'
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    await visitor.post(page.url, { method: 'sms', phone, country: '852', agreement: 'on' })
    const before = await users()
    const refused = await visitor.post(page.url, { method: 'sms', otp: await world.otp(`+852${phone}`) })
    expect([refused.status, errorIn(refused)]).toEqual([429, 'request.too_many'])
    expect(refused.headers['retry-after']).toMatch(/^\d+$/)
    expect(await users()).toBe(before)
  })

  test('of a form that makes accounts is asked for once, before its message', async () => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const phone = newPhone()
    const check = await visitor.post(page.url, { method: 'register', phone, agreement: 'on' })
    expect([check.status, isCheck(check)]).toEqual([400, true])
    await visitor.post(page.url, await solvedForm(check))
    const otp = await world.otp(`+86${phone}`)
    expect(isIn(await sendOn(visitor, page, { method: 'register', otp }))).toBe(true)
  })

  test('that was the number of another account is asked for when that is not theirs, and the answer waits', async () => {
    const { phone, visitor, check } = await entered()
    await sendOn(visitor, check, await solvedForm(check))
    const before = await ownerOf(world, `+86${phone}`)
    walkTo(91 * day)
    const stranger = world.visitor()
    const asked = await proveNumber(world, stranger, `+86${phone}`)
    expect(asksWhose(asked)).toBe(true)
    const said = await stranger.post(asked.url, { choice: 'not_mine' })
    expect([said.status, isCheck(said)]).toEqual([400, true])
    expect(await ownerOf(world, `+86${phone}`)).toBe(before)
    expect(isIn(await sendOn(stranger, said, await solvedForm(said)))).toBe(true)
    expect(await ownerOf(world, `+86${phone}`)).not.toBe(before)
  })
})

describe('somebody an upstream vouches for', () => {
  const github = (visitor: Visitor, person: number, url = start()) =>
    loginThrough(visitor, url, 'github', (upstream) => upstreams.github.authorize(person, upstream))

  test('is asked on the way back, and what the upstream said waits', async () => {
    const visitor = world.visitor()
    const before = await users()
    const check = await github(visitor, 1003)
    expect([check.status, isCheck(check)]).toEqual([200, true])
    expect(isIn(await sendOn(visitor, check, await solvedForm(check)))).toBe(true)
    expect(await users()).toBe(before + 1)
    expect(isIn(await github(world.visitor(), 1003))).toBe(true)
  })

  test('is asked after their invitation was typed, which they do not type again', async () => {
    const visitor = world.visitor()
    const page = await github(visitor, 1004, startLogin(world, 'invites', redirectUri))
    const invite = await newInvite()
    const check = await visitor.post(page.url, { choice: 'new', invite })
    expect([check.status, isCheck(check)]).toEqual([400, true])
    expect(isIn(await sendOn(visitor, check, await solvedForm(check)))).toBe(true)
  })
})

describe('an app', () => {
  /** Sends the same again with the solution of the step that it got. */
  async function again(app: NativeApp, form: Readonly<Record<string, string>>, asked: { body: object }) {
    expect(asked.body).toMatchObject({ step: 'captcha', provider: 'altcha' })
    return app.challenge({ ...form, altcha: await solved((asked.body as { altcha: unknown }).altcha) })
  }

  test('sends the same code again with the solution', async () => {
    const app = new NativeApp(world)
    const phone = newPhone()
    const asked = await nativeSms(world, app, phone)
    const otp = await world.otp(`+86${phone}`)
    // Without one it is asked again, and nothing is lost.
    const other = await app.challenge({ otp })
    const done = await again(app, { otp }, other)
    expect(asked.body['step']).toBe('captcha')
    expect(done.body).toMatchObject({ new_user: true })
    expect(await world.otp(`+86${phone}`)).toBe(otp)
  })

  test('sends the answer that it wants a new account again with the solution', async () => {
    const app = new NativeApp(world, 'app-invites')
    expect((await nativeSms(world, app, newPhone())).body).toMatchObject({ step: 'choose', needs_invite: true })
    const form = { choice: 'new', invite: await newInvite() }
    expect((await again(app, form, await app.challenge(form))).body).toMatchObject({ new_user: true })
  })

  test.each([
    ['one_tap', () => ({ vendor: 'aliyun', carrier_token: upstreams.oneTap.carrier.issueAliyunToken(phoneOf(7012)) })],
    ['wechat_mini_program', () => ({ upstream_code: upstreams.wechat.loginMiniProgram('p8', miniProgram) })],
  ])('of %s has what it sent redeemed once', async (method, sent) => {
    const app = new NativeApp(world)
    const form = { method, ...sent() }
    const asked = await app.challenge(form)
    expect((await again(app, form, asked)).body).toMatchObject({ new_user: true })
  })
})
