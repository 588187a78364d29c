import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Person } from '../support/browser.ts'
import { answers, comesBackLater, openUpstreamBrowser, type UpstreamBrowser } from '../support/upstream-browser.ts'

let shop: UpstreamBrowser

beforeAll(async () => {
  shop = await openUpstreamBrowser(['wechat', 'github'])
})
afterAll(() => shop?.close())

/** Says in the frame who scans the code, and agrees; the whole window goes on. */
async function scans(person: Person, id: string): Promise<void> {
  const frame = person.page.frameLocator('iframe')
  await frame.locator(`input[name=person][value="${id}"]`).check()
  await frame.getByRole('button', { name: '同意', exact: true }).click()
}

test('on a wide screen the code is beside the form, and a scan logs in without leaving the page before', async () => {
  const person = await shop.browser.person({ width: 1280 })
  await person.opens(shop.login())
  await person.enters('手机号', '13800138')
  await person.button('显示二维码').click()
  await person.page.getByRole('dialog').getByRole('button', { name: '同意并继续' }).click()
  await person.page.frameLocator('iframe').getByRole('img', { name: 'QR' }).waitFor()
  expect(await person.field('手机号').inputValue()).toBe('13800138')
  expect(await person.faults('width')).toEqual([])
  await scans(person, 'p1')
  await person.presses('创建新账号')
  const made = await shop.arrives(person)

  await comesBackLater(person)
  await person.opens(shop.login())
  await person.agrees()
  await person.button('显示二维码').click()
  await scans(person, 'p1')
  expect(await shop.arrives(person)).toBe(made)
})

test('where the code cannot be had, the button leads to WeChat', async () => {
  const person = await shop.browser.person({ width: 1280 })
  await person.opens(shop.login())
  await person.agrees()
  await person.page.route('**/interaction/*', (route) =>
    route.request().headers()['accept'] === 'application/json'
      ? route.fulfill({ body: 'nothing a script could read' })
      : route.continue(),
  )
  await person.button('显示二维码').click()
  await person.sees('微信登录（模拟）')
})

test('without script the same button leads to WeChat, and on a narrow screen only the one in the row', async () => {
  const person = await shop.browser.person({ width: 1280, javaScript: false })
  await person.opens(shop.login())
  await person.agrees()
  await person.presses('显示二维码')
  await person.sees('微信登录（模拟）')
  await answers(person, 'p2')
  await person.sees('该微信尚未绑定账号')
  const narrow = await shop.browser.person({ width: 700 })
  await narrow.opens(shop.login())
  expect(await narrow.button('显示二维码').count()).toBe(0)
  expect(await narrow.button('微信').isVisible()).toBe(true)
})
