import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Person } from '../support/browser.ts'
import { answers, comesBackLater, openUpstreamBrowser, type UpstreamBrowser } from '../support/upstream-browser.ts'

let shop: UpstreamBrowser

const password = 'ripe tea from 4 mountains'

beforeAll(async () => {
  shop = await openUpstreamBrowser(['github'])
})
afterAll(() => shop?.close())

async function atLogin(javaScript: boolean): Promise<Person> {
  const person = await shop.browser.person({ width: 375, javaScript })
  await person.opens(shop.login())
  return person
}

const who = '手机号、邮箱或用户名'
const scripts = [{ javaScript: true }, { javaScript: false }]

test.each(scripts)('a number goes along to every other form and back, with script: $javaScript', async (device) => {
  const person = await atLogin(device.javaScript)
  await person.enters('手机号', '1380013')
  await person.agrees()
  await person.follows('密码登录')
  expect(await person.field(who).inputValue()).toBe('1380013')
  expect(await person.page.getByRole('checkbox').isChecked()).toBe(true)
  await person.enters(who, '13800138000')
  await person.enters('密码', password)
  await person.follows('忘记密码？')
  expect(await person.field('手机号或邮箱').inputValue()).toBe('13800138000')
  await person.follows('返回登录')
  expect(await person.field('密码').inputValue()).toBe('')
  await person.follows('注册')
  expect(await person.field('手机号').inputValue()).toBe('13800138000')
  await person.follows('登录')
  expect(await person.field('手机号').inputValue()).toBe('13800138000')
})

test.each(scripts)('an address goes along to the reset and the registration: $javaScript', async (device) => {
  const person = await atLogin(device.javaScript)
  await person.follows('密码登录')
  await person.enters(who, 'lin@example.com')
  await person.follows('忘记密码？')
  expect(await person.field('手机号或邮箱').inputValue()).toBe('lin@example.com')
  await person.follows('返回登录')
  await person.follows('注册')
  expect(await person.field('邮箱').inputValue()).toBe('lin@example.com')
  await person.follows('用户名')
  expect(await person.field('用户名').inputValue()).toBe('')
  await person.follows('邮箱')
  expect(await person.field('邮箱').inputValue()).toBe('lin@example.com')
})

test.each(scripts)('what was typed is still there when the vendor was refused: $javaScript', async (device) => {
  const person = await atLogin(device.javaScript)
  await person.enters('手机号', '13800138001')
  await person.agrees()
  await person.presses('GitHub')
  await answers(person, '1001', 'refuse')
  await person.error()
  expect((await person.field('手机号').inputValue()).replaceAll(' ', '')).toBe('13800138001')
})

test.each(scripts)('nobody types a password twice because of the agreement: $javaScript', async (device) => {
  const name = device.javaScript ? 'tieguanyin' : 'dahongpao'
  const first = await atLogin(device.javaScript)
  await first.follows('注册')
  await first.follows('用户名')
  await first.enters('用户名', name)
  await first.enters('密码', password)
  await first.pressesUnagreed('注册')
  expect(await first.page.content()).not.toContain(password)
  await first.presses('同意并继续')
  const made = await shop.arrives(first)

  await comesBackLater(first)
  await first.opens(shop.login())
  // The browser knows that they have a password.
  await first.enters(who, name)
  await first.enters('密码', password)
  await first.pressesUnagreed('登录')
  await first.presses('同意并继续')
  expect(await shop.arrives(first)).toBe(made)
})

test('without script who does not agree is back at the form with what they typed', async () => {
  const person = await atLogin(false)
  await person.enters('手机号', '13800138002')
  await person.pressesUnagreed('获取验证码')
  await person.reads('+86 13800138002')
  await person.follows('不同意')
  expect(await person.field('手机号').inputValue()).toBe('13800138002')
  expect(await person.page.getByRole('checkbox').isChecked()).toBe(false)
})

test('no address and no page names what was typed in another form', async () => {
  const person = await atLogin(true)
  const seen: string[] = []
  person.page.on('request', (request) => seen.push(request.url()))
  await person.enters('手机号', '13800138003')
  await person.follows('密码登录')
  await person.enters('密码', password)
  await person.follows('忘记密码？')
  await person.follows('返回登录')
  for (const url of seen) expect(url).not.toMatch(/1380013|ripe/)
  expect(await person.page.evaluate(() => localStorage.length + sessionStorage.length)).toBe(0)
})

test('a button that was pressed shows that the page waits', async () => {
  const person = await atLogin(true)
  await person.enters('手机号', '13800138004')
  await person.agrees()
  const press = "const pressed = document.querySelector('#submit'); pressed.click(); pressed.getAttribute('aria-busy')"
  expect(await person.page.evaluate(press)).toBe('true')
  await person.sees('输入验证码')
})
