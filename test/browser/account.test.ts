import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Device, openBrowser, type Person, passTime, shopSeed, type TestBrowser } from '../support/browser.ts'
import { startLogin } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { openUpstreams, type Upstreams } from '../support/upstreams.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let upstreams: Upstreams
let browser: TestBrowser

const password = 'ripe tea from 4 mountains'
const another = 'green tea from 9 valleys'
/** Where to put a picture of every page, for eyes. */
const pictures = process.env['TEST_PICTURES']

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  const env = upstreams.env(['github', 'apple', 'wechat', 'silent'])
  world = await openWorld({ stores: 'tables', port, env: { ...env, MENSHEN_IDENTITIES_PER_PROVIDER: '{ email: 1 }' } })
  browser = await openBrowser(world.issuer, upstreams.origins)
  await world.register({ clients: [shopSeed(browser.app)] })
  if (pictures) await mkdir(pictures, { recursive: true })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
  await upstreams?.close()
})

/** Somebody who is signed in and looks at the ways in. */
async function atIdentities(phone: string, device: Device = {}): Promise<Person> {
  const person = await browser.person(device)
  await person.opens(startLogin(world, 'shop', browser.app.redirectUri))
  await person.asksForCode(phone)
  await person.entersCode(await world.otp(`+86${phone}`))
  await person.arrives(browser.app)
  await person.opens(`${world.issuer}/account`)
  await person.follows(/^其他登录方式/)
  await person.sees('登录方式')
  return person
}

async function bindsGithub(person: Person, id: string, button = '同意'): Promise<void> {
  await person.presses('绑定 GitHub')
  await person.page.locator(`input[name=person][value="${id}"]`).check()
  await person.presses(button)
}

async function bindsEmail(person: Person, address: string): Promise<void> {
  await person.follows('绑定邮箱')
  await person.sees('绑定邮箱')
  await person.enters('邮箱', address)
  await person.presses('获取验证码')
  await person.sees('输入验证码')
  await person.entersCode(await world.otp(address), '绑定')
}

test.each([
  { javaScript: true, phone: '13100131000', id: '1000', address: 'zhang@example.com' },
  { javaScript: false, phone: '13100131001', id: '1001', address: 'wang@example.com' },
])(
  'a phone account gains GitHub and an e-mail, shows all three, and lets one go (script: $javaScript)',
  async ({ javaScript, phone, id, address }) => {
    const person = await atIdentities(phone, { width: 375, javaScript })
    await person.reads('唯一的登录方式')
    await bindsGithub(person, id)
    await person.reads('绑定成功')
    await bindsEmail(person, address)
    await person.reads('绑定成功')
    const rows = person.page.getByRole('region', { name: '已绑定' }).getByRole('listitem')
    expect(await rows.allTextContents()).toMatchObject([
      expect.stringContaining(`131****${phone.slice(-4)}`),
      expect.stringMatching(/GitHub \*{4}0\d/),
      expect.stringContaining(`${address.slice(0, 2)}***@example.com`),
    ])
    await person.opens(`${world.issuer}/account`)
    await person.reads('GitHub')
    await person.reads(`${address.slice(0, 2)}***@example.com`)
    await person.follows(/^其他登录方式/)

    await person.follows(/^解绑 GitHub/)
    await person.sees('确定解绑该 GitHub？')
    await person.follows('取消')
    await person.follows(/^解绑 GitHub/)
    await person.presses('解绑')
    await person.reads('已解绑')
    expect(await rows.count()).toBe(2)
  },
)

test('whose it is already is told: mine, and somebody else’s', async () => {
  const owner = await atIdentities('13100131002')
  await bindsGithub(owner, '1002')
  await owner.reads('绑定成功')
  await bindsGithub(owner, '1002')
  await owner.reads('已绑定在您的账号上')
  const other = await atIdentities('13100131003', { width: 375 })
  await bindsGithub(other, '1002')
  await other.sees('该 GitHub 属于另一个账号')
  await other.page.reload()
  await other.sees('该 GitHub 属于另一个账号')
  await other.follows('返回登录方式')
  await other.reads('唯一的登录方式')
  await bindsGithub(other, '1003', '拒绝')
  expect(await other.error()).toContain('已取消授权')
})

test('Apple comes back by a form of its own site, and binds', async () => {
  const person = await atIdentities('13100131004')
  await person.presses('绑定 Apple')
  await person.page.locator('input[name=person][value="p9"]').check()
  await person.presses('同意')
  await person.sees('登录方式')
  await person.reads('绑定成功')
})

test('a login that is not fresh is asked for again in the middle of it', async () => {
  const phone = '13100131005'
  const person = await atIdentities(phone)
  await bindsGithub(person, '1005')
  passTime(601)
  await person.follows(/^解绑 GitHub/)
  await person.sees('请再次验证身份')
  await person.presses('获取验证码')
  await person.entersCode(await world.otp(`+86${phone}`))
  await person.sees('确定解绑该 GitHub？')
  await person.presses('解绑')
  await person.reads('已解绑')
})

test('the nickname is chosen, and a password change signs the others out when that is ticked', async () => {
  const phone = '13100131006'
  const [here, there] = [await atIdentities(phone, { width: 375 }), await atIdentities(phone)]
  await here.follows('返回我的账号')
  await here.follows(/设置头像和昵称$/)
  await here.enters('昵称', '林小雨')
  await here.presses('保存')
  await here.reads('昵称已保存')
  await here.follows(/^密码/)
  expect(await here.page.getByRole('checkbox').isChecked()).toBe(false)
  await here.enters('新密码', password)
  await here.presses('保存密码')
  await here.reads('仍保持登录')
  await there.opens(`${world.issuer}/account`)
  await there.sees('我的账号')

  await here.follows(/^密码/)
  await here.enters('当前密码', password)
  await here.enters('新密码', another)
  await here.page.getByRole('checkbox', { name: '同时退出其他浏览器和所有应用' }).check()
  await here.presses('保存新密码')
  await here.reads('均已退出')
  await there.opens(`${world.issuer}/account`)
  await there.sees('登录门神')
})

test.each([
  { width: 375, dark: false, phone: '13100131010', id: '1010', judged: 'everything' },
  { width: 375, dark: true, phone: '13100131011', id: '1011', judged: 'contrast' },
  { width: 1280, dark: false, phone: '13100131012', id: '1012', judged: 'width' },
] as const)(
  'every page of the account is sound for eyes and for screen readers at $width px, dark: $dark',
  async ({ phone, id, judged, ...device }) => {
    const person = await atIdentities(phone, device)
    const faults: string[] = []
    const look = async (name: string) => {
      const file = `${name}.${device.width}.${device.dark ? 'dark' : 'light'}.png`
      if (pictures) await person.page.screenshot({ path: join(pictures, file), fullPage: true })
      for (const fault of await person.faults(judged)) faults.push(`${name}: ${fault}`)
    }
    await look('identities-one')
    await person.follows('绑定手机号')
    await look('bind-phone')
    await person.enters('手机号', '123')
    await person.presses('获取验证码')
    await look('bind-phone-refused')
    await person.follows('取消')
    await person.follows('绑定邮箱')
    await look('bind-email')
    await person.enters('邮箱', `${id}@example.com`)
    await person.presses('获取验证码')
    await look('bind-code')
    await person.entersCode(await world.otp(`${id}@example.com`))
    await person.reads('邮箱已达绑定数量上限')
    await bindsGithub(person, id)
    await person.reads('绑定成功')
    await look('identities')
    await person.follows(/^解绑 GitHub/)
    await look('unbind')
    await person.follows('取消')
    await bindsGithub(person, id, '拒绝')
    await look('identities-refused')
    await person.opens(`${world.issuer}/account/profile`)
    await look('profile')
    await person.opens(`${world.issuer}/account`)
    await look('account')
    await person.follows('English')
    await person.sees('My account')
    await look('account-english')
    await person.follows(/^Other ways/)
    await person.sees('Ways to sign in')
    await look('identities-english')
    expect(faults).toEqual([])
  },
  180_000,
)
