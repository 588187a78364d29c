import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, passTime, type TestBrowser } from '../support/browser.ts'
import { openWorld, type World } from '../support/world.ts'

/** Where to put a picture of every page, for eyes. */
const pictures = process.env['TEST_PICTURES']

let world: World
let browser: TestBrowser

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  const body = new URLSearchParams({ action: 'begin', way: 'univerify', person: 'lilei' })
  const toCarrier = await fetch(`${world.issuer}/sandbox/native`, { method: 'POST', body, redirect: 'manual' })
  browser = await openBrowser(world.issuer, [new URL(toCarrier.headers.get('location') ?? '').origin])
  if (pictures) await mkdir(pictures, { recursive: true })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

interface Look {
  readonly width: number
  readonly dark?: boolean
  readonly javaScript?: boolean
  readonly language?: string
}

const phone: Look = { width: 375 }

/** Somebody in front of the app; `looks` finds what is wrong with what is on the screen. */
async function atTheApp(device: Look) {
  const { width, dark = false, javaScript = true, language = 'zh-CN' } = device
  const person = await browser.person({ width, dark, javaScript, language })
  await person.opens(`${world.issuer}/sandbox/native`)
  const faults: string[] = []
  const looks = async (name: string) => {
    const file = `native-${name}.${width}.${dark ? 'dark' : 'light'}.${language}.png`
    if (pictures) await person.page.screenshot({ path: join(pictures, file), fullPage: true })
    const judged = javaScript ? (dark ? 'contrast' : 'everything') : 'width'
    for (const fault of await person.faults(judged)) faults.push(`${name}: ${fault}`)
  }
  return { person, looks, faults }
}

/** Chooses a way in and whose phone it is, agrees and logs in. */
async function logsIn(person: Person, way: string, owner: string): Promise<void> {
  await person.follows(way)
  await person.page.getByLabel('手机的主人').selectOption(owner)
  await ticks(person)
  await person.presses('登录')
}

/** Has a code sent and enters it. */
async function provesNumber(person: Person, number: string): Promise<void> {
  await person.enters('手机号', number)
  await person.presses('获取验证码')
  await person.enters('6 位验证码', await world.otp(`+86${number}`))
  await person.presses('继续')
}

const ticks = (person: Person) => person.page.getByRole('checkbox').check()

/** Requests of the app as the page tells them, oldest first. */
async function requests(person: Person): Promise<string[]> {
  const shown = await person.page.locator('[aria-labelledby=log] h3').allTextContents()
  const statuses = await person.page.locator('[aria-labelledby=log] .status').allTextContents()
  return shown.map((request, index) => `${request} ${statuses[index]?.replace('HTTP ', '')}`).reverse()
}

test.each([
  { ...phone, number: '13800200001' },
  { ...phone, dark: true, number: '13800200002' },
  { ...phone, width: 320, javaScript: false, number: '13800200003' },
  { ...phone, width: 1280, language: 'en-US', number: '13800200004' },
])('by SMS at $width px, dark: $dark, script: $javaScript', async ({ number, ...device }) => {
  const { person, looks, faults } = await atTheApp(device)
  const isEnglish = device.language === 'en-US'
  const say = (zh: string, en: string) => (isEnglish ? en : zh)
  await looks('begin')
  await person.enters(say('手机号', 'Phone number'), number)
  await person.presses(say('获取验证码', 'Send a code'))
  await person.reads(say('请阅读并同意', 'Please read and agree'))
  await looks('agreement')
  await person.presses(say('同意并继续', 'Agree and continue'))
  await person.reads(say('验证码已发送到', 'A code was sent to'))
  await person.reads(isEnglish ? /^New code in \d+ s$/ : /^\d+ 秒后可重新获取$/)
  const resend = person.button(say('重新获取验证码', 'Send a new code'))
  expect(await resend.isDisabled()).toBe(device.javaScript !== false)
  await person.enters(say('6 位验证码', '6-digit code'), '12')
  await person.presses(say('继续', 'Go on'))
  await person.page.getByRole('alert').waitFor()
  await looks('otp-wrong')
  await person.enters(say('6 位验证码', '6-digit code'), await world.otp(`+86${number}`))
  await person.presses(say('继续', 'Go on'))
  await person.reads(say('登录成功，这是一个新账号', 'Logged in, with a new account'))
  await person.reads(`"phone_number": "+86${number}"`)
  await looks('in')
  await person.presses(say('查看登录方式', 'Show the ways in'))
  await looks('identities')
  await person.presses(say('刷新令牌', 'Refresh'))
  await person.presses(say('调用 API', 'Call the API'))
  expect(await requests(person)).toEqual([
    'POST /authorize-challenge 400',
    'POST /authorize-challenge 400',
    'POST /authorize-challenge 400',
    'POST /authorize-challenge 200',
    'POST /token 200',
    'POST /token 200',
    'GET /identities 200',
    'POST /token 200',
    'GET /sandbox/api/orders 200',
  ])
  await person.presses(say('退出登录', 'Log out'))
  await person.reads(say('已退出', 'Logged out'))
  expect(faults).toEqual([])
})

test.each([
  ['univerify', '一键登录（univerify）', '李雷 · 13800138000 · 移动', '+8613800138000'],
  ['univerify', '一键登录（univerify）', '韩梅梅 · 18600001234 · 联通', '+8618600001234'],
  ['aliyun', '一键登录（阿里云）', '林涛 · 18900001234 · 电信', '+8618900001234'],
] as const)('by one tap through %s and the page of the carrier: %s, %s', async (_, way, sim, number) => {
  const { person, looks, faults } = await atTheApp(phone)
  await person.follows(way)
  await looks('one-tap')
  await person.page.getByLabel('手机里的 SIM 卡').selectOption({ label: sim })
  await ticks(person)
  await person.presses('登录')
  await person.sees('登录「门神演示」')
  await ticks(person)
  await person.presses('本机号码一键登录')
  await person.reads(/登录成功/)
  await person.reads(`"phone_number": "${number}"`)
  expect(new URL(person.page.url()).search).toBe('')
  expect(await requests(person)).toEqual(['POST /authorize-challenge 200', 'POST /token 200'])
  await looks('one-tap-in')
  expect(faults).toEqual([])
})

test('by mini program with a phone number in one request and a code, then another way in is added and removed', async () => {
  const { person, looks, faults } = await atTheApp(phone)
  await logsIn(person, '小程序加手机号', 'weifang')
  await person.reads('微信以前核验过此号码')
  await looks('unsure')
  await person.presses('登录那个账号')
  await person.enters('6 位验证码', await world.otp('+8613900001234'))
  await person.presses('继续')
  await person.reads('要将微信')
  await looks('bind-identity')
  await person.presses('绑定')
  await person.reads('登录成功，这是一个新账号')
  await person.reads('"phone_number": "+8613900001234"')
  await person.presses('查看登录方式')
  await person.reads('微信')
  await person.follows('添加登录方式')
  await looks('bind')
  await person.follows('QQ App')
  await person.page.getByLabel('手机的主人').selectOption('weifang')
  await person.presses('添加')
  await person.reads('已添加')
  await looks('bound')
  await person.presses(/^解绑 QQ/)
  expect(await person.page.getByRole('button', { name: /^解绑 QQ/ }).count()).toBe(0)
  expect(faults).toEqual([])
})

test('a WeChat nobody has is bound to an account by SMS, and a fresh login is asked for', async () => {
  const { person, looks, faults } = await atTheApp(phone)
  await logsIn(person, '微信 App', 'zhangwei')
  await person.reads('该微信尚未绑定账号')
  await looks('choose')
  await person.presses('绑定已有账号')
  await looks('existing')
  await provesNumber(person, '13800200009')
  await person.presses('绑定')
  await person.reads(/登录成功/)
  await person.presses('再验证一次（max_age=0）')
  await person.reads('需要再证明一次身份')
  await looks('step-up')
  await provesNumber(person, '13800200009')
  await person.reads(/登录成功，欢迎回来/)
  expect(faults).toEqual([])
})

test.each([
  { language: 'zh-CN', dark: true, owner: 'lintao', numbers: ['13800200011', '13800200012', '13800200013'] },
  { language: 'en-US', dark: false, owner: 'hanmeimei', numbers: ['13800200014', '13800200015', '13800200016'] },
] as const)('a number is changed, another change waits and is stopped, in $language', async (given) => {
  const { language, dark, owner, numbers } = given
  const { person, looks, faults } = await atTheApp({ ...phone, language, dark })
  const [from, to, later] = numbers
  const say = (zh: string, en: string) => (language === 'en-US' ? en : zh)
  const begins = async () => {
    await person.presses(say('查看登录方式', 'Show the ways in'))
    await person.presses(new RegExp(`^${say('更换', 'Change')} `))
  }
  const proves = async (number: string) => {
    await person.enters(say('6 位验证码', '6-digit code'), await world.otp(`+86${number}`))
    await person.presses(say('继续', 'Go on'))
  }
  const asks = async (label: string, number: string) => {
    await person.enters(label, number)
    await person.presses(say('获取验证码', 'Send a code'))
  }
  const next = say('新手机号', 'New phone number')
  const byQq = async () => {
    await person.follows(say('QQ App', 'QQ in an app'))
    await person.page.getByLabel(say('手机的主人', 'Owner of the phone')).selectOption(owner)
  }
  await ticks(person)
  await asks(say('手机号', 'Phone number'), from)
  await proves(from)
  await person.presses(say('查看登录方式', 'Show the ways in'))
  await person.follows(say('添加登录方式', 'Add a way in'))
  await byQq()
  await person.presses(say('添加', 'Add'))

  passTime(61)
  await begins()
  await looks('change')
  await person.presses(say('获取验证码', 'Send a code'))
  await proves(from)
  await looks('change-new')
  await asks(next, to)
  await proves(to)
  await person.reads(say('已更换', 'Changed. Logins'))

  await person.presses(say('退出登录', 'Log out'))
  await byQq()
  await ticks(person)
  await person.presses(say('登录', 'Log in'))
  await begins()
  await person.presses(say('不用原来的验证', 'Go on without it'))
  await asks(next, later)
  await proves(later)
  await person.reads(say('已提交更换', 'The change waits'))
  await looks('change-waits')
  await person.presses(new RegExp(`^${say('取消更换', 'Cancel the change')} `))
  expect(await person.page.getByText(say('正在更换为', 'Changing to')).count()).toBe(0)
  const [tab] = await Promise.all([
    person.context.waitForEvent('page'),
    person.page.getByRole('link', { name: say('我的数据', 'My data') }).click(),
  ])
  expect(new URL(tab.url()).pathname).toMatch(/^\/(account\/data|interaction\/)/)
  expect(faults).toEqual([])
})

test('who does not agree to the carrier’s page is offered a text message, and nobody slips a token in', async () => {
  const { person } = await atTheApp(phone)
  await person.follows('一键登录（univerify）')
  await ticks(person)
  await person.presses('登录')
  const returned = new URL(new URL(person.page.url()).searchParams.get('return_to') ?? '')
  await person.presses('其他方式')
  await person.reads('改用短信验证码')
  expect(await requests(person)).toEqual([])
  returned.searchParams.set('access_token', 'of-somebody-else')
  await person.opens(returned)
  await person.opens(`${world.issuer}/sandbox/native`)
  expect(await requests(person)).toEqual([])
})
