import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, shopSeed, type TestBrowser } from '../support/browser.ts'
import { startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser

const password = 'ripe tea from 4 mountains'
const another = 'green tea from 9 valleys'

beforeAll(async () => {
  world = await openWorld()
  browser = await openBrowser(world.issuer)
  const shop = shopSeed(browser.app)
  const courier = { client_id: 'courier', client_name: '快递', first_party: false, scope: 'openid phone' }
  await world.register({ clients: [shop, { ...shop, ...courier }] })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

async function atLogin(client = 'shop', scope = 'openid'): Promise<Person> {
  const person = await browser.person({ width: 375, javaScript: false })
  await person.opens(startLogin(world, client, browser.app.redirectUri, { scope }))
  await person.sees('登录门神')
  return person
}

async function registers(person: Person, kind: '邮箱' | '用户名', identifier: string): Promise<void> {
  await person.follows('注册')
  await person.follows(kind)
  await person.enters(kind, identifier)
  await person.enters('密码', password)
  await person.agrees()
  await person.presses(kind === '邮箱' ? '获取验证码' : '注册')
}

test('a login by phone, with a wrong code on the way and a second one sent', async () => {
  const person = await atLogin()
  await person.asksForCode('13500135000')
  const otp = await world.otp('+8613500135000')
  await person.entersCode(otp === '000000' ? '000001' : '000000')
  await person.reads('还可以再试 4 次')
  await person.presses('重新获取验证码')
  await person.sees('输入验证码')
  await person.entersCode(await world.otp('+8613500135000'))
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('the terms are asked for on a page of their own, for a code and for a password', async () => {
  const person = await atLogin()
  await person.enters('手机号', '13500135001')
  await person.pressesUnagreed('获取验证码')
  await person.presses('同意并继续')
  await person.sees('输入验证码')
  await person.entersCode(await world.otp('+8613500135001'))
  expect(await person.arrives(browser.app)).toHaveProperty('code')

  const other = await atLogin()
  await registers(other, '用户名', 'puer')
  expect(await other.arrives(browser.app)).toHaveProperty('code')
  const later = await atLogin()
  await later.follows('密码登录')
  await later.enters('手机号、邮箱或用户名', 'puer')
  await later.enters('密码', password)
  await later.pressesUnagreed('登录')
  await later.presses('同意并继续')
  expect(await later.arrives(browser.app)).toHaveProperty('code')
})

test('registration by e-mail, login by password, and a reset', async () => {
  const person = await atLogin()
  await registers(person, '邮箱', 'zhao@example.com')
  await person.entersCode(await world.otp('zhao@example.com'), '完成注册')
  expect(await person.arrives(browser.app)).toHaveProperty('code')

  const later = await atLogin()
  await later.logsInWithPassword('zhao@example.com', password)
  expect(await later.arrives(browser.app)).toHaveProperty('code')

  const forgetful = await atLogin()
  await forgetful.follows('密码登录')
  await forgetful.follows('忘记密码？')
  await forgetful.enters('手机号或邮箱', 'zhao@example.com')
  await forgetful.agrees()
  const otp = await world.otpAfter('zhao@example.com', () => forgetful.presses('获取验证码'))
  await forgetful.entersCode(otp, '下一步')
  await forgetful.enters('新密码', another)
  await forgetful.presses('保存并登录')
  expect(await forgetful.arrives(browser.app)).toHaveProperty('code')
  const last = await atLogin()
  await last.logsInWithPassword('zhao@example.com', another)
  expect(await last.arrives(browser.app)).toHaveProperty('code')
})

test('a consent in part, and one refused', async () => {
  const person = await atLogin('courier', 'openid phone')
  await person.asksForCode('13500135002')
  await person.entersCode(await world.otp('+8613500135002'))
  await person.sees('快递请求访问您的账号')
  await person.page.getByRole('checkbox', { name: '手机号' }).check()
  await person.presses('同意授权')
  expect(await person.arrives(browser.app)).toHaveProperty('code')

  const other = await atLogin('courier', 'openid phone')
  await other.asksForCode('13500135003')
  await other.entersCode(await world.otp('+8613500135003'))
  await other.presses('拒绝')
  expect(await other.arrives(browser.app)).toMatchObject({ error: 'access_denied' })
})

test('a password set at the account page, and signing out', async () => {
  const person = await atLogin()
  await person.asksForCode('13500135004')
  await person.entersCode(await world.otp('+8613500135004'))
  await person.arrives(browser.app)
  await person.opens(`${world.issuer}/account`)
  await person.follows(/^密码/)
  await person.enters('新密码', password)
  await person.presses('保存密码')
  await person.reads('密码已保存')
  await person.follows('退出登录')
  await person.presses('退出登录')
  await person.sees('已退出登录')
  await person.opens(`${world.issuer}/account`)
  await person.sees('登录门神')
})

test('a device connected by the code typed from its screen', async () => {
  const body = new URLSearchParams({ client_id: 'box', scope: 'openid' })
  await world.register({
    clients: [
      {
        client_id: 'box',
        client_name: '盒子',
        first_party: true,
        token_endpoint_auth_method: 'none',
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
      },
    ],
  })
  const response = await fetch(`${world.issuer}/device/auth`, { method: 'POST', body })
  const device = (await response.json()) as { user_code: string; verification_uri: string }
  const person = await browser.person({ width: 375, javaScript: false })
  await person.opens(device.verification_uri)
  await person.enters('设备码', device.user_code)
  await person.presses('下一步')
  await person.presses('确认登录')
  await person.asksForCode('13500135005')
  await person.entersCode(await world.otp('+8613500135005'))
  await person.sees('设备已登录')
})
