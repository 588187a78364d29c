import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, type TestBrowser } from '../support/browser.ts'
import { startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser

beforeAll(async () => {
  world = await openWorld()
  browser = await openBrowser(world.issuer)
  await world.register({
    clients: [
      {
        client_id: 'shop',
        client_name: 'Tea Shop',
        first_party: true,
        token_endpoint_auth_method: 'none',
        redirect_uris: [browser.app.redirectUri],
      },
    ],
  })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

const login = (more: Record<string, string> = {}) => startLogin(world, 'shop', browser.app.redirectUri, more)
const lang = (person: Person) => person.page.locator('html').getAttribute('lang')

test.each([
  ['zh-SG', 'zh-CN'],
  ['zh-TW', 'zh-TW'],
  ['zh-HK', 'zh-TW'],
  ['ar-SA', 'ar'],
  ['en-GB', 'en'],
  ['fr-FR', 'en'],
])('a browser that asks for %s gets %s', async (language, shown) => {
  const person = await browser.person({ language })
  await person.opens(login())
  expect(await lang(person)).toBe(shown)
})

test('what the app asks for wins over the browser', async () => {
  const person = await browser.person({ language: 'zh-CN' })
  await person.opens(login({ ui_locales: 'en zh-CN' }))
  await person.sees('Sign in to Menshen')
  await person.follows('Password')
  expect(await lang(person)).toBe('en')
})

test('a switch in the middle of a login keeps the login, and the choice stays in this browser', async () => {
  const person = await browser.person({ width: 375, language: 'zh-CN' })
  await person.opens(login({ state: 'kept' }))
  await person.asksForCode('13400134000')
  await person.follows('English')
  await person.sees('Enter the code')
  await person.reads('+86 134 0013 4000')
  await person.enters('6-digit code', await world.otp('+8613400134000'))
  expect(await person.arrives(browser.app)).toMatchObject({ state: 'kept', code: expect.any(String) })
  await person.opens(`${world.issuer}/account`)
  await person.sees('My account')
  await person.follows('简体中文')
  await person.sees('我的账号')
})

test.each([true, false])('a person may leave the language the app asked for, with script: %s', async (javaScript) => {
  const person = await browser.person({ language: 'zh-CN', javaScript })
  await person.opens(login({ ui_locales: 'en' }))
  await person.sees('Sign in to Menshen')
  await person.follows('简体中文')
  await person.sees('登录门神')
  await person.follows('密码登录')
  await person.follows('注册')
  await person.sees('注册门神')
  await person.context.clearCookies({ name: 'menshen_lang_now' })
  await person.opens(login({ ui_locales: 'en' }))
  await person.sees('Sign in to Menshen')
})

test('a page that is read from the right is sound, and the way through it is the same', async () => {
  const person = await browser.person({ width: 320, language: 'ar' })
  await person.opens(login())
  expect(await person.page.locator('html').getAttribute('dir')).toBe('rtl')
  expect(await person.faults('everything')).toEqual([])
  await person.enters('رقم الهاتف', '13400134009')
  await person.page.getByRole('checkbox').check()
  await person.presses('إرسال الرمز')
  await person.sees('أدخل الرمز')
  expect(await person.faults('everything')).toEqual([])
  await person.enters('رمز من 6 أرقام', await world.otp('+8613400134009'))
  expect(await person.arrives(browser.app)).toMatchObject({ code: expect.any(String) })
})

test('traditional characters go with a person from page to page', async () => {
  const person = await browser.person({ language: 'zh-HK' })
  await person.opens(login())
  await person.sees('登入門神')
  await person.follows('密碼登入')
  await person.follows('註冊')
  await person.sees('註冊門神')
})
