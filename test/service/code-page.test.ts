import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

describe('the page for a code', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld({ stores: 'tables' })
    await world.register({ clients, resources })
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  const login = (more: Record<string, string> = {}) => startLogin(world, 'plain', redirectUri, more)
  const isIn = (answer: Answer) => /\/auth\//.test(answer.location ?? '')
  const follow = (visitor: Visitor, { location = '' }: Answer) => visitor.get(location)
  const waitOn = ({ text }: Answer) => Number(/data-wait="(\d+)"/.exec(text)?.[1])

  async function asked(phone: string, visitor = world.visitor()) {
    const page = await reachLogin(visitor, login())
    const enter = (form: Record<string, string>) => visitor.post(page.url, { method: 'sms', agreement: 'on', ...form })
    return { visitor, page, enter, answer: await enter({ phone }) }
  }
  const codesSentTo = async (phone: string) => {
    const address = `${world.issuer}/sandbox/outbox?to=${encodeURIComponent(`+86${phone}`)}`
    const response = await fetch(address, { headers: { accept: 'application/json' } })
    return ((await response.json()) as unknown[]).length
  }

  test('shows the number whole to who typed it, and fills it in again where it is changed', async () => {
    const { visitor, answer } = await asked('13900020001')
    const shown = await follow(visitor, answer)
    expect(shown.text).toContain('<bdi>+86 139 0002 0001</bdi>')
    const change = /href="(\?method=sms&amp;change=1)"/.exec(shown.text)?.[1]?.replace('&amp;', '&') ?? ''
    const form = await visitor.get(new URL(change, shown.url))
    expect(form.text).toContain('name="phone" type="tel"')
    expect(form.text).toContain('value="13900020001"')
    expect(form.text).toMatch(/name="agreement"[^>]* checked/)
  })

  test('the same number leads back to its living code and what is left of the wait; another gets one of its own', async () => {
    const { visitor, enter, answer, page } = await asked('13900020002')
    const first = waitOn(await follow(visitor, answer))
    expect(first).toBeGreaterThan(30)
    walkTo(20_000)
    await visitor.get(`${page.url.pathname}?method=sms&change=1`)
    const again = await enter({ phone: '139 0002 0002' })
    expect(again.status).toBe(303)
    const back = await follow(visitor, again)
    expect(first - waitOn(back)).toBeGreaterThanOrEqual(19)
    expect(await codesSentTo('13900020002')).toBe(1)
    expect((await enter({ phone: '13900020003' })).status).toBe(303)
    expect(await codesSentTo('13900020003')).toBe(1)
    expect(isIn(await enter({ otp: await world.otp('+8613900020002') }))).toBe(false)
    expect(isIn(await enter({ otp: await world.otp('+8613900020003') }))).toBe(true)
  })

  test('the code is good after its number was entered twice', async () => {
    const { enter } = await asked('13900020004')
    expect((await enter({ phone: '13900020004' })).status).toBe(303)
    expect(isIn(await enter({ otp: await world.otp('+8613900020004') }))).toBe(true)
  })

  test('masks a number that we looked up, and fills it in nowhere', async () => {
    const visitor = world.visitor()
    await loginBySms(world, visitor, login(), '13900020005')
    walkTo(120_000)
    const page = await reachLogin(visitor, login({ prompt: 'login' }))
    const answer = await visitor.post(page.url, { method: 'sms', known: '1', agreement: 'on' })
    const shown = await follow(visitor, answer)
    const form = await visitor.get(`${page.url.pathname}?method=sms&change=1`)
    for (const { text } of [shown, form]) {
      expect(text).toContain('139****0005')
      expect(text).not.toMatch(/0002 ?0005/)
    }
  })

  test('masks the number of a reset, and fills it in where it is changed', async () => {
    const { visitor, page, enter } = await asked('13900020006')
    const shown = await follow(visitor, await enter({ method: 'reset', identifier: '13900020007' }))
    expect(shown.text).toContain('139****0007')
    expect(shown.text).not.toContain('0002 0007')
    const form = await visitor.get(`${page.url.pathname}?method=reset&change=1`)
    expect(form.text).toMatch(/name="identifier"[^>]* value="13900020007"/)
    expect(form.text).toMatch(/name="agreement"[^>]* checked/)
  })

  test('a reset can be given up, or left for the login, where the new password is chosen', async () => {
    const phone = '13900020009'
    await loginBySms(world, world.visitor(), login(), phone)
    walkTo(61_000)
    const { visitor, page, enter } = await asked('13900020010')
    const otp = await world.otpAfter(`+86${phone}`, () => enter({ method: 'reset', identifier: phone }))
    const chosen = await follow(visitor, await enter({ method: 'reset', otp }))
    expect(chosen.text).toContain('name="new_password"')
    expect(chosen.text).toContain('name="choice" value="cancel"')
    const back = await visitor.post(page.url, { show: 'password' })
    expect((await follow(visitor, back)).text).toContain('name="password"')
    const again = await visitor.get(`${page.url.pathname}?method=reset`)
    expect(again.text).toContain('name="new_password"')
  })

  test('has no field to type in and one button, when the tries are used up or the code is over', async () => {
    const { enter } = await asked('13900020008')
    const otp = await world.otp('+8613900020008')
    const wrong = otp === '000000' ? '000001' : '000000'
    for (let tries = 0; tries < 4; tries++) expect((await enter({ otp: wrong })).text).not.toContain('disabled')
    const dead = await enter({ otp: wrong })
    walkTo(301_000)
    for (const { text } of [dead, await enter({ otp })]) {
      expect(text).toMatch(/<input class="otp"[^>]* disabled/)
      expect(text).not.toContain('5 分钟内有效')
      expect(text.match(/<button class="button"[^>]*>/g)).toEqual([
        '<button class="button" id="resend" name="resend" value="1">',
      ])
    }
    expect((await enter({ resend: '1' })).status).toBe(303)
    expect(isIn(await enter({ otp: await world.otp('+8613900020008') }))).toBe(true)
  })

  test('is dead for whoever only opens it again, and says why', async () => {
    const { visitor, page, enter } = await asked('13900020011')
    const open = async () => (await visitor.get(`${page.url.pathname}?method=sms`)).text
    expect(await open()).not.toMatch(/<input class="otp"[^>]* disabled/)
    const wrong = (await world.otp('+8613900020011')) === '000000' ? '000001' : '000000'
    for (let tries = 0; tries < 5; tries++) await enter({ otp: wrong })
    const used = await open()
    walkTo(301_000)
    const over = await open()
    for (const text of [used, over]) {
      expect(text).toMatch(/<input class="otp"[^>]* disabled/)
      expect(text.match(/<button class="button"[^>]*>/g)).toHaveLength(1)
      expect(text).not.toContain(' autofocus')
    }
    expect(used).toContain('错误次数过多')
    expect(over).toContain('验证码已过期')
  })

  test.each(['sms', 'register', 'reset'])('%s can be given up at every step', async (method) => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, login())
    const address = `${page.url.pathname}?method=${method}`
    const number = '1390002001'
    const field = method === 'reset' ? 'identifier' : 'phone'
    const phone = `${number}${['sms', 'register', 'reset'].indexOf(method)}`
    const asking = await visitor.post(address, { method, [field]: phone, kind: 'phone', agreement: 'on' })
    for (const { text } of [await visitor.get(address), await follow(visitor, asking)]) {
      expect(text).toContain('name="choice" value="cancel"')
    }
    const given = await visitor.post(page.url, { choice: 'cancel' })
    expect((await visitor.get(given.location ?? '')).location).toContain('error=access_denied')
  })
})
