import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId, type UserId } from '../../src/base/ids.ts'
import { type Device, openBrowser, type Person, shopSeed, type TestBrowser } from '../support/browser.ts'
import { startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser

const password = 'ripe tea from 4 mountains'
const longName = '中华人民共和国超长名称测试之二十四节气农事与茶叶交易平台的老用户林小雨 International'
/** Where to put a picture of every page, for eyes. */
const pictures = process.env['TEST_PICTURES']

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  browser = await openBrowser(world.issuer)
  await world.register({ clients: [shopSeed(browser.app)] })
  if (pictures) await mkdir(pictures, { recursive: true })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

const knex = () => world.database.database.knex

/** Somebody who has signed in with this number and looks at their account. */
async function atAccount(phone: string, device: Device = {}): Promise<Person> {
  const person = await browser.person(device)
  await person.opens(startLogin(world, 'shop', browser.app.redirectUri))
  await person.asksForCode(phone)
  await person.entersCode(await world.otp(`+86${phone}`))
  await person.arrives(browser.app)
  await person.opens(`${world.issuer}/account`)
  return person
}

/** The number of the account with this phone. */
async function idOf(phone: string): Promise<UserId> {
  const row = await knex()('identity_subjects')
    .join('identities', 'identities.id', 'identity_subjects.identity_id')
    .where({ subject: `+86${phone}` })
    .first('identities.user_id')
  return row.user_id as UserId
}

async function loggedInBefore(phone: string, at: Date, detail: object): Promise<void> {
  const event = { event: 'login.succeeded', client_id: 'shop', ip: '203.0.113.9' }
  await knex()('audit_events').insert({
    ...event,
    user_id: await idOf(phone),
    at,
    detail: { method: 'sms', ...detail },
  })
}

test.each([{ javaScript: true }, { javaScript: false }])(
  'each row leads to its page, and back (script: $javaScript)',
  async ({ javaScript }) => {
    const person = await atAccount(javaScript ? '13700137000' : '13700137001', { width: 375, javaScript })
    await person.reads('目前只有一种登录方式')
    for (const [row, heading] of [
      [/^手机号 137\*{4}/, '登录方式'],
      [/^邮箱 未绑定/, '绑定邮箱'],
      [/^其他登录方式 未绑定/, '登录方式'],
      [/^设备与登录 1 处/, '设备与登录'],
      [/^登录记录/, '登录记录'],
      [/^语言 简体中文/, '语言'],
      [/设置头像和昵称$/, '修改资料'],
    ] as const) {
      await person.follows(row)
      await person.sees(heading)
      await person.follows(/^(返回我的账号|取消)$/)
      if (heading === '绑定邮箱') await person.opens(`${world.issuer}/account`)
      await person.sees('我的账号')
    }
  },
)

test('a digit is no face: a figure, then the letter of the nickname', async () => {
  const person = await atAccount('13700137002')
  const face = person.page.locator('.avatar')
  expect((await face.textContent())?.trim()).toBe('')
  expect(await face.locator('svg').count()).toBe(1)
  for (const [nickname, shown] of [
    ['林小雨', '林'],
    ['lin', 'L'],
    ['👨‍👩‍👧 Family', '👨‍👩‍👧'],
    ['13700137002', ''],
  ] as const) {
    await person.opens(`${world.issuer}/account/profile`)
    await person.enters('昵称', nickname)
    await person.presses('保存')
    expect((await face.textContent())?.trim()).toBe(shown)
  }
})

test('the language that is chosen stays', async () => {
  const person = await atAccount('13700137003', { javaScript: false })
  await person.follows(/^语言/)
  const english = person.page.getByRole('main').getByRole('link', { name: 'English' })
  await Promise.all([person.page.waitForEvent('domcontentloaded'), english.click()])
  await person.sees('Language')
  await person.follows('Back to my account')
  await person.sees('My account')
})

test('a moment is shown in the time of the browser, and without script in that of Beijing, as a line says', async () => {
  const phone = '13700137004'
  const person = await atAccount(phone, { timeZone: 'America/New_York' })
  await loggedInBefore(phone, new Date(Date.now() - 86_400_000), { device: 'Firefox · Linux' })
  const moment = new Date(Math.floor(Date.now() / 86_400_000 - 2) * 86_400_000 + 17 * 3_600_000 + 5 * 60_000)
  await loggedInBefore(phone, moment, { device: 'Safari · macOS' })
  const row = (where: Person) => where.page.getByRole('listitem').filter({ hasText: 'Safari · macOS' })
  await person.opens(`${world.issuer}/account/history`)
  expect(await row(person).textContent()).toMatch(/ 1[23]:05/)
  expect(await person.page.getByText('北京时间').isVisible()).toBe(false)

  const plain = await atAccount(phone, { javaScript: false, timeZone: 'America/New_York' })
  await plain.opens(`${world.issuer}/account/history`)
  expect(await row(plain).textContent()).toMatch(/ 01:05/)
  expect(await plain.page.getByText('北京时间').isVisible()).toBe(true)
})

test.each([{ javaScript: true }, { javaScript: false }])(
  'who finds a login that was not theirs is signed out everywhere and chooses a new password (script: $javaScript)',
  async ({ javaScript }) => {
    const phone = javaScript ? '13700137005' : '13700137006'
    const person = await atAccount(phone, { width: 375, javaScript })
    const other = await atAccount(phone)
    await person.follows(/^密码 未设置/)
    await person.enters('新密码', password)
    await person.presses('保存密码')
    await person.reads('密码已保存')
    await person.follows(/^登录记录/)
    await person.follows(/^不是我/)
    await person.sees('这次登录不是您本人？')
    await person.follows('取消')
    await person.follows(/^不是我/)
    await person.presses('退出全部设备')
    await person.sees('已退出全部设备')
    await other.page.reload()
    await other.reads('您标记了一次不是本人的登录')
    await person.follows('重新登录并修改密码')
    await person.enters('手机号', phone)
    await person.agrees()
    await person.presses('获取验证码')
    await person.entersCode(await world.otp(`+86${phone}`))
    await person.sees('修改密码')
    await person.enters('当前密码', password)
    await person.enters('新密码', 'green tea from 9 valleys')
    await person.presses('保存新密码')
    await person.reads('密码已保存')
  },
)

test.each([
  { width: 320, dark: false, phone: '13700137010', judged: 'width' },
  { width: 375, dark: false, phone: '13700137011', judged: 'everything' },
  { width: 375, dark: true, phone: '13700137012', judged: 'contrast' },
  { width: 1280, dark: false, phone: '13700137013', judged: 'width' },
] as const)(
  'the pages are sound for somebody with nothing and for somebody with everything at $width px, dark: $dark',
  async ({ phone, judged, ...device }) => {
    const person = await atAccount(phone, device)
    const faults: string[] = []
    const look = async (name: string) => {
      const file = `${name}.${device.width}.${device.dark ? 'dark' : 'light'}.png`
      if (pictures) await person.page.screenshot({ path: join(pictures, file), fullPage: true })
      for (const fault of await person.faults(judged)) faults.push(`${name}: ${fault}`)
    }
    await look('centre-new')
    await person.follows(/^登录记录/)
    await look('history-new')
    const id = await idOf(phone)
    await knex()('users').where({ id }).update({ nickname: longName })
    for (const [provider, subject] of [
      ['email', 'lin.xiaoyu@subdomain.of.a.long.example.com'],
      ['github', '1003377'],
      ['oidc:corp', 'corp-0000-7f3c'],
      ['wechat', `unionid:${phone}`],
    ] as const) {
      const identity = newId('idn')
      const at = new Date()
      const from = { created_ip: '203.0.113.9', last_used_ip: '203.0.113.9' }
      const row = {
        id: identity,
        user_id: id,
        provider,
        ...{ created_at: at, verified_at: at, last_used_at: at },
        ...from,
      }
      await knex()('identities').insert(row)
      const found = { identity_id: identity, provider, subject: `${subject}${phone}` }
      await knex()('identity_subjects').insert({ ...found, position: 0, created_at: at })
    }
    for (let index = 0; index < 22; index++) {
      const name = index % 3 === 0 ? longName : 'WeChat · iPhone'
      await loggedInBefore(phone, new Date(Date.now() - (index + 1) * 86_400_000), { device: name })
    }
    await person.opens(`${world.issuer}/account`)
    await look('centre')
    await person.follows(/^登录记录/)
    await look('history')
    await person.follows('更早的记录')
    await look('history-older')
    await person.follows('最新的记录')
    await person.page
      .getByRole('link', { name: /^不是我/ })
      .first()
      .click()
    await person.sees('这次登录不是您本人？')
    await look('not-me')
    await person.follows('取消')
    await person.opens(`${world.issuer}/account/language?lang=en`)
    await look('language-english')
    await person.follows('Back to my account')
    await look('centre-english')
    await person.page.getByText('User ID').click()
    await look('centre-english-open')
    expect(faults).toEqual([])
  },
  180_000,
)
