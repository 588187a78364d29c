import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  answers,
  comesBackLater,
  leavesFor,
  openUpstreamBrowser,
  type UpstreamBrowser,
} from '../support/upstream-browser.ts'
import { insideWechat } from '../support/upstreams.ts'

let shop: UpstreamBrowser

/** Where to put a picture of every page, for eyes. */
const pictures = process.env['TEST_PICTURES']

beforeAll(async () => {
  shop = await openUpstreamBrowser(['wechat', 'qq', 'weibo', 'github', 'apple', 'corp', 'silent'])
  if (pictures) await mkdir(pictures, { recursive: true })
})
afterAll(() => shop?.close())

const onPhone =
  'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36'
const small = { width: 375, dark: false, userAgent: onPhone, english: false, judged: 'everything' } as const

test.each([
  { ...small, id: 1 },
  { ...small, id: 2, dark: true, judged: 'contrast' } as const,
  { ...small, id: 3, width: 320, english: true, judged: 'width' } as const,
  {
    ...small,
    id: 4,
    width: 1280,
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0',
    judged: 'width',
  } as const,
])(
  'every page of a login through an upstream is sound at $width px, dark: $dark, English: $english',
  async (device) => {
    const { id, width, dark, english, judged } = device
    const common = { width, dark, language: english ? 'en-US' : 'zh-CN' }
    const person = await shop.browser.person({ ...common, userAgent: device.userAgent })
    const faults: string[] = []
    const look = async (name: string, at = person) => {
      const file = `upstream-${name}.${width}.${dark ? 'dark' : 'light'}.png`
      if (pictures) await at.page.screenshot({ path: join(pictures, file), fullPage: true })
      for (const fault of await at.faults(judged)) faults.push(`${name}: ${fault}`)
    }
    await person.opens(shop.login())
    await look('login')
    await person.button('GitHub').click()
    await look('agree')
    await person.presses(/^(同意并继续|Agree and continue)$/)
    await answers(person, `100${id}`, 'refuse')
    await look('refused')
    await leavesFor(person, 'GitHub')
    await answers(person, `100${id}`)
    await look('choose')
    await person.follows(/^(绑定已有账号|Connect to my existing account)$/)
    await look('binding')
    await person.opens(new URL('?method=sms', person.page.url()))
    const mobile = `1380013${id}990`
    await person.page.locator('[name=phone]').fill(mobile)
    await person.page.locator('#submit').click()
    await person.page.locator('[name=otp]').fill(await shop.world.otp(`+86${mobile}`))
    await person.sees(/^(要绑定该 GitHub 吗？|Connect your GitHub account\?)$/)
    await look('bind-identity')
    await person.presses(/^(不绑定，继续登录|Sign in without connecting)$/)
    await shop.arrives(person)
    await comesBackLater(person)
    await person.opens(shop.login())
    await leavesFor(person, 'GitHub')
    await answers(person, `100${id}`)
    await person.presses(/^(创建新账号|Create a new account)$/)
    await shop.arrives(person)
    await comesBackLater(person)
    await person.opens(shop.login())
    await look('used')

    const guest = `p${30 + id}`
    shop.upstreams.wechat.signIn(guest)
    const inWechat = await shop.browser.person({ ...common, userAgent: insideWechat })
    const wechat = english ? 'WeChat' : '微信'
    await inWechat.opens(shop.login())
    await look('login-in-wechat', inWechat)
    await leavesFor(inWechat, '公众号')
    await inWechat.presses(/^(创建新账号|Create a new account)$/)
    await shop.arrives(inWechat)
    const desk = await shop.browser.person({ language: common.language })
    await desk.opens(shop.login())
    await leavesFor(desk, wechat)
    await answers(desk, guest)
    await desk.presses(/^(创建新账号|Create a new account)$/)
    await shop.arrives(desk)
    await comesBackLater(inWechat)
    await inWechat.opens(shop.login())
    await leavesFor(inWechat, wechat)
    await answers(inWechat, guest)
    await inWechat.sees(/^(该微信对应您的多个账号|Several of your accounts use this WeChat)$/)
    await look('choose-account', inWechat)
    expect(faults).toEqual([])
  },
  180_000,
)
