import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, shopSeed, type TestBrowser } from '../support/browser.ts'
import { startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser
/** Where to put a picture of every page, for eyes. */
const pictures = process.env['TEST_PICTURES']

beforeAll(async () => {
  world = await openWorld()
  browser = await openBrowser(world.issuer)
  await world.register({ clients: [shopSeed(browser.app)] })
  if (pictures) await mkdir(pictures, { recursive: true })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

async function looksAt(person: Person, name: string): Promise<void> {
  if (pictures) await person.page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true })
  expect(await person.faults('everything')).toEqual([])
}

/** By a code to the phone, in whatever language the page is. */
async function logsIn({ page }: Person, phone: string): Promise<void> {
  const field = page.locator('input[name="phone"]')
  await field.fill(phone)
  const agreement = page.locator('input[name="agreement"]').first()
  if (await agreement.isVisible()) await agreement.check()
  await field.press('Enter')
  const code = page.locator('input[name="otp"]')
  await code.waitFor()
  await code.fill(await world.otp(`+86${phone}`))
}

/** Turns one of the sandbox's switches on or off: the shop that is asked before a deletion. */
async function turn(change: 'on' | 'off', name: string): Promise<void> {
  const answer = await world.visitor().post('/sandbox/oddities', { [change]: name })
  expect(answer.status).toBe(303)
}

const words = {
  'zh-CN': {
    ...{ row: '注销账号', confirm: '我已了解以上内容，确认注销此账号', submit: '注销账号', asked: '已提交注销' },
    ...{ leaving: '此账号正在注销', keep: '继续注销，不登录', left: '账号将按时注销' },
    ...{ undo: '撤销注销并登录', other: '登录其他账号', orders: '未完成的订单' },
  },
  en: {
    ...{ row: 'Delete account', confirm: 'I have read this and want to delete this account', submit: 'Delete account' },
    ...{ asked: 'Deletion requested', leaving: 'This account is being deleted', keep: 'Keep deleting, don’t sign in' },
    ...{ left: 'The account will be deleted', undo: 'Cancel deletion and sign in' },
    ...{ other: 'Sign in to another account', orders: '2 open orders' },
  },
} as const

test.each([
  { language: 'zh-CN', dark: false, phone: '13630137001' },
  { language: 'en', dark: true, phone: '13630137002' },
] as const)('a person asks for deletion in four taps, leaves it, and takes it back; $language', async (look) => {
  const { language, dark, phone } = look
  const say = words[language]
  const person = await browser.person({ width: 375, dark, language })
  const { page } = person
  const heading = (name: string) => page.getByRole('heading', { level: 1, name })
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  await person.opens(startLogin(world, 'shop', browser.app.redirectUri))
  await logsIn(person, phone)
  await page.waitForURL(`${browser.app.origin}/**`)

  // Below the ways in, which the pages at the bottom of the account centre lead back to: delete, tick, delete.
  await page.goto(`${world.issuer}/account/identities`)
  await page.getByRole('link', { name: say.row }).click()
  await looksAt(person, `account-deletion.${language}`)
  const confirms = async () => {
    await page.getByRole('checkbox', { name: say.confirm }).check()
    await button(say.submit).click()
  }
  await turn('on', 'deletion_orders')
  await confirms()
  await page.getByText(say.orders).waitFor()
  await looksAt(person, `blocked.${language}`)
  await turn('off', 'deletion_orders')
  await confirms()
  await heading(say.asked).waitFor()
  await looksAt(person, `asked.${language}`)

  await person.opens(startLogin(world, 'shop', browser.app.redirectUri))
  await logsIn(person, phone)
  await heading(say.leaving).waitFor()
  await looksAt(person, `leaving.${language}`)
  await button(say.keep).click()
  await heading(say.left).waitFor()
  await looksAt(person, `left.${language}`)
  await page.getByRole('link', { name: say.other }).click()
  await logsIn(person, phone)
  await heading(say.leaving).waitFor()
  await button(say.undo).click()
  await page.waitForURL(`${browser.app.origin}/**`)
  await page.goto(`${world.issuer}/account`)
  expect(await page.getByRole('link', { name: say.row }).count()).toBe(1)
})
