import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, passTime, type TestBrowser } from '../support/browser.ts'
import { exchange, startLogin, subjectOf } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  browser = await openBrowser(world.issuer)
  const { redirectUri, loggedOutUri } = browser.app
  const common = {
    first_party: true,
    token_endpoint_auth_method: 'none',
    redirect_uris: [redirectUri],
    post_logout_redirect_uris: [loggedOutUri],
  }
  await world.register({
    clients: [
      { client_id: 'shop', client_name: '茶铺', client_uri: `${browser.app.redirectUri}?home`, ...common },
      { client_id: 'ledger', client_name: '账本', ...common },
    ],
  })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

const login = (client = 'shop', more: Record<string, string> = {}) =>
  startLogin(world, client, browser.app.redirectUri, more)

async function logsIn(person: Person, phone: string, url = login()): Promise<Record<string, string>> {
  await person.opens(url)
  await person.asksForCode(phone)
  await person.entersCode(await world.otp(`+86${phone}`))
  return person.arrives(browser.app)
}

const redeem = (client: string, answer: Record<string, string>) =>
  exchange(world, client, browser.app.redirectUri, `${browser.app.redirectUri}?code=${answer['code']}`)
/** The status of userinfo: 401 once the token is worth nothing. */
async function asksWhoItIs(tokens: Record<string, string>): Promise<number> {
  const headers = { authorization: `Bearer ${tokens['access_token']}` }
  return (await fetch(`${world.issuer}/me`, { headers })).status
}

function endSession(more: Record<string, string> = {}): URL {
  const url = new URL('/session/end', world.issuer)
  url.search = new URLSearchParams(more).toString()
  return url
}

test('a second app needs no second login', async () => {
  const person = await browser.person()
  const first = await redeem('shop', await logsIn(person, '13700137000'))
  await person.opens(login('ledger'))
  const second = await redeem('ledger', await person.arrives(browser.app))
  expect(subjectOf(second)).toBe(subjectOf(first))
})

test('signing out everywhere ends the session and its tokens, and the next visit asks who it is', async () => {
  const person = await browser.person({ width: 375 })
  const tokens = await redeem('shop', await logsIn(person, '13700137001'))
  expect(await asksWhoItIs(tokens)).toBe(200)
  await person.opens(endSession({ client_id: 'shop' }))
  await person.sees('确定退出登录？')
  await person.presses('全部退出')
  await person.sees('已退出登录')
  await person.opens(login())
  await person.sees('登录门神')
  expect(await asksWhoItIs(tokens)).toBe(401)
})

test('signing out of one app leaves the other one signed in', async () => {
  const person = await browser.person()
  const shop = await redeem('shop', await logsIn(person, '13700137002'))
  await person.opens(login('ledger'))
  const ledger = await redeem('ledger', await person.arrives(browser.app))
  await person.opens(endSession({ client_id: 'shop' }))
  await person.presses(/^仅退出.*茶铺/)
  await person.sees('已退出登录')
  await person.reads(/茶铺/)
  expect(await asksWhoItIs(ledger)).toBe(200)
  expect(await asksWhoItIs(shop)).toBe(401)
  await person.opens(`${world.issuer}/account`)
  await person.sees('我的账号')
})

test('an app of ours gets its person back after signing out, without a question and with its state', async () => {
  const person = await browser.person()
  const tokens = await redeem('shop', await logsIn(person, '13700137003'))
  const { loggedOutUri } = browser.app
  const back = { id_token_hint: tokens['id_token'] ?? '', post_logout_redirect_uri: loggedOutUri, state: 'the-state' }
  await person.opens(endSession(back))
  expect(await person.arrives(browser.app)).toEqual({ state: 'the-state' })
  expect(person.page.url()).toContain('/bye')
})

test('whoever signs out at the account page is out', async () => {
  const person = await browser.person()
  await logsIn(person, '13700137004')
  await person.opens(`${world.issuer}/account`)
  await person.follows('退出登录')
  await person.presses('退出登录')
  await person.sees('已退出登录')
  await person.opens(`${world.issuer}/account`)
  await person.sees('登录门神')
})

test.each([true, false])(
  'somebody signs a lost browser out at another one, and both are told, with script: %s',
  async (javaScript) => {
    const phone = javaScript ? '13700137014' : '13700137015'
    const lost = await browser.person({ javaScript })
    const here = await browser.person({ javaScript, width: 375 })
    await logsIn(lost, phone)
    await logsIn(here, phone)
    await here.opens(`${world.issuer}/account`)
    await here.follows(/^设备与登录/)
    await here.reads('本机')
    await here.presses(/^退出 Chrome/)
    await here.reads('已退出所选登录')
    if (javaScript) expect(await here.faults('everything')).toEqual([])
    expect(await here.button(/^退出 Chrome/).count()).toBe(0)
    await lost.opens(login())
    await lost.sees('登录门神')
    await lost.reads('您已在“设备与登录”中将此处退出登录。')
    if (javaScript) expect(await lost.faults('everything')).toEqual([])
    await here.presses('退出全部设备（含本机）')
    await here.sees('已退出全部设备')
    await here.follows('重新登录')
    await here.sees('登录门神')
  },
)

test('a login page left open for too long leads back to the app, where it begins again', async () => {
  const person = await browser.person({ width: 375 })
  await person.opens(login('shop', { state: 'kept' }))
  await person.enters('手机号', '13700137005')
  await person.agrees()
  passTime(3601)
  await person.presses('获取验证码')
  await person.isRefused('attempt.expired')
  await person.follows('返回应用')
  expect(await person.arrives(browser.app)).toEqual({ home: '' })
  await person.opens(login('shop', { state: 'kept' }))
  await person.asksForCode('13700137005')
  await person.entersCode(await world.otp('+8613700137005'))
  expect(await person.arrives(browser.app)).toMatchObject({ state: 'kept', code: expect.any(String) })
})

test('the back button after a login shows no broken page and leads on', async () => {
  const person = await browser.person({ width: 375 })
  await logsIn(person, '13700137006')
  await person.page.goBack()
  await person.sees('本次登录已结束')
  await person.follows('返回应用')
  expect(await person.arrives(browser.app)).toEqual({ home: '' })
})

test('two logins in two tabs of one browser both arrive', async () => {
  const first = await browser.person()
  const second = await first.tab()
  await first.opens(login('shop', { state: 'first' }))
  await second.opens(login('shop', { state: 'second' }))
  await first.turnsHere()
  await first.asksForCode('13700137007')
  await second.turnsHere()
  await second.asksForCode('13700137007')
  const otp = await world.otp('+8613700137007')
  await second.entersCode(otp)
  expect(await second.arrives(browser.app)).toMatchObject({ state: 'second', code: expect.any(String) })
  await first.turnsHere()
  // Both tabs were asked for the one code of their browser, which is used up.
  passTime(61)
  await first.page.reload()
  await first.presses('重新获取验证码')
  await first.entersCode(await world.otp('+8613700137007'))
  expect(await first.arrives(browser.app)).toMatchObject({ state: 'first', code: expect.any(String) })
})

test('two apps log in side by side in one browser', async () => {
  const shop = await browser.person()
  const ledger = await shop.tab()
  await shop.opens(login('shop'))
  await ledger.opens(login('ledger'))
  await ledger.asksForCode('13700137008')
  await ledger.entersCode(await world.otp('+8613700137008'))
  const first = await redeem('ledger', await ledger.arrives(browser.app))
  await shop.turnsHere()
  await shop.asksForCode('13700137008')
  await shop.entersCode(await world.otp('+8613700137008'))
  const second = await redeem('shop', await shop.arrives(browser.app))
  expect(subjectOf(first)).toBe(subjectOf(second))
})

test.each([true, false])('somebody else logs in at a signed-in browser, with script: %s', async (javaScript) => {
  const person = await browser.person({ javaScript })
  const phone = javaScript ? '13700137009' : '13700137010'
  const other = javaScript ? '13700137011' : '13700137012'
  const before = subjectOf(await redeem('shop', await logsIn(person, phone)))
  await person.opens(login('shop', { prompt: 'login' }))
  await person.sees('请再次验证身份')
  await person.follows('使用其他账号')
  await person.asksForCode(other)
  await person.entersCode(await world.otp(`+86${other}`))
  if (!javaScript) {
    await person.sees('正在跳转')
    await person.presses('继续')
  }
  const after = subjectOf(await redeem('shop', await person.arrives(browser.app)))
  expect(after).not.toBe(before)
  await person.opens(login('ledger'))
  expect(subjectOf(await redeem('ledger', await person.arrives(browser.app)))).toBe(after)
})

test('the address of a login page is worth nothing in another browser', async () => {
  const owner = await browser.person()
  await owner.opens(login())
  const stranger = await browser.person()
  await stranger.opens(owner.page.url())
  await stranger.sees('本次登录已结束')
  await stranger.isRefused('attempt.expired')
})

test('cookies are signed, sealed or random and out of reach of scripts and other sites; those of language, method and client say nothing else', async () => {
  const person = await browser.person()
  await person.opens(login())
  await person.follows('English')
  await person.follows('简体中文')
  await logsIn(person, '13700137013')
  await person.opens(`${world.issuer}/account`)
  const cookies = await person.context.cookies()
  const names = cookies.map(({ name }) => name)
  expect(names).toContain('menshen_session')
  for (const { name, value, httpOnly, sameSite } of cookies) {
    expect({ name, httpOnly, sameSite }).toEqual({ name, httpOnly: true, sameSite: 'Lax' })
    if (name.startsWith('menshen_lang')) expect(value).toBe('zh-CN')
    else if (name === 'menshen_last') expect(value).toBe('sms')
    else if (name === 'menshen_client') expect(value).toBe('shop')
    // Sealed: it opens for the server alone.
    else if (['menshen_device', 'menshen_codes'].includes(name)) expect(value).toMatch(/^[\w-]+\.[\w-]{40,}$/)
    else if (name.startsWith('menshen_browser_')) expect(value).toMatch(/^[\w-]{22}$/)
    else if (!name.endsWith('.sig')) expect(names).toContain(`${name}.sig`)
  }
})
