import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Device, openBrowser, type Person, type TestBrowser } from '../support/browser.ts'
import { exchange, startLogin } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { openUpstreams, type Upstreams } from '../support/upstreams.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let upstreams: Upstreams
let browser: TestBrowser

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  const env = upstreams.env('github', 'qq', 'weibo', 'apple', 'corp', 'wechat', 'silent')
  world = await openWorld({ stores: 'tables', port, env })
  browser = await openBrowser(world.issuer, upstreams.origins)
  await world.register({
    clients: [
      {
        client_id: 'shop',
        client_name: '茶铺',
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
  await upstreams?.close()
})

const insideWechat =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.60(0x18003c2f) NetType/WIFI Language/zh_CN'
const login = () => startLogin(world, 'shop', browser.app.redirectUri)

async function subjectOf(answer: Record<string, string>): Promise<string> {
  const location = `${browser.app.redirectUri}?code=${answer['code']}`
  const tokens = await exchange(world, 'shop', browser.app.redirectUri, location)
  const [, payload = ''] = (tokens['id_token'] ?? '').split('.')
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string }).sub
}

/** Ticks the agreement and leaves for the upstream. */
async function leavesFor(person: Person, button: string): Promise<void> {
  await person.page.getByRole('checkbox').check()
  await person.presses(new RegExp(`^${button}( 上次使用| Last used)?$`))
}

/** Says on the vendor's page who it is, and agrees or not. */
async function answers(person: Person, id: string, button: string | RegExp): Promise<void> {
  await person.page.locator(`input[name=person][value="${id}"]`).check()
  await person.presses(button)
}

interface Vendor {
  /** What its button says, in either language. */
  readonly zh: string
  readonly en: string
  readonly device: Device
  /** Without it the vendor's page asks nothing. */
  readonly ids: readonly [string, string]
}

const desk: Device = {}
const phone: Device = { width: 375 }
const wechatPhone: Device = { ...phone, userAgent: insideWechat }
const vendors: Readonly<Record<string, Vendor>> = {
  'a QR code of WeChat': { zh: '微信', en: 'WeChat', device: desk, ids: ['p1', 'p2'] },
  'WeChat on a phone': { zh: '微信', en: 'WeChat', device: wechatPhone, ids: ['p3', 'p4'] },
  QQ: { zh: 'QQ', en: 'QQ', device: phone, ids: ['p1', 'p2'] },
  Weibo: { zh: '微博', en: 'Weibo', device: phone, ids: ['p1', 'p2'] },
  GitHub: { zh: 'GitHub', en: 'GitHub', device: desk, ids: ['1001', '1002'] },
  Apple: { zh: 'Apple', en: 'Apple', device: phone, ids: ['p1', 'p2'] },
  'an OpenID provider': { zh: 'Corp', en: 'Corp', device: desk, ids: ['p1', 'p2'] },
}

test.each(Object.entries(vendors))(
  'through %s: refused, made, known again in English, and bound to a phone account',
  async (name, { zh, en, device, ids: [one, other] }) => {
    const newcomer = await browser.person(device)
    await newcomer.opens(login())
    await leavesFor(newcomer, zh)
    await newcomer.sees(/登录（模拟）$/)
    await answers(newcomer, one, '拒绝')
    await newcomer.sees('登录 门神')
    expect(await newcomer.error()).toContain('您取消了授权')
    await leavesFor(newcomer, zh)
    await answers(newcomer, one, '同意')
    await newcomer.sees(`这个${zh}还没有绑定账号`)
    await newcomer.presses('创建新账号')
    const made = await subjectOf(await newcomer.arrives(browser.app))

    const english: Device = { ...device, language: 'en-US' }
    const known = await browser.person(english)
    await known.opens(login())
    await leavesFor(known, en)
    await answers(known, one, 'Accept')
    expect(await subjectOf(await known.arrives(browser.app))).toBe(made)

    const owner = await browser.person(english)
    await owner.opens(login())
    await leavesFor(owner, en)
    await answers(owner, other, 'Refuse')
    await owner.sees('Sign in to 门神')
    expect(await owner.error()).toContain('You declined')
    await leavesFor(owner, en)
    await answers(owner, other, 'Accept')
    await owner.sees(`No account uses this ${en} yet`)
    await owner.follows('Sign in to my account and bind it')
    await owner.reads(`this ${en} is bound to your account`)
    const number = `138001390${Object.keys(vendors).indexOf(name)}0`
    await owner.enters('Phone number', number)
    await owner.page.getByRole('checkbox').check()
    await owner.presses('Send code')
    await owner.enters('6-digit code', await world.otp(`+86${number}`))
    const bound = await subjectOf(await owner.arrives(browser.app))
    expect(bound).not.toBe(made)

    const later = await browser.person(device)
    await later.opens(login())
    await leavesFor(later, zh)
    await answers(later, other, '同意')
    expect(await subjectOf(await later.arrives(browser.app))).toBe(bound)
  },
)
