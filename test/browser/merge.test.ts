import { afterAll, beforeAll, expect, test } from 'vitest'
import { survivorOf } from '../../src/accounts/merged-users.ts'
import { openBrowser, shopSeed, type TestBrowser } from '../support/browser.ts'
import { startLogin } from '../support/login.ts'
import { claimOf } from '../support/several.ts'
import { openWorld, type World } from '../support/world.ts'

// Somebody makes one of their two accounts, and takes it back.

let world: World
let browser: TestBrowser

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  browser = await openBrowser(world.issuer)
  await world.register({ clients: [shopSeed(browser.app)] })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

const words = {
  'zh-CN': {
    ...{ send: '获取验证码', merge: '合并账号', done: '两个账号已合并。' },
    ...{ undo: '撤销此次合并', undone: '合并已撤销，现在又是两个账号了。' },
  },
  en: {
    ...{ send: 'Send code', merge: 'Merge accounts', done: 'Your two accounts are one now.' },
    ...{ undo: 'Undo this merge', undone: 'The merge was undone. These are two accounts again.' },
  },
} as const

test.each([
  ['zh-CN', true, '13600137001', '13600137002'],
  ['en', false, '13600137003', '13600137004'],
] as const)('in %s, with script: %s', async (language, javaScript, phone, otherPhone) => {
  const { directory, database } = world.app.core
  const use = { ip: '203.0.113.7' }
  const own = (await directory.register(claimOf('phone', [`+86${phone}`]), use)).user.id
  const other = (await directory.register(claimOf('phone', [`+86${otherPhone}`], '小明'), use)).user.id
  const say = words[language]
  const person = await browser.person({ width: 375, javaScript, language })
  const { page } = person
  await person.opens(startLogin(world, 'shop', browser.app.redirectUri))
  await page.locator('input[name=phone]').fill(phone)
  const agreement = page.locator('input[name=agreement]')
  if (await agreement.count()) await agreement.check()
  await page.locator('button:visible', { hasText: say.send }).click()
  await page.locator('input[name=otp]').fill(await world.otp(`+86${phone}`))
  if (!javaScript) await page.locator('form button').first().click()
  await person.arrives(browser.app)
  await person.opens(`${world.issuer}/account/merge`)
  await page.locator('input[name=phone]').fill(otherPhone)
  await page.locator('button:visible', { hasText: say.send }).click()
  await page.locator('input[name=otp]').fill(await world.otp(`+86${otherPhone}`))
  if (!javaScript) await page.locator('form button').first().click()
  await page.locator('select[name=into]').selectOption(own)
  await page.locator('button', { hasText: say.merge }).click()
  await person.reads(say.done)
  expect(await survivorOf(database, other)).toBe(own)
  await page.locator('button', { hasText: say.undo }).click()
  await person.reads(say.undone)
  expect(await survivorOf(database, other)).toBe(other)
})
