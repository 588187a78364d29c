import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { ownRedis } from '../support/redis.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { type Answer, errorIn, type Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const minute = 60_000
/** As an operator gets them who sets nothing. */
const defaultLimits = {
  MENSHEN_SMS__LIMITS__PER_NUMBER: '[{ max: 1, seconds: 60 }, { max: 5, seconds: 3600 }, { max: 10, seconds: 86400 }]',
}

describe.each(['redis', 'tables'] as const)('one-time codes, short-lived values in %s', (stores) => {
  let world: World

  beforeAll(async () => {
    world = await openWorld({ stores, env: defaultLimits })
    await world.register({ clients, resources })
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  let phones = 13_700_000_000
  interface Begun {
    readonly visitor: Visitor
    readonly page: Answer
    readonly phone: string
    enter(otp: string): Promise<Answer>
    ask(phone?: string): Promise<Answer>
  }
  async function begin(phone = String(++phones)): Promise<Begun> {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    return {
      visitor,
      page,
      phone,
      enter: (otp) => visitor.post(page.url, { method: 'sms', otp }),
      ask: (number = phone) => visitor.post(page.url, { method: 'sms', phone: number, agreement: 'on' }),
    }
  }
  const wrong = (otp: string) => (otp === '000000' ? '000001' : '000000')
  const isIn = (answer: Answer) => /\/auth\//.test(answer.location ?? '')

  test('a code is taken with spaces and full-width digits, once', async () => {
    const { ask, enter, phone } = await begin()
    await ask()
    const otp = await world.otp(`+86${phone}`)
    expect(otp).toMatch(/^\d{6}$/)
    const wide = [...`${otp.slice(0, 3)} ${otp.slice(3)}`].map((digit) =>
      /\d/.test(digit) ? String.fromCharCode(digit.charCodeAt(0) + 0xfee0) : digit,
    )
    expect(isIn(await enter(wide.join('')))).toBe(true)
    expect(isIn(await enter(otp))).toBe(false)
  })

  test('of 20 entries of one code at once one gets in', async () => {
    const { ask, enter, phone } = await begin()
    await ask()
    const otp = await world.otp(`+86${phone}`)
    // Each entry counts as a try, so only the first five are compared at all. They differ, because the very same form is
    // answered once.
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => enter(`${otp}${' '.repeat(n)}`)))
    expect(answers.filter(isIn)).toHaveLength(1)
  })

  test('after five wrong codes even the right one is refused', async () => {
    const { ask, enter, phone } = await begin()
    await ask()
    const otp = await world.otp(`+86${phone}`)
    for (const code of ['otp.wrong', 'otp.wrong', 'otp.wrong', 'otp.wrong', 'otp.tries_used']) {
      const answer = await enter(wrong(otp))
      expect(answer.status).toBe(400)
      expect(errorIn(answer)).toBe(code)
    }
    const late = await enter(otp)
    expect(late.status).toBe(400)
    expect(errorIn(late)).toBe('otp.tries_used')
  })

  test('a code lives five minutes', async () => {
    const { ask, enter, phone } = await begin()
    await ask()
    const otp = await world.otp(`+86${phone}`)
    walkTo(5 * minute + 1000)
    const answer = await enter(otp)
    expect(errorIn(answer)).toBe('otp.expired')
  })

  test('a new code ends the old one', async () => {
    const { ask, enter, visitor, page, phone } = await begin()
    await ask()
    const first = await world.otp(`+86${phone}`)
    walkTo(61_000)
    expect((await visitor.post(page.url, { method: 'sms', resend: '1' })).status).toBe(303)
    const second = await world.otp(`+86${phone}`)
    for (let entries = 0; entries < 7; entries++) expect(errorIn(await enter(first))).toBe('otp.replaced')
    expect(isIn(await enter(second))).toBe(true)
  })

  test('the code before costs no try, and what it is told of ends with it, the number and the tries', async () => {
    const { ask, enter, visitor, page, phone } = await begin()
    await ask()
    const first = await world.otp(`+86${phone}`)
    walkTo(200_000)
    await visitor.post(page.url, { method: 'sms', resend: '1' })
    const second = await world.otp(`+86${phone}`)
    const neither = ['000000', '000001', '000002'].find((each) => each !== first && each !== second) ?? ''
    expect(errorIn(await enter(first))).toBe('otp.replaced')
    const refused = await enter(neither)
    expect(errorIn(refused)).toBe('otp.wrong')
    expect(refused.text).toContain('还可以再试 4 次')
    walkTo(301_000)
    expect((await enter(first)).text).toContain('还可以再试 3 次')
    walkTo(400_000)
    const other = String(++phones)
    await ask(other)
    const third = await world.otp(`+86${other}`)
    if (second !== third) expect(errorIn(await enter(second))).toBe('otp.wrong')
    for (let tries = 0; tries < 4; tries++) await enter(wrong(third))
    expect(errorIn(await enter(third))).toBe('otp.tries_used')
    expect(isIn(await enter(third))).toBe(false)
  })

  test('of five messages that come late and in any order the newest counts, and the others cost no try', async () => {
    const { ask, enter, visitor, page, phone } = await begin()
    await ask()
    const sent = [await world.otp(`+86${phone}`)]
    for (let n = 1; n < 5; n++) {
      walkTo(n * 61_000)
      expect((await visitor.post(page.url, { method: 'sms', resend: '1' })).status).toBe(303)
      sent.push(await world.otp(`+86${phone}`))
    }
    const newest = sent.pop() ?? ''
    for (const late of [...sent, ...sent]) expect(errorIn(await enter(late))).toBe('otp.replaced')
    walkTo(301_000)
    // The first has run out meanwhile, and is a wrong one like any other.
    expect((await enter(sent[0] ?? '')).text).toContain('还可以再试 4 次')
    expect(errorIn(await enter(sent[1] ?? ''))).toBe('otp.replaced')
    expect(isIn(await enter(newest))).toBe(true)
  })

  test('a code that is guessed at many times at once is compared five times, whatever came before it', async () => {
    const { ask, enter, visitor, page, phone } = await begin()
    await ask()
    const first = await world.otp(`+86${phone}`)
    walkTo(61_000)
    await visitor.post(page.url, { method: 'sms', resend: '1' })
    const second = await world.otp(`+86${phone}`)
    const guesses = Array.from({ length: 14 }, (_, index) => (index % 2 === 0 ? first : wrong(second)))
    const told = (await Promise.all(guesses.map(enter))).map(errorIn)
    expect(told.filter((each) => each === 'otp.wrong')).toHaveLength(4)
    expect(isIn(await enter(second))).toBe(false)
  })

  test('the whole message may be entered; where it leaves a choice, nothing is chosen and no try is lost', async () => {
    const { ask, enter, phone } = await begin()
    await ask()
    const otp = await world.otp(`+86${phone}`)
    const other = wrong(otp)
    for (const text of [
      `${otp} ${other}`,
      `【门神】${otp}或${other}`,
      `1${otp}`,
      `${otp}1元`,
      '12345',
      '验证码',
      '【门神】',
    ]) {
      const refused = await enter(text)
      expect([refused.status, errorIn(refused)], text).toEqual([400, 'otp.required'])
    }
    const wide = [...otp].map((digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)).join('')
    expect(isIn(await enter(`【门神】验证码${wide}，5分钟内有效。订单20261129001，@shop.example #${otp}`))).toBe(true)
  })

  test('a code belongs to its attempt, its number and its purpose', async () => {
    const mine = await begin()
    await mine.ask()
    const otp = await world.otp(`+86${mine.phone}`)
    const other = await begin()
    await other.ask()
    expect(isIn(await other.enter(otp))).toBe(false)
    const reset = await mine.visitor.post(mine.page.url, { method: 'reset', otp, agreement: 'on' })
    expect(isIn(reset)).toBe(false)
    await mine.visitor.post(mine.page.url, { method: 'sms', phone: String(++phones), agreement: 'on' })
    expect(isIn(await mine.enter(otp))).toBe(false)
  })

  test('a number gets one message a minute, five an hour and ten a day, from whomever', async () => {
    const phone = String(++phones)
    const sent: number[] = []
    for (let at = 0; at < 26 * 60; at += 5) {
      walkTo(at * minute)
      const { ask } = await begin(phone)
      const answer = await ask()
      if (answer.status === 303) {
        sent.push(at)
        const again = await (await begin(phone)).ask()
        expect(again.status).toBe(429)
        expect(Number(again.headers['retry-after'])).toBeGreaterThan(0)
      }
    }
    const within = (length: number) =>
      Math.max(...sent.map((from) => sent.filter((at) => at >= from && at < from + length).length))
    expect(within(60)).toBe(5)
    expect(within(24 * 60)).toBe(10)
  })

  test('the wait that is named is long enough', async () => {
    const { ask, phone } = await begin()
    expect((await ask()).status).toBe(303)
    const other = await begin(phone)
    const refused = await other.ask()
    expect(refused.status).toBe(429)
    walkTo(Number(refused.headers['retry-after']) * 1000)
    expect((await other.ask()).status).toBe(303)
    resetClock()
  })

  test('nothing is sent before the agreement', async () => {
    const { visitor, page, phone } = await begin()
    const answer = await visitor.post(page.url, { method: 'sms', phone })
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('name="agreement" value="on"')
    await expect(world.otp(`+86${phone}`)).rejects.toThrow('nothing was sent')
  })

  test('wrong passwords lock no phone login', async () => {
    const phone = String(++phones)
    await loginBySms(world, world.visitor(), startLogin(world, 'plain', redirectUri), phone)
    const stranger = world.visitor()
    const page = await reachLogin(stranger, startLogin(world, 'plain', redirectUri))
    for (let tries = 0; tries < 8; tries++) {
      await stranger.post(page.url, {
        method: 'password',
        identifier: phone,
        password: `wrong ${tries}`,
        agreement: 'on',
      })
    }
    walkTo(2 * minute)
    const back = await loginBySms(world, world.visitor(), startLogin(world, 'plain', redirectUri), phone)
    expect(back.location).toContain('code=')
  })
})

describe('without its counters', () => {
  test('nothing is sent and nobody logs in, but keys and discovery are served', async () => {
    const redis = await ownRedis()
    const world = await openWorld({ env: { ...defaultLimits, REDIS_URL: redis.url } })
    try {
      await world.register({ clients, resources })
      const visitor = world.visitor()
      const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
      await redis.kill()
      const answer = await visitor.post(page.url, { method: 'sms', phone: '13800138000', agreement: 'on' })
      expect(answer.status).toBe(503)
      await expect(world.otp('+8613800138000')).rejects.toThrow('nothing was sent')
      expect((await fetch(`${world.issuer}/jwks`)).status).toBe(200)
      const ready = await fetch(`${world.issuer}/readyz/logins`)
      expect(ready.status).toBe(503)
      expect(await ready.json()).toMatchObject({ checks: { database: 'ok', ephemeral_store: 'server.unavailable' } })
      expect((await fetch(`${world.issuer}/livez`)).status).toBe(200)
      await redis.start()
      await expect.poll(async () => (await fetch(`${world.issuer}/readyz/logins`)).status).toBe(200)
    } finally {
      await world.close()
      await redis.remove()
    }
  })
})
