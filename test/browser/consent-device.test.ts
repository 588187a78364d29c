import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, type TestBrowser } from '../support/browser.ts'
import { exchange, startLogin, token } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser
const api = 'https://api.example.com'
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

beforeAll(async () => {
  world = await openWorld()
  browser = await openBrowser(world.issuer)
  await world.register({
    resources: [{ resource: api, scopes: ['orders:read', 'orders:write'] }],
    clients: [
      {
        client_id: 'courier',
        client_name: '快递',
        token_endpoint_auth_method: 'none',
        redirect_uris: [browser.app.redirectUri],
        default_resource: api,
        scope: 'openid profile phone orders:read orders:write',
        filing_number: '浙ICP备12345678号-3A',
      },
      {
        client_id: 'tv',
        client_name: '客厅电视',
        first_party: true,
        token_endpoint_auth_method: 'none',
        grant_types: [deviceGrant],
      },
      {
        client_id: 'frame',
        client_name: '电子相框',
        token_endpoint_auth_method: 'none',
        grant_types: [deviceGrant],
      },
    ],
  })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

const request = (scope = 'openid profile phone orders:read orders:write', more: Record<string, string> = {}) =>
  startLogin(world, 'courier', browser.app.redirectUri, { scope, ...more })

async function reachesConsent(person: Person, phone: string, url = request()): Promise<void> {
  await person.opens(url)
  await logsIn(person, phone)
  await person.sees('快递请求访问您的账号')
}

async function logsIn(person: Person, phone: string): Promise<void> {
  await person.asksForCode(phone)
  await person.entersCode(await world.otp(`+86${phone}`))
}

async function redeem(answer: Record<string, string>): Promise<Record<string, string>> {
  return exchange(world, 'courier', browser.app.redirectUri, `${browser.app.redirectUri}?code=${answer['code']}`)
}

const claims = (jwt = '') => decodeJwt(jwt)

test('whoever declines goes back with access_denied and nothing is granted', async () => {
  const person = await browser.person({ width: 375 })
  await reachesConsent(person, '13600136000', request(undefined, { state: 'kept' }))
  await person.reads('136****6000')
  await person.reads('浙ICP备12345678号-3A')
  await person.presses('拒绝')
  expect(await person.arrives(browser.app)).toMatchObject({ error: 'access_denied', state: 'kept' })
  await person.opens(request())
  await person.sees('快递请求访问您的账号')
})

test('nothing is ticked beforehand, only what is ticked is granted, and it is not asked again', async () => {
  const person = await browser.person({ width: 375 })
  await reachesConsent(person, '13600136001')
  const boxes = person.page.getByRole('checkbox')
  expect(await boxes.count()).toBe(4)
  for (const box of await boxes.all()) expect(await box.isChecked()).toBe(false)
  await person.page.getByRole('checkbox', { name: '手机号' }).check()
  await person.page.getByRole('checkbox', { name: 'orders:read' }).check()
  await person.presses('同意授权')
  const tokens = await redeem(await person.arrives(browser.app))
  const granted = (each: Record<string, string>) => [claims(each['id_token']), claims(each['access_token'])]
  const ticked = [{ phone_number: '+8613600136001' }, { scope: 'orders:read', aud: api }]
  expect(granted(tokens)).toMatchObject(ticked)

  await person.opens(request())
  expect(granted(await redeem(await person.arrives(browser.app)))).toMatchObject(ticked)
})

test('what is left unticked is not granted', async () => {
  const person = await browser.person()
  await reachesConsent(person, '13600136006')
  await person.page.getByRole('checkbox', { name: '昵称和头像' }).check()
  await person.page.getByRole('checkbox', { name: 'orders:write' }).check()
  await person.presses('同意授权')
  const tokens = await redeem(await person.arrives(browser.app))
  expect(claims(tokens['id_token'])).not.toHaveProperty('phone_number')
  expect(claims(tokens['access_token'])).toMatchObject({ scope: 'orders:write' })
})

test('a consent for somebody else: the account is switched before anything is granted', async () => {
  const person = await browser.person()
  await reachesConsent(person, '13600136002', request('openid phone'))
  await person.presses('切换账号')
  await person.sees('登录其他账号')
  expect(await person.page.getByRole('main').textContent()).toContain('还没有账号？')
  expect(await person.page.getByRole('main').textContent()).not.toContain('136****6002')
  await logsIn(person, '13600136003')
  await person.sees('快递请求访问您的账号')
  await person.reads('136****6003')
  await person.page.getByRole('checkbox', { name: '手机号' }).check()
  await person.presses('同意授权')
  const tokens = await redeem(await person.arrives(browser.app))
  expect(claims(tokens['id_token'])).toMatchObject({ phone_number: '+8613600136003' })
})

async function startsDevice(client_id = 'tv'): Promise<{
  user_code: string
  device_code: string
  verification_uri: string
  verification_uri_complete: string
}> {
  const response = await fetch(`${world.issuer}/device/auth`, {
    method: 'POST',
    body: new URLSearchParams({ client_id, scope: 'openid' }),
  })
  return (await response.json()) as never
}
const poll = (device_code: string, client_id = 'tv') =>
  token(world, { grant_type: deviceGrant, client_id, device_code })

test('a device is signed in by the code it shows, typed without capitals and hyphen', async () => {
  const device = await startsDevice()
  const person = await browser.person({ width: 375 })
  await person.opens(device.verification_uri)
  await person.sees('设备登录')
  await person.enters('设备码', device.user_code.replace('-', '').toLowerCase())
  await person.presses('下一步')
  await person.sees('确认设备登录')
  await person.reads(device.user_code)
  await person.reads('客厅电视')
  await person.presses('确认登录')
  await logsIn(person, '13600136004')
  await person.sees('设备已登录')
  const { status, body } = await poll(device.device_code)
  expect(status).toBe(200)
  expect(claims(body['id_token'])).toHaveProperty('sub')
})

test('a device of others asks for consent, but offers no other account: its request cannot be made again', async () => {
  const device = await startsDevice('frame')
  const person = await browser.person()
  await person.opens(device.verification_uri)
  await person.enters('设备码', device.user_code)
  await person.presses('下一步')
  await person.presses('确认登录')
  await logsIn(person, '13600136007')
  await person.sees('电子相框请求访问您的账号')
  expect(await person.button('切换账号').count()).toBe(0)
  await person.presses('同意授权')
  await person.sees('设备已登录')
  expect((await poll(device.device_code, 'frame')).status).toBe(200)
})

test('a wrong code of a device is refused at its field, and a used one does not work again', async () => {
  const device = await startsDevice()
  const person = await browser.person()
  await person.opens(device.verification_uri)
  await person.enters('设备码', 'BCDF-GHJK')
  await person.presses('下一步')
  expect(await person.errorOf('设备码')).toContain('设备')
  await person.enters('设备码', device.user_code)
  await person.presses('下一步')
  await person.presses('确认登录')
  await logsIn(person, '13600136005')
  await person.sees('设备已登录')
  await person.opens(device.verification_uri)
  await person.enters('设备码', device.user_code)
  await person.presses('下一步')
  expect(await person.errorOf('设备码')).toMatch(/已|失效|使用/)
})

test.each([true, false])(
  'the address with the code leads to the question, and whoever declines is believed, with script: %s',
  async (javaScript) => {
    const device = await startsDevice()
    const person = await browser.person({ javaScript })
    await person.opens(device.verification_uri_complete)
    if (!javaScript) await person.presses('继续')
    await person.sees('确认设备登录')
    await person.presses('拒绝')
    await person.sees('已拒绝')
    expect((await poll(device.device_code)).body['error']).toBe('access_denied')
  },
)
