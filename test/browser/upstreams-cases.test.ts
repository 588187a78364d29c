import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { spaced } from '../../src/base/chinese-spacing.ts'
import { type Device, type Person, passTime } from '../support/browser.ts'
import {
  answers,
  comesBackLater,
  leavesFor,
  openUpstreamBrowser,
  type UpstreamBrowser,
} from '../support/upstream-browser.ts'
import { insideWechat } from '../support/upstreams.ts'

let shop: UpstreamBrowser

beforeAll(async () => {
  shop = await openUpstreamBrowser(['github', 'apple', 'wechat', 'silent'])
})
afterEach(() => shop.upstreams.wechat.setSnapshot(false))
afterAll(() => shop?.close())

const onPhone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1'
const password = 'ripe tea from 4 mountains'

async function atLogin(device: Device = {}): Promise<Person> {
  const person = await shop.browser.person(device)
  await person.opens(shop.login())
  return person
}

/** Up to the question whose account it is to be. */
async function atChoice(id: string, device: Device = {}): Promise<Person> {
  const person = await atLogin(device)
  await leavesFor(person, 'GitHub')
  await answers(person, id)
  await person.sees('该 GitHub 尚未绑定账号')
  return person
}

async function registered(username: string): Promise<string> {
  const person = await atLogin()
  await person.follows('注册')
  await person.follows('用户名')
  await person.enters('用户名', username)
  await person.enters('密码', password)
  await person.agrees()
  await person.presses('注册')
  return shop.arrives(person)
}

const table = (name: string) => shop.world.database.database.knex(name)
const stored = async () => [
  await table('users').orderBy('id'),
  await table('identities').orderBy('id'),
  await table('identity_subjects').orderBy('subject'),
]

test('nobody else is asked for anything before a person leaves, and Apple’s post across sites brings no cookie', async () => {
  const person = await atLogin()
  const requests: { readonly url: string; readonly method: string; readonly cookie: string | undefined }[] = []
  person.page.on('request', async (request) => {
    const { cookie } = await request.allHeaders()
    requests.push({ url: request.url(), method: request.method(), cookie })
  })
  await person.page.reload()
  expect(new Set(requests.map(({ url }) => new URL(url).origin))).toEqual(new Set([shop.world.issuer]))

  await leavesFor(person, 'Apple')
  await answers(person, 'p20')
  await person.sees('该 Apple 尚未绑定账号')
  await person.reads('客人 20')
  const back = requests.filter(({ method, url }) => method === 'POST' && url.endsWith('/callback/apple'))
  expect(back).toMatchObject([{ cookie: undefined }])
  const cookies = await person.context.cookies(person.page.url())
  expect(cookies.map(({ name }) => name)).toContain('menshen_interaction')
  for (const { sameSite, httpOnly } of cookies)
    expect({ sameSite, httpOnly }).toEqual({ sameSite: 'Lax', httpOnly: true })
  await person.presses('创建新账号')
  await shop.arrives(person)
})

test.each([
  { name: 'GitHub', id: '1021' },
  { name: 'Apple', id: 'p21' },
])('without script, through $name: the terms, the vendor, a new account', async ({ name, id }) => {
  const person = await atLogin({ width: 375, javaScript: false })
  await person.pressesUnagreed(name)
  expect(await person.page.getByLabel('密码').count()).toBe(0)
  await person.presses('同意并继续')
  await answers(person, id)
  if (name === 'Apple') await person.presses('继续 Continue')
  await person.sees(spaced(`该${name}尚未绑定账号`))
  await person.presses('创建新账号')
  await shop.arrives(person)
})

test('who has not ticked the terms is asked once before the upstream, and may disagree', async () => {
  const person = await atLogin()
  await person.pressesUnagreed('GitHub')
  await person.closes('不同意')
  await person.pressesUnagreed('GitHub')
  await person.presses('同意并继续')
  await person.sees('GitHub 登录（模拟）')
})

test('inside WeChat its button is first and leads to no QR code; the rest is folded, and Apple is not there', async () => {
  const person = await atLogin({ width: 375, userAgent: insideWechat })
  const buttons = person.page.locator('main').getByRole('button')
  expect(await buttons.first().textContent()).toMatch(/^\s*微信登录\s*$/)
  expect(await person.field('手机号').isVisible()).toBe(false)
  await person.page.locator('summary').click()
  expect(await person.field('手机号').isVisible()).toBe(true)
  expect(await person.page.locator('.providers bdi').allTextContents()).toEqual(['公众号', 'GitHub'])
  await leavesFor(person, '微信')
  expect(new URL(person.page.url()).pathname).toBe('/connect/oauth2/authorize')
})

test('inside WeChat an official account that asks nothing logs in without a page', async () => {
  shop.upstreams.wechat.signIn('p22')
  const person = await atLogin({ width: 375, userAgent: insideWechat })
  await leavesFor(person, '公众号')
  await person.sees('该微信尚未绑定账号')
  await person.presses('创建新账号')
  const made = await shop.arrives(person)
  await comesBackLater(person)
  await person.opens(shop.login())
  await leavesFor(person, '公众号')
  expect(await shop.arrives(person)).toBe(made)
})

test('on a phone outside WeChat there is no button for it, but a word about where it works', async () => {
  const person = await atLogin({ width: 375, userAgent: onPhone })
  expect(await person.page.locator('.connections bdi').allTextContents()).toEqual(['GitHub', 'Apple'])
  await person.reads('微信登录：请在手机的微信中打开本页，或在电脑上扫码登录。')
  await person.reads('公众号登录：请在手机的微信中打开本页。')
})

test('a snapshot visitor of WeChat is told how to go on, and finds and makes no account', async () => {
  shop.upstreams.wechat.signIn('p23')
  shop.upstreams.wechat.setSnapshot(true)
  const before = await stored()
  const person = await atLogin({ width: 375, userAgent: insideWechat })
  await leavesFor(person, '微信')
  expect(await person.error()).toContain('使用完整服务')
  expect(await stored()).toEqual(before)
})

test('one new person in two browsers at once is one user', async () => {
  const people = [await atChoice('1024'), await atChoice('1024')] as const
  const before = (await table('users')).length
  await Promise.all(people.map((person) => person.presses('创建新账号')))
  const [one, two] = [await shop.arrives(people[0]), await shop.arrives(people[1])]
  expect(one).toBe(two)
  expect(await table('users')).toHaveLength(before + 1)
})

test('who has a password logs in with it, and GitHub is bound', async () => {
  const mine = await registered('longjing')
  const person = await atChoice('1025')
  await person.follows('绑定已有账号')
  await person.reads('登录后，您可以将该 GitHub 绑定到账号')
  await person.logsInWithPassword('longjing', password)
  await person.sees('要绑定该 GitHub 吗？')
  await person.reads('客人 25')
  await person.page.reload()
  await person.presses('绑定并登录')
  expect(await shop.arrives(person)).toBe(mine)
  await comesBackLater(person)
  await person.opens(shop.login())
  await leavesFor(person, 'GitHub')
  await answers(person, '1025')
  expect(await shop.arrives(person)).toBe(mine)
})

test('who does not know what is to be bound gets in without it, without script and in English too', async () => {
  const mine = await registered('maojian')
  const person = await atLogin({ width: 375, javaScript: false })
  await person.presses('GitHub')
  await person.presses('同意并继续')
  await answers(person, '1032')
  await person.follows('绑定已有账号')
  await person.logsInWithPassword('maojian', password)
  await person.sees('要绑定该 GitHub 吗？')
  await person.follows('English')
  await person.sees('Connect your GitHub account?')
  await person.presses('Sign in without connecting')
  expect(await shop.arrives(person)).toBe(mine)
  expect(await table('identities').where({ user_id: mine })).toHaveLength(1)
})

test('a vendor is not offered for the login that its own identity is to be bound by, and not called used', async () => {
  const person = await atChoice('1027')
  await person.follows('绑定已有账号')
  expect(await person.page.locator('.providers bdi').allTextContents()).not.toContain('GitHub')
  await comesBackLater(person)
  await person.opens(shop.login())
  expect(await person.page.locator('.providers bdi').allTextContents()).toContain('GitHub')
  expect(await person.page.getByText('上次使用').count()).toBe(0)
})

test('what somebody else took in the meantime is not bound; nothing moves, and the login works without it', async () => {
  const mine = await registered('biluochun')
  const person = await atChoice('1028')
  const faster = await atChoice('1028')
  await faster.presses('创建新账号')
  const theirs = await shop.arrives(faster)
  await person.follows('绑定已有账号')
  await person.logsInWithPassword('biluochun', password)
  await person.isRefused('identity.taken')
  expect(await table('identities').where({ user_id: mine })).toHaveLength(1)
  expect(await table('identities').where({ user_id: theirs })).toHaveLength(1)
  await person.logsInWithPassword('biluochun', password)
  expect(await shop.arrives(person)).toBe(mine)
})

test('the question waits ten minutes', async () => {
  const person = await atChoice('1029')
  passTime(590)
  await person.page.reload()
  await person.sees('该 GitHub 尚未绑定账号')
  passTime(20)
  await person.presses('创建新账号')
  await person.isRefused('attempt.expired')
  await person.follows('重新开始')
  await person.sees('登录门神')
})

test('two accounts of one person are shown as they are, also after a reload and in English, and nothing changes', async () => {
  shop.upstreams.wechat.signIn('p30')
  const person = await atLogin({ width: 375, userAgent: insideWechat })
  await leavesFor(person, '公众号')
  await person.presses('创建新账号')
  const byOpenid = await shop.arrives(person)
  const desk = await atLogin()
  await leavesFor(desk, '微信')
  await answers(desk, 'p30')
  await desk.presses('创建新账号')
  const byUnionid = await shop.arrives(desk)

  const before = await stored()
  await comesBackLater(person)
  await person.opens(shop.login())
  await leavesFor(person, '微信')
  await answers(person, 'p30')
  await person.sees('该微信对应您的多个账号')
  await person.page.reload()
  await person.sees('该微信对应您的多个账号')
  await person.follows('English')
  await person.sees('Several of your accounts use this WeChat')
  expect(await person.page.locator('.rows li').count()).toBe(2)
  expect(await stored()).toEqual(before)
  const audited = await table('audit_events').where({ event: 'identity.conflicted' })
  expect(audited).toMatchObject([{ identity_provider: 'wechat', detail: { users: [byUnionid, byOpenid] } }])
  await person.follows('Sign in another way')
  await person.sees('Sign in to Menshen')
})

test('an upstream that goes no further is told on the login page, where everything still works', async () => {
  const person = await atLogin()
  await leavesFor(person, 'GitHub')
  shop.upstreams.github.faults.push({ kind: 'refuse', code: 'bad_verification_code' })
  await answers(person, '1031')
  expect(await person.error()).toContain('授权已过期')
  await person.follows('密码登录')
  await person.follows('验证码登录')
  await person.asksForCode('13800138100')
  await person.entersCode(await shop.world.otp('+8613800138100'))
  await shop.arrives(person)
})
