import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, passTime, shopSeed, type TestBrowser } from '../support/browser.ts'
import { startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser

const password = 'ripe tea from 4 mountains'
const another = 'green tea from 9 valleys'

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  browser = await openBrowser(world.issuer)
  await world.register({ clients: [shopSeed(browser.app)] })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

const login = () => startLogin(world, 'shop', browser.app.redirectUri)

async function atLogin(device: Parameters<TestBrowser['person']>[0] = {}): Promise<Person> {
  const person = await browser.person(device)
  await person.opens(login())
  return person
}

async function registers(person: Person, kind: '邮箱' | '用户名', identifier: string): Promise<void> {
  await person.opens(login())
  await person.follows('注册')
  await person.sees('注册门神')
  await person.follows(kind)
  await person.enters(kind, identifier)
  await person.enters('密码', password)
  await person.agrees()
  await person.presses(kind === '邮箱' ? '获取验证码' : '注册')
}

test('a user name and a password make an account, and log in to it', async () => {
  await registers(await browser.person({ width: 375 }), '用户名', 'chayuan')
  const person = await atLogin()
  await person.logsInWithPassword('ChaYuan', password)
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('a taken user name is refused on the page, and what was typed stays, the password aside', async () => {
  const first = await browser.person()
  await registers(first, '用户名', 'longjing')
  expect(await first.arrives(browser.app)).toHaveProperty('code')
  const second = await browser.person()
  await registers(second, '用户名', 'longjing')
  await second.isRefused('identity.taken')
  expect(await second.field('用户名').inputValue()).toBe('longjing')
  expect(await second.field('密码').inputValue()).toBe('')
})

test('a common or short password is refused at its field', async () => {
  const person = await browser.person()
  await person.opens(login())
  await person.follows('注册')
  await person.follows('用户名')
  for (const [typed, message] of [
    ['short', '太短'],
    ['12345678', '常见'],
  ] as const) {
    await person.enters('用户名', 'biluochun')
    await person.enters('密码', typed)
    await person.agrees()
    await person.presses('注册')
    await person.reads(message)
    expect(await person.errorOf('密码')).toContain(message)
  }
})

test('an e-mail address has to be proved by a code before it has an account', async () => {
  const person = await browser.person({ width: 375 })
  await registers(person, '邮箱', 'lin@example.com')
  await person.sees('输入验证码')
  await person.reads('lin@example.com')
  await person.entersCode(await world.otp('lin@example.com'))
  expect(await person.arrives(browser.app)).toHaveProperty('code')

  const later = await atLogin()
  await later.logsInWithPassword('Lin@Example.com', password)
  expect(await later.arrives(browser.app)).toHaveProperty('code')
})

test('a phone number registers by a code alone', async () => {
  const person = await atLogin()
  await person.follows('注册')
  await person.enters('手机号', '13900139000')
  await person.agrees()
  await person.presses('获取验证码')
  await person.entersCode(await world.otp('+8613900139000'))
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('a wrong password and an unknown account are answered with one sentence', async () => {
  const owner = await browser.person()
  await registers(owner, '用户名', 'tieguanyin')
  expect(await owner.arrives(browser.app)).toHaveProperty('code')
  const answers: string[] = []
  for (const identifier of ['tieguanyin', 'nobody-at-all', '!!']) {
    const person = await atLogin()
    await person.logsInWithPassword(identifier, another)
    answers.push((await person.errorOf('密码')).trim())
    expect(await person.field('手机号、邮箱或用户名').inputValue()).toBe(identifier)
    expect(await person.field('密码').inputValue()).toBe('')
  }
  expect(new Set(answers)).toEqual(
    new Set(['账号或密码错误，请重新输入。如多次出错，可重置密码、用其他方式登录，或换用登录过的设备。']),
  )
})

test('five wrong passwords lock the name for a while that is shown; the code by phone still works', async () => {
  const person = await atLogin({ width: 375 })
  await person.asksForCode('13900139001')
  await person.entersCode(await world.otp('+8613900139001'))
  await person.arrives(browser.app)
  await person.opens(`${world.issuer}/account/password`)
  await person.enters('新密码', password)
  await person.presses('保存密码')
  await person.sees('我的账号')

  const thief = await atLogin()
  await thief.follows('密码登录')
  await thief.agrees()
  for (let tries = 0; tries < 5; tries++) {
    await thief.enters('手机号、邮箱或用户名', '13900139001')
    await thief.enters('密码', `${another} ${tries}`)
    await thief.presses('登录')
    await thief.isRefused('password.wrong')
  }
  await thief.enters('手机号、邮箱或用户名', '13900139001')
  await thief.enters('密码', password)
  await thief.presses('登录')
  await thief.isRefused('password.locked')
  expect(await thief.error()).toMatch(/请 \d+ 秒后再试/)
  await thief.reads(/^\d+ 秒后可重试$/)
  expect(await thief.button('登录').isDisabled()).toBe(true)

  const owner = await atLogin()
  await owner.asksForCode('13900139001')
  await owner.entersCode(await world.otp('+8613900139001'))
  expect(await owner.arrives(browser.app)).toHaveProperty('code')

  passTime(61)
  const patient = await atLogin()
  await patient.logsInWithPassword('139 0013 9001', password)
  expect(await patient.arrives(browser.app)).toHaveProperty('code')
})

test('a forgotten password is replaced by phone; the old one and the old sessions end', async () => {
  const elsewhere = await atLogin()
  await elsewhere.asksForCode('13900139002')
  await elsewhere.entersCode(await world.otp('+8613900139002'))
  await elsewhere.arrives(browser.app)
  await elsewhere.opens(`${world.issuer}/account/password`)
  await elsewhere.enters('新密码', password)
  await elsewhere.presses('保存密码')
  await elsewhere.sees('我的账号')

  const person = await atLogin({ width: 375 })
  await resets(person, '13900139002', '+8613900139002')
  expect(await person.arrives(browser.app)).toHaveProperty('code')

  await elsewhere.opens(`${world.issuer}/account`)
  await elsewhere.sees('登录门神')
  const old = await atLogin()
  await old.logsInWithPassword('13900139002', password)
  await old.isRefused('password.wrong')
  await old.enters('密码', another)
  await old.presses('登录')
  expect(await old.arrives(browser.app)).toHaveProperty('code')
})

test('a forgotten password is replaced by e-mail', async () => {
  const person = await browser.person()
  await registers(person, '邮箱', 'chen@example.com')
  await person.entersCode(await world.otp('chen@example.com'))
  await person.arrives(browser.app)
  const forgetful = await atLogin()
  await resets(forgetful, 'chen@example.com', 'chen@example.com')
  expect(await forgetful.arrives(browser.app)).toHaveProperty('code')
})

test('whoever has no account gets the same page from a reset, but no code', async () => {
  const person = await atLogin()
  await person.follows('密码登录')
  await person.follows('忘记密码？')
  await person.enters('手机号或邮箱', '13900139008')
  await person.agrees()
  await person.presses('获取验证码')
  await person.sees('输入验证码')
  await person.reads('如果该账号存在')
  await expect(world.otp('+8613900139008')).rejects.toThrow('nothing was sent')
})

test('somebody signed in who forgot the password an app asks for again gets through by a reset', async () => {
  const person = await browser.person()
  await registers(person, '邮箱', 'wang@example.com')
  await person.entersCode(await world.otp('wang@example.com'))
  await person.arrives(browser.app)
  await person.opens(startLogin(world, 'shop', browser.app.redirectUri, { prompt: 'login' }))
  await person.sees('请再次验证身份')
  await resets(person, 'wang@example.com', 'wang@example.com')
  expect(await person.arrives(browser.app)).toHaveProperty('code')
})

test('a password is offered, can be left for later, set, and changed only with the current one', async () => {
  const person = await atLogin()
  await person.asksForCode('13900139003')
  await person.entersCode(await world.otp('+8613900139003'))
  await person.arrives(browser.app)
  await person.opens(`${world.issuer}/account`)
  await person.reads('139****9003')
  await person.follows(/^密码/)
  await person.presses('以后再说')
  await person.sees('我的账号')
  await person.follows(/^密码/)
  await person.enters('新密码', password)
  await person.presses('保存密码')
  await person.reads('密码已保存')
  await person.follows(/^密码/)
  await person.presses('取消')
  await person.follows(/^密码/)
  await person.enters('当前密码', another)
  await person.enters('新密码', another)
  await person.presses('保存新密码')
  expect(await person.errorOf('当前密码')).toContain('当前密码不正确')
  await person.enters('当前密码', password)
  await person.enters('新密码', another)
  await person.presses('保存新密码')
  await person.reads('密码已保存')

  const later = await atLogin()
  await later.logsInWithPassword('13900139003', another)
  expect(await later.arrives(browser.app)).toHaveProperty('code')
})

test('a login that is no longer fresh is asked for again before the password page', async () => {
  const person = await atLogin()
  await person.asksForCode('13900139004')
  await person.entersCode(await world.otp('+8613900139004'))
  await person.arrives(browser.app)
  passTime(601)
  await person.opens(`${world.issuer}/account/password`)
  await person.sees('请再次验证身份')
  await person.reads('139****9004')
  await person.presses('获取验证码')
  await person.entersCode(await world.otp('+8613900139004'))
  await person.sees('设置密码')
})

test('a password can be looked at, and is sent as a password', async () => {
  const person = await atLogin()
  await person.follows('密码登录')
  const eye = person.button('显示密码')
  await person.enters('密码', password)
  await eye.click()
  expect(await eye.getAttribute('aria-pressed')).toBe('true')
  expect(await person.field('密码').getAttribute('type')).toBe('text')
  await eye.click()
  expect(await person.field('密码').getAttribute('type')).toBe('password')
})

async function resets(person: Person, identifier: string, to: string): Promise<void> {
  await person.follows('密码登录')
  await person.follows('忘记密码？')
  await person.sees('重置密码')
  await person.enters('手机号或邮箱', identifier)
  await person.agrees()
  const otp = await world.otpAfter(to, () => person.presses('获取验证码'))
  await person.sees('输入验证码')
  await person.entersCode(otp, '下一步')
  await person.sees('重置密码')
  await person.enters('新密码', another)
  await person.presses('保存并登录')
}
