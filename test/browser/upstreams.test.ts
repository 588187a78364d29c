import { afterAll, beforeAll, expect, test } from 'vitest'
import { spaced } from '../../src/base/chinese-spacing.ts'
import type { Device } from '../support/browser.ts'
import {
  answers,
  comesBackLater,
  leavesFor,
  openUpstreamBrowser,
  type UpstreamBrowser,
  unfolds,
} from '../support/upstream-browser.ts'
import { insideWechat } from '../support/upstreams.ts'

let shop: UpstreamBrowser

beforeAll(async () => {
  shop = await openUpstreamBrowser(['github', 'qq', 'weibo', 'apple', 'corp', 'wechat'])
})
afterAll(() => shop?.close())

interface Vendor {
  /** What its button says, in either language. */
  readonly zh: string
  readonly en: string
  readonly device: Device
  /** Two people there. */
  readonly ids: readonly [string, string]
}

const phone: Device = { width: 375 }
const vendors: Readonly<Record<string, Vendor>> = {
  'a QR code of WeChat': { zh: '微信', en: 'WeChat', device: {}, ids: ['p1', 'p2'] },
  'WeChat on a phone': { zh: '微信', en: 'WeChat', device: { ...phone, userAgent: insideWechat }, ids: ['p3', 'p4'] },
  QQ: { zh: 'QQ', en: 'QQ', device: phone, ids: ['p1', 'p2'] },
  Weibo: { zh: '微博', en: 'Weibo', device: phone, ids: ['p1', 'p2'] },
  GitHub: { zh: 'GitHub', en: 'GitHub', device: {}, ids: ['1001', '1002'] },
  Apple: { zh: 'Apple', en: 'Apple', device: phone, ids: ['p1', 'p2'] },
  'an OpenID provider': { zh: 'Corp', en: 'Corp', device: {}, ids: ['p1', 'p2'] },
}

test.each(Object.entries(vendors))('through %s: refused, then a new account, then known', async (_, vendor) => {
  const { zh, device, ids } = vendor
  const person = await shop.browser.person(device)
  await person.opens(shop.login())
  await leavesFor(person, zh)
  await person.sees(/登录（模拟）$/)
  await answers(person, ids[0], 'refuse')
  await person.sees('登录门神')
  expect(await person.error()).toContain('您已取消授权')
  await leavesFor(person, zh)
  await answers(person, ids[0])
  await person.sees(spaced(`该${zh}尚未绑定账号`))
  await person.presses('创建新账号')
  const made = await shop.arrives(person)

  await comesBackLater(person)
  await person.opens(shop.login())
  expect(await person.button(new RegExp(`^${zh}(登录)? 上次使用$`)).count()).toBe(1)
  await leavesFor(person, zh)
  await answers(person, ids[0])
  expect(await shop.arrives(person)).toBe(made)
})

test.each(Object.entries(vendors))('in English, through %s into a phone account', async (name, vendor) => {
  const { en, device, ids } = vendor
  const number = `1380013900${Object.keys(vendors).indexOf(name)}`
  const person = await shop.browser.person({ ...device, language: 'en-US' })
  const entersByPhone = async () => {
    await unfolds(person)
    await person.enters('Phone number', number)
    await person.page.getByRole('checkbox').check()
    await person.presses('Send code')
    await person.enters('6-digit code', await shop.world.otp(`+86${number}`))
  }
  await person.opens(shop.login())
  await entersByPhone()
  const mine = await shop.arrives(person)

  await comesBackLater(person)
  await person.opens(shop.login())
  await leavesFor(person, en)
  await person.sees(/ login \(simulated\)$/)
  await answers(person, ids[1], 'refuse')
  await person.sees('Sign in to Menshen')
  expect(await person.error()).toContain('You cancelled')
  await leavesFor(person, en)
  await answers(person, ids[1])
  await person.sees(`Your ${en} account isn’t connected yet`)
  await person.follows('Connect to my existing account')
  await person.reads(`you can connect your ${en} account`)
  await entersByPhone()
  await person.sees(`Connect your ${en} account?`)
  await person.presses('Connect and sign in')
  expect(await shop.arrives(person)).toBe(mine)

  await comesBackLater(person)
  await person.opens(shop.login())
  await leavesFor(person, en)
  await answers(person, ids[1])
  expect(await shop.arrives(person)).toBe(mine)
})
