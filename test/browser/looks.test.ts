import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, type TestBrowser } from '../support/browser.ts'
import { startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser

const api = 'https://api.example.com'
const password = 'ripe tea from 4 mountains'
/** Where to put a picture of every page, for eyes. */
const pictures = process.env['TEST_PICTURES']

beforeAll(async () => {
  world = await openWorld({ stores: 'tables', env: { MENSHEN_SMS__LIMITS__PER_NUMBER: '[{ max: 2, seconds: 600 }]' } })
  browser = await openBrowser(world.issuer)
  const common = { token_endpoint_auth_method: 'none', redirect_uris: [browser.app.redirectUri] }
  await world.register({
    resources: [{ resource: api, scopes: ['orders:read'] }],
    clients: [
      {
        client_id: 'courier',
        client_name: '山城快递与茶叶市集',
        default_resource: api,
        scope: 'openid profile phone orders:read',
        filing_number: '浙ICP备12345678号-3A',
        client_uri: 'https://courier.example.com',
        policy_uri: 'https://courier.example.com/privacy',
        ...common,
      },
      {
        client_id: 'tv',
        client_name: '客厅电视',
        first_party: true,
        token_endpoint_auth_method: 'none',
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
      },
    ],
  })
  if (pictures) await mkdir(pictures, { recursive: true })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

const login = () => startLogin(world, 'courier', browser.app.redirectUri, { scope: 'openid profile phone orders:read' })

test.each([
  { width: 375, dark: false, phone: '13300133000' },
  { width: 375, dark: true, phone: '13300133001' },
  { width: 1280, dark: false, phone: '13300133002' },
])(
  'every page is sound for eyes and for screen readers at $width px, dark: $dark',
  async ({ phone, ...device }) => {
    const person = await browser.person(device)
    const faults: string[] = []
    const lookAt = (seen: Person) => async (name: string) => {
      const file = `${name}.${device.width}.${device.dark ? 'dark' : 'light'}.png`
      if (pictures) await seen.page.screenshot({ path: join(pictures, file), fullPage: true })
      for (const fault of await seen.faults(judged(device))) faults.push(`${name}: ${fault}`)
    }
    const look = lookAt(person)
    await logsIn(person, phone, look)
    await consents(person, look)
    await meetsTheAccount(person, look)
    await connects(person, look)
    await leaves(person, look)
    const others = [await browser.person(device), await browser.person(device)]
    const last = await browser.person(device)
    await isTooFast(last, others, `${phone.slice(0, -3)}7${phone.slice(-2)}`, lookAt(last))
    expect(faults).toEqual([])
  },
  180_000,
)

/** What axe judges does not depend on the width, and in the dark only contrast differs. */
function judged({ width, dark }: { readonly width: number; readonly dark: boolean }) {
  if (width !== 375) return 'width'
  return dark ? 'contrast' : 'everything'
}

type Look = (name: string) => Promise<void>

async function logsIn(person: Person, phone: string, look: Look): Promise<void> {
  await person.opens(login())
  await look('login-sms')
  await person.enters('手机号', phone)
  await person.pressesUnagreed('获取验证码')
  await look('login-agree')
  await person.closes('不同意')
  await person.enters('手机号', '')
  await person.agrees()
  await person.presses('获取验证码')
  await person.sees('登录门神')
  await look('login-sms-refused')
  await person.follows('密码登录')
  await look('login-password')
  await person.enters('手机号、邮箱或用户名', 'nobody')
  await person.enters('密码', password)
  await person.agrees()
  await person.presses('登录')
  await person.isRefused('password.wrong')
  await look('login-password-refused')
  await person.follows('忘记密码？')
  await look('reset')
  await person.follows('返回登录')
  await person.follows('注册')
  await look('register-phone')
  await person.follows('用户名')
  await look('register-username')
  await person.enters('用户名', 'x')
  await person.agrees()
  await person.presses('注册')
  await person.sees('注册门神')
  await look('register-refused')
  await person.opens(login())
  await person.asksForCode(phone)
  await look('code')
  await person.enters('6 位验证码', 'no code')
  await person.presses('登录')
  await person.isRefused('otp.required')
  await look('code-refused')
  await person.entersCode(await world.otp(`+86${phone}`))
}

async function consents(person: Person, look: Look): Promise<void> {
  await person.sees('山城快递与茶叶市集请求访问您的账号')
  await look('consent')
  await person.presses('同意授权')
  await person.arrives(browser.app)
}

async function meetsTheAccount(person: Person, look: Look): Promise<void> {
  await person.opens(`${world.issuer}/account`)
  await look('account')
  await person.follows(/^设备与登录/)
  await look('devices')
  await person.follows('返回我的账号')
  await person.follows(/^密码/)
  await look('password-set')
  await person.enters('新密码', 'short')
  await person.presses('保存密码')
  await person.isRefused('password.too_short')
  await look('password-set-refused')
  await person.enters('新密码', password)
  await person.presses('保存密码')
  await person.reads('密码已保存')
  await look('account-saved')
  await person.follows(/^密码/)
  await look('password-change')
}

async function connects(person: Person, look: Look): Promise<void> {
  const body = new URLSearchParams({ client_id: 'tv', scope: 'openid' })
  const begin = async () =>
    (await (await fetch(`${world.issuer}/device/auth`, { method: 'POST', body })).json()) as Begun
  const { verification_uri, user_code } = await begin()
  await person.opens(verification_uri)
  await look('device-code')
  await person.enters('设备码', 'BCDF-GHJK')
  await person.presses('下一步')
  await person.isRefused('device.code_unknown')
  await look('device-code-refused')
  await person.enters('设备码', user_code)
  await person.presses('下一步')
  await person.sees('确认设备登录')
  await look('device-confirm')
  await person.presses('确认登录')
  await person.sees('设备已登录')
  await look('device-done')
  await person.opens((await begin()).verification_uri_complete)
  await person.presses('拒绝')
  await person.sees('已拒绝')
  await look('device-declined')
}

/** A browser that has asked for a code is led back to it; another one has to wait where two have asked. */
async function isTooFast(person: Person, others: readonly Person[], phone: string, look: Look): Promise<void> {
  for (const other of others) {
    await other.opens(login())
    await other.asksForCode(phone)
  }
  await person.opens(login())
  await person.enters('手机号', phone)
  await person.agrees()
  await person.presses('获取验证码')
  await person.isRefused('otp.too_soon')
  await person.reads(/^\d+ 秒后可重试$/)
  expect(await person.button('获取验证码').isDisabled()).toBe(true)
  await look('login-too-fast')
}

interface Begun {
  readonly user_code: string
  readonly verification_uri: string
  readonly verification_uri_complete: string
}

async function leaves(person: Person, look: Look): Promise<void> {
  await person.opens(`${world.issuer}/session/end?client_id=courier`)
  await look('logout-of-app')
  await person.opens(`${world.issuer}/session/end`)
  await look('logout')
  await person.presses('退出登录')
  await person.sees('已退出登录')
  await look('logout-done')
  await person.opens(login())
  const { pathname } = new URL(person.page.url())
  await person.context.clearCookies({ name: 'menshen_interaction' })
  await person.opens(`${world.issuer}${pathname}`)
  await look('expired')
  await person.opens(`${world.issuer}/nowhere`)
  await look('not-found')
  await person.opens(`${world.issuer}/auth?client_id=nobody`)
  await look('refused-client')
}
