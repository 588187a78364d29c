import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Carrier } from '../../sandbox/simulators/carrier.ts'
import { type CarrierPageSimulator, startCarrierPage } from '../../sandbox/simulators/carrier-page.ts'
import { openBrowser, type TestBrowser } from '../support/browser.ts'

/** Where to put a picture of the page, for eyes. */
const pictures = process.env['TEST_PICTURES']

const clock = () => Date.now()
const carrier = new Carrier({ clock, univerifyAppid: '__UNI__0000001', aliyunScheme: 'ours' })
const origins: string[] = []
let browser: TestBrowser
let page: CarrierPageSimulator

beforeAll(async () => {
  page = await startCarrierPage({ carrier, clock, appName: '门神演示', returnOrigins: origins })
  browser = await openBrowser(page.url)
  origins.push(browser.app.origin)
})
afterAll(async () => {
  await browser?.close()
  await page?.close()
})

test.each([
  { phone: '13800138000', width: 320, dark: false, javaScript: false },
  { phone: '18600001234', width: 375, dark: true, javaScript: true },
  { phone: '18900001234', width: 1280, dark: false, javaScript: true },
])('at $width px, dark: $dark, a person ticks the agreement and hands over $phone', async (device) => {
  const { phone, width, dark, javaScript } = device
  const person = await browser.person({ width, dark, javaScript })
  await person.opens(page.consentUrl({ vendor: 'univerify', phone, returnTo: browser.app.redirectUri }))
  await person.sees('登录「门神演示」')
  if (pictures) await person.page.screenshot({ path: join(pictures, `carrier.${width}.png`) })
  expect(await person.faults(javaScript ? 'everything' : 'width')).toEqual([])
  const agreement = person.page.getByRole('checkbox')
  expect(await agreement.isChecked()).toBe(false)
  await person.button('本机号码一键登录').click()
  expect(new URL(person.page.url()).origin).toBe(page.url)
  await agreement.check()
  await person.presses('本机号码一键登录')
  const { access_token = '' } = await person.arrives(browser.app)
  expect(carrier.find(access_token)?.about.phone).toBe(phone)
})

test('a person takes another way or closes the page without agreeing', async () => {
  const person = await browser.person({ width: 375 })
  for (const [button, code] of [
    ['其他方式', '30002'],
    ['关闭', '30003'],
  ] as const) {
    await person.opens(
      page.consentUrl({ vendor: 'univerify', phone: '13800138000', returnTo: browser.app.redirectUri }),
    )
    await person.presses(button)
    expect(await person.arrives(browser.app)).toEqual({ code })
  }
})
