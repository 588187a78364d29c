import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bindByCode } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

/** A hundred addresses in fifty networks. */
const crowd = Array.from({ length: 100 }, (_, n) => `198.${n % 2 === 0 ? 51 : 18}.${n >> 1}.${n}`)
const minute = 60_000
const perNumber = '[{ max: 1, seconds: 60 }, { max: 5, seconds: 3600 }, { max: 10, seconds: 86400 }]'

describe.each(['redis', 'tables'] as const)('codes for a device that logged in before, counted in %s', (stores) => {
  let world: World
  let phones = stores === 'redis' ? 13_300_000_000 : 13_310_000_000

  beforeAll(async () => {
    world = await openWorld({
      stores,
      env: {
        // What the limits do by themselves: by the rules a challenge would stop those strangers.
        MENSHEN_ABUSE__DEFAULT_RULES: 'false',
        MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1, "::1"]',
        MENSHEN_SMS__LIMITS__PER_NUMBER: perNumber,
      },
    })
    await world.register({ clients: [...clients, ...nativeClients], resources })
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  const request = () => startLogin(world, 'plain', redirectUri, { prompt: 'login' })
  async function ask(visitor: Visitor, form: Record<string, string>, ip?: string): Promise<Answer> {
    const page = await reachLogin(visitor, request())
    return visitor.post(page.url, { agreement: 'on', ...form }, ip === undefined ? {} : { 'x-forwarded-for': ip })
  }
  /** A hundred addresses, hour after hour, ask for whatever this number or address may have. */
  async function strangers(form: Record<string, string>): Promise<void> {
    for (let hour = 1; hour <= 4; hour++) {
      walkTo(hour * 61 * minute)
      for (let round = 0; round < 6; round++) {
        walkTo((hour * 61 + round * 2) * minute)
        await Promise.all(crowd.slice(round * 10, round * 10 + 10).map((ip) => ask(world.visitor(), form, ip)))
      }
    }
  }

  test('are sent at once to log in, in the browser and in the app, though strangers used up the day of the number', async () => {
    const phone = String(++phones)
    const browser = world.visitor()
    await loginBySms(world, browser, request(), phone)
    walkTo(2 * minute)
    const app = await new NativeApp(world).withKey()
    expect((await nativeSms(world, app, phone)).status).toBe(200)
    await strangers({ method: 'sms', phone })

    expect((await ask(world.visitor(), { method: 'sms', phone })).status).toBe(429)
    const unknown = await new NativeApp(world).withKey()
    expect((await unknown.challenge({ method: 'sms', phone })).body['message_key']).toBe('errors.otp.too_soon')

    expect((await ask(browser, { method: 'sms', phone })).status).toBe(303)
    app.authSession = undefined
    expect((await app.challenge({ method: 'sms', phone })).body['step']).toBe('otp')
    expect((await app.challenge({ otp: await world.otp(`+86${phone}`) })).status).toBe(200)
    // Its own allowance ends too: one a minute. Without the cookie it is not led back to the code it has.
    browser.setCookie('menshen_codes', '')
    expect((await ask(browser, { method: 'sms', phone })).status).toBe(429)
  })

  test('are sent at once to recover a password, to the number and to the address', async () => {
    const phone = String(++phones)
    const address = `owner${phones}@example.com`
    const browser = world.visitor()
    await loginBySms(world, browser, request(), phone)
    expect((await bindByCode(world, browser, 'email', address)).status).toBe(200)
    for (const [to, identifier] of [
      [`+86${phone}`, phone],
      [address, address],
    ] as const) {
      await strangers({ method: 'reset', identifier })
      expect((await ask(world.visitor(), { method: 'reset', identifier })).status).toBe(429)
      const sent = await world.otpAfter(to, async () => {
        expect((await ask(browser, { method: 'reset', identifier })).status).toBe(303)
      })
      expect(sent).toMatch(/^\d{6}$/)
      resetClock()
    }
  })
})
