import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, passTime, shopSeed, type TestBrowser } from '../support/browser.ts'
import { exchange, startLogin, subjectOf } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  browser = await openBrowser(world.issuer)
  await world.register({ clients: [shopSeed(browser.app)] })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

const login = () => startLogin(world, 'shop', browser.app.redirectUri)
const arrivedAs = async (answer: Record<string, string>) => {
  const location = `${browser.app.redirectUri}?code=${answer['code']}`
  return subjectOf(await exchange(world, 'shop', browser.app.redirectUri, location))
}
async function codesSentTo(phone: string): Promise<number> {
  const address = `${world.issuer}/sandbox/outbox?to=${encodeURIComponent(phone)}`
  const response = await fetch(address, { headers: { accept: 'application/json' } })
  return ((await response.json()) as unknown[]).length
}
const otherThan = (otp: string) => (otp === '000000' ? '000001' : '000000')

test('an unknown number gets an account on a phone, and the same number logs in to it at a desk', async () => {
  const phone = await browser.person({ width: 375 })
  await phone.opens(login())
  await phone.sees('登录门神')
  await phone.reads('登录后进入茶铺')
  await phone.asksForCode('13800138000')
  await phone.reads('+86 138 0013 8000')
  await phone.entersCode(await world.otp('+8613800138000'))
  const first = await arrivedAs(await phone.arrives(browser.app))

  const desk = await browser.person()
  await desk.opens(login())
  await desk.asksForCode('+86 138-0013-8000')
  await desk.entersCode(await world.otp('+8613800138000'))
  expect(await arrivedAs(await desk.arrives(browser.app))).toBe(first)
})

test('a full code sends itself, and whoever presses Enter all the same is in', async () => {
  const person = await browser.person({ width: 375 })
  await person.opens(login())
  await person.asksForCode('13800138110')
  const posts: (string | null)[] = []
  const pressed = Promise.withResolvers<void>()
  await person.page.route('**/interaction/**', async (route) => {
    if (route.request().method() === 'POST') {
      posts.push(route.request().postData())
      await pressed.promise
    }
    // One that was cut off needs no answer.
    await route.continue().catch(() => {})
  })
  await person.page.locator('[name=otp]').fill(await world.otp('+8613800138110'))
  await person.page.keyboard.press('Enter')
  pressed.resolve()
  expect(await arrivedAs(await person.arrives(browser.app))).toMatch(/^usr_/)
  expect(posts).toHaveLength(1)
})

test('a pasted message sends its code, and one with several numbers is left to the person', async () => {
  const person = await browser.person({ width: 375 })
  await person.opens(login())
  await person.asksForCode('13800138111')
  const otp = await world.otp('+8613800138111')
  const field = person.page.locator('[name=otp]')
  const twice = `${otp}或${otherThan(otp)}`
  await field.fill(twice)
  expect(await field.inputValue()).toBe(twice)
  await field.fill(`【门神】验证码${otp}，5分钟内有效。`)
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('nothing is sent before the terms are agreed to; the question leads on or back', async () => {
  const person = await browser.person({ width: 375 })
  await person.opens(login())
  const box = person.page.getByRole('checkbox', { name: '我已阅读并同意' })
  expect(await box.isChecked()).toBe(false)
  await person.enters('手机号', '13800138001')
  await person.pressesUnagreed('获取验证码')
  expect(await codesSentTo('+8613800138001')).toBe(0)
  await person.closes('不同意')
  expect(await box.isChecked()).toBe(false)
  expect(await person.field('手机号').inputValue()).toBe('138 0013 8001')

  await person.pressesUnagreed('获取验证码')
  await person.presses('同意并继续')
  await person.sees('输入验证码')
  await person.entersCode(await world.otp('+8613800138001'))
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('a number that cannot be one is refused at its field and stays there', async () => {
  const person = await browser.person()
  await person.opens(login())
  await person.agrees()
  await person.enters('手机号', '12345')
  await person.presses('获取验证码')
  expect(await person.errorOf('手机号')).toContain('手机号')
  expect(await person.field('手机号').inputValue()).toBe('12345')
  expect(await person.page.title()).toContain('出错')
})

test('a wrong code says how many tries are left, and the right one still works', async () => {
  const person = await browser.person()
  await person.opens(login())
  await person.asksForCode('13800138002')
  const otp = await world.otp('+8613800138002')
  await person.entersCode(otherThan(otp))
  await person.reads('还可以再试 4 次')
  expect(await person.errorOf('6 位验证码')).toContain('验证码')
  expect(await person.field('6 位验证码').inputValue()).toBe('')
  await person.entersCode(otp)
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('five wrong codes end a code; a fresh one works', async () => {
  const person = await browser.person()
  await person.opens(login())
  await person.asksForCode('13800138003')
  const otp = await world.otp('+8613800138003')
  for (const left of [4, 3, 2, 1]) {
    await person.entersCode(otherThan(otp))
    await person.reads(`还可以再试 ${left} 次`)
  }
  await person.entersCode(otherThan(otp))
  await person.isRefused('otp.tries_used')
  expect(await person.field('6 位验证码').isDisabled()).toBe(true)
  expect(await person.page.locator('.button').allInnerTexts()).toEqual(['重新获取验证码'])
  passTime(61)
  await person.opens(person.page.url())
  await person.presses('重新获取验证码')
  await person.sees('输入验证码')
  await person.entersCode(await world.otp('+8613800138003'))
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('a code that is too old says so, unlike a wrong one, and another can be had', async () => {
  const person = await browser.person()
  await person.opens(login())
  await person.asksForCode('13800138004')
  const otp = await world.otp('+8613800138004')
  passTime(301)
  await person.entersCode(otp)
  await person.reads(/过期/)
  expect(await person.field('6 位验证码').isDisabled()).toBe(true)
  await person.presses('重新获取验证码')
  await person.entersCode(await world.otp('+8613800138004'))
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('another code waits its minute, which a reload does not shorten, and ends the first', async () => {
  const person = await browser.person()
  await person.page.clock.install()
  await person.opens(login())
  await person.asksForCode('13800138005')
  const first = await world.otp('+8613800138005')
  await person.reads(/^\d\d 秒后可重新获取$/)
  expect(await person.button('重新获取验证码').isDisabled()).toBe(true)
  passTime(20)
  await person.page.reload()
  await person.reads(/^(40|39) 秒后可重新获取$/)
  expect(await codesSentTo('+8613800138005')).toBe(1)

  await person.page.clock.fastForward(41_000)
  await person.presses('重新获取验证码')
  expect(await codesSentTo('+8613800138005')).toBe(2)
  const second = await world.otp('+8613800138005')
  await person.entersCode(first)
  await person.reads('仅最新的验证码有效')
  await person.entersCode(second)
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('a code may be pasted with full-width digits, and is sent once', async () => {
  const person = await browser.person()
  await person.opens(login())
  await person.asksForCode('13800138006')
  const otp = await world.otp('+8613800138006')
  const posts: string[] = []
  person.page.on('request', (request) => request.method() === 'POST' && posts.push(request.url()))
  await person.entersCode(otp.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)))
  expect(await person.arrives(browser.app)).toHaveProperty('code')
  expect(posts).toHaveLength(1)
})

test('whoever mistyped the number changes it', async () => {
  const person = await browser.person()
  await person.opens(login())
  await person.asksForCode('13800138007')
  await person.follows('更换手机号')
  await person.sees('登录门神')
  await person.asksForCode('13800138008')
  await person.reads('+86 138 0013 8008')
  await person.entersCode(await world.otp('+8613800138008'))
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('whoever cancels is back at the app, which is told so', async () => {
  const person = await browser.person({ width: 375 })
  await person.opens(login())
  await person.presses('取消并返回茶铺')
  expect(await person.arrives(browser.app)).toMatchObject({ error: 'access_denied' })
})
