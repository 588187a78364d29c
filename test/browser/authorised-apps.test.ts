import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, type TestBrowser } from '../support/browser.ts'
import { startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser
const api = 'https://api.example.com'
/** Where to put a picture of every page, for eyes. */
const pictures = process.env['TEST_PICTURES']

beforeAll(async () => {
  world = await openWorld()
  browser = await openBrowser(world.issuer)
  await world.register({
    resources: [
      {
        resource: api,
        title: { 'zh-CN': '茶园订单', en: 'Tea orders' },
        scopes: [
          { name: 'orders:read', title: { 'zh-CN': '查看订单', en: 'See your orders' }, required: true },
          { name: 'orders:write', title: { 'zh-CN': '提交订单', en: 'Place orders' } },
        ],
      },
    ],
    clients: [
      {
        client_id: 'ledger',
        client_name: '茶园记账',
        client_uri: 'https://tea.example.com',
        token_endpoint_auth_method: 'none',
        redirect_uris: [browser.app.redirectUri],
        default_resource: api,
        scope: 'openid profile phone offline_access orders:read orders:write',
      },
    ],
  })
  if (pictures) await mkdir(pictures, { recursive: true })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

const request = (scope: string, more: Record<string, string> = {}) =>
  startLogin(world, 'ledger', browser.app.redirectUri, { scope, ...more })

async function logsIn(person: Person, phone: string): Promise<void> {
  await person.asksForCode(phone)
  await person.entersCode(await world.otp(`+86${phone}`))
}

const box = (person: Person, name: string) => person.page.getByRole('checkbox', { name })

/** Nothing is wrong with this page, as far as a script can tell; a picture of it, where pictures are wanted. */
async function looksAt(person: Person, name: string, javaScript = true): Promise<void> {
  if (pictures) await person.page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true })
  if (javaScript) expect(await person.faults('everything')).toEqual([])
}

test.each([
  { javaScript: true, dark: true, phone: '13630136001' },
  { javaScript: false, dark: false, phone: '13630136002' },
])('what somebody allowed is known at the next login, widened, and taken back; script: $javaScript', async (look) => {
  const { javaScript, dark, phone } = look
  const looks = (at: Person, page: string) => looksAt(at, `${page}.${dark ? 'dark' : 'light'}`, javaScript)
  const person = await browser.person({ width: 375, dark, javaScript })
  await person.opens(request('openid profile phone orders:read'))
  await logsIn(person, phone)
  await person.sees('茶园记账请求访问您的账号')
  await person.reads('查看订单')
  expect(await box(person, '查看订单').count()).toBe(0)
  await looks(person, 'consent-first')
  await box(person, '手机号').check()
  await person.presses('同意授权')
  expect(await person.arrives(browser.app)).toHaveProperty('code')

  const other = await browser.person({ width: 375, dark, javaScript })
  await other.opens(request('openid profile phone orders:read'))
  await logsIn(other, phone)
  expect(await other.arrives(browser.app)).toHaveProperty('code')
  await other.opens(request('openid phone orders:read orders:write'))
  await other.sees('茶园记账请求访问您的账号')
  expect(await other.page.getByRole('checkbox').count()).toBe(1)
  await other.reads(/此前已授权：.*手机号.*查看订单/)
  await looks(other, 'consent-wider')
  await box(other, '提交订单').check()
  await other.presses('同意授权')
  expect(await other.arrives(browser.app)).toHaveProperty('code')

  await other.opens(request('openid profile phone orders:read orders:write', { prompt: 'consent' }))
  expect(await box(other, '手机号').isChecked()).toBe(true)
  expect(await box(other, '昵称和头像').isChecked()).toBe(false)
  expect(await box(other, '提交订单').isChecked()).toBe(true)
  await looks(other, 'consent-again')
  await box(other, '昵称和头像').check()
  await box(other, '提交订单').uncheck()
  await other.presses('同意授权')
  expect(await other.arrives(browser.app)).toHaveProperty('code')

  await person.opens(`${world.issuer}/account/apps`)
  await person.sees('已授权应用')
  await person.reads(/已授权：.*昵称和头像.*查看订单|已授权：.*查看订单.*昵称和头像/)
  expect(await person.page.getByText('提交订单').count()).toBe(0)
  await looks(person, 'apps')
  await person.presses('取消授权 茶园记账')
  await person.reads('已取消授权。')
  await person.reads('您还没有授权任何应用。')
  await looks(person, 'apps-none')

  await other.opens(request('openid phone'))
  await other.sees('茶园记账请求访问您的账号')
  expect(await box(other, '手机号').isChecked()).toBe(false)
})

test('the pages speak English to who reads it, and the words of the API with them', async () => {
  const person = await browser.person({ width: 320, language: 'en' })
  await person.opens(request('openid phone orders:read', { ui_locales: 'zh-CN' }))
  await logsIn(person, '13630136003')
  await person.follows('English')
  await person.reads('Tea orders')
  await person.reads('See your orders')
  await looksAt(person, 'consent-english')
})
