import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Answer } from '../support/visitor.ts'
import { openWorld, type Stores, type World } from '../support/world.ts'

/** 40 addresses in four /24s, 30 of one home line of IPv6, 30 of one /48. */
const crowd = [
  ...Array.from({ length: 40 }, (_, n) => `198.51.${100 + (n % 4)}.${n}`),
  ...Array.from({ length: 30 }, (_, n) => `2001:db8:1:2${n.toString(16).padStart(2, '0')}::1`),
  ...Array.from({ length: 30 }, (_, n) => `2001:db8:2:${(n * 256).toString(16)}::1`),
]
const home = '203.0.113.5'

describe.each(['redis', 'tables'] satisfies Stores[])('strangers who ask for messages, counted in %s', (stores) => {
  let world: World
  let phones = 13_400_000_000

  beforeAll(async () => {
    world = await openWorld({
      stores,
      env: {
        // What the limits do by themselves.
        MENSHEN_ABUSE__DEFAULT_RULES: 'false',
        MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1, "::1"]',
        MENSHEN_SMS__LIMITS__PER_NUMBER:
          '[{ max: 1, seconds: 60 }, { max: 5, seconds: 3600 }, { max: 10, seconds: 86400 }]',
        MENSHEN_SMS__LIMITS__PER_IP: '[{ max: 20, seconds: 3600 }, { max: 100, seconds: 86400 }]',
        MENSHEN_SMS__LIMITS__PER_DAY_TOTAL: '20',
      },
    })
    await world.register({ clients, resources })
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  const from = (ip: string) => ({ 'x-forwarded-for': ip })
  async function ask(form: Record<string, string>, ip: string): Promise<Answer> {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    return visitor.post(page.url, { agreement: 'on', ...form }, from(ip))
  }
  const login = (phone: string, ip: string) => ask({ method: 'sms', phone }, ip)
  const reset = (identifier: string, ip: string) => ask({ method: 'reset', identifier }, ip)
  async function member(): Promise<string> {
    const phone = String(++phones)
    const subjects = [`+86${phone}`] as const
    await world.app.core.directory.register({ provider: 'phone', subjects, profile: {} }, { ip: home })
    return phone
  }
  const shape = ({ status, headers }: Answer) => ({ status, retryAfter: headers['retry-after'] })
  const wasSent = (phone: string) =>
    world.otp(`+86${phone}`).then(
      () => true,
      () => false,
    )
  const warnings = () =>
    world.log.filter((line) => line.includes('of the messages of a day')).map((line) => JSON.parse(line).limit)

  test('from one address and from a hundred keep nobody out, use up no total, and learn nothing', async () => {
    // One address, over its own limit, asks again and again for a member's number.
    const owner = await member()
    for (let n = 0; n < 20; n++) await reset(String(++phones), crowd[0] ?? '')
    for (let n = 0; n < 12; n++) expect((await login(owner, crowd[0] ?? '')).status).toBe(429)
    // The others ask to reset the password of numbers nobody has.
    for (const ip of crowd.slice(1)) {
      expect((await reset(String(++phones), ip)).status).toBe(303)
      expect(await wasSent(String(phones))).toBe(false)
    }
    expect(warnings()).toEqual([])
    expect((await login(owner, home)).status).toBe(303)
    expect(await wasSent(owner)).toBe(true)

    // The part of the day for everybody, 70 %, is used up by real messages to numbers nobody has.
    for (let n = 0; n < 14; n++) {
      const phone = String(++phones)
      expect((await login(phone, `192.0.2.${n}`)).status).toBe(303)
      expect(await wasSent(phone)).toBe(true)
    }
    expect(warnings()).toEqual(['sms.open', 'sms.total', 'sms.open'])

    // From now on nobody can tell by the answer for whom the rest is kept.
    const [known, unknown] = [await member(), String(++phones)]
    const toKnown = await login(known, '192.0.3.1')
    const toUnknown = await login(unknown, '192.0.4.1')
    expect(shape(toKnown)).toEqual({ status: 303, retryAfter: undefined })
    expect(shape(toUnknown)).toEqual(shape(toKnown))
    await expect.poll(() => wasSent(known)).toBe(true)
    for (let n = 0; n < 4; n++) {
      const phone = await member()
      expect((await login(phone, `192.0.5.${n}`)).status).toBe(303)
      await expect.poll(() => wasSent(phone)).toBe(true)
    }
    expect(await wasSent(unknown)).toBe(false)

    // The day is over for everybody alike, and says until when.
    for (const phone of [await member(), String(++phones)]) {
      for (const way of [login, reset]) {
        const over = await way(phone, '192.0.6.1')
        expect(over.status).toBe(503)
        expect(Number(over.headers['retry-after'])).toBeGreaterThan(80_000)
      }
    }
    expect(warnings().toSorted()).toEqual(['sms.open', 'sms.open', 'sms.total', 'sms.total'])
  })

  test('of a hundred who ask for one number at once two get a message; the owner waits a minute, or nothing with a known browser', async () => {
    walkTo(2 * 86_400_000)
    const owner = await member()
    const browser = world.visitor()
    await loginBySms(world, browser, startLogin(world, 'plain', redirectUri), owner)
    walkTo(2 * 86_400_000 + 61_000)
    const answers = await Promise.all(crowd.map((ip) => login(owner, ip)))
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(2)
    for (const { status, headers } of answers.filter((each) => each.status !== 303)) {
      expect(status).toBe(429)
      // The clock goes on while they ask.
      expect(Number(headers['retry-after'])).toBeGreaterThan(30)
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60)
    }
    // Not even a minute's wait where the owner has logged in before.
    const again = await reachLogin(browser, startLogin(world, 'plain', redirectUri, { prompt: 'login' }))
    expect((await browser.post(again.url, { method: 'sms', phone: owner, agreement: 'on' }, from(home))).status).toBe(
      303,
    )
    walkTo(2 * 86_400_000 + 122_000)
    expect((await login(owner, home)).status).toBe(303)
  })

  test('sub-addresses of one mailbox are one mailbox', async () => {
    walkTo(4 * 86_400_000)
    expect((await reset('an.owner@gmail.com', home)).status).toBe(303)
    expect((await reset('anowner+1@gmail.com', home)).status).toBe(429)
    expect((await reset('AnOwner+2@googlemail.com', home)).status).toBe(429)
    expect((await reset('another@gmail.com', home)).status).toBe(303)
  })
})
