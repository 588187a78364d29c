import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Person } from '../support/browser.ts'
import { openUpstreamBrowser, type UpstreamBrowser } from '../support/upstream-browser.ts'
import { insideWechat } from '../support/upstreams.ts'

let shop: UpstreamBrowser

beforeAll(async () => {
  shop = await openUpstreamBrowser(['wechat', 'qq', 'weibo', 'github', 'apple', 'corp'])
})
afterAll(() => shop?.close())

const onPhone =
  'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36'

async function atLogin(width: number, height: number, userAgent = onPhone): Promise<Person> {
  const person = await shop.browser.person({ width, userAgent })
  await person.page.setViewportSize({ width, height })
  await person.opens(shop.login())
  return person
}

test.each([
  [375, 667],
  [812, 375],
  [320, 568],
])('at %d × %d the field for the number is in sight', async (width, height) => {
  const person = await atLogin(width, height)
  const box = await person.field('手机号').boundingBox()
  expect((box?.y ?? height) + (box?.height ?? 0)).toBeLessThanOrEqual(height)
})

test('the vendors stand in one row on a phone, each large enough for a finger and named below its mark', async () => {
  const person = await atLogin(375, 667)
  const buttons = await person.page.locator('.providers button').all()
  const boxes = await Promise.all(buttons.map((button) => button.boundingBox()))
  expect(boxes).toHaveLength(5)
  for (const box of boxes) {
    expect(box?.width).toBeGreaterThanOrEqual(44)
    expect(box?.height).toBeGreaterThanOrEqual(44)
  }
  expect(new Set(boxes.map((box) => Math.round(box?.y ?? 0))).size).toBe(1)
  const mark = await person.page.locator('.providers .disc').first().boundingBox()
  const name = await person.page.locator('.providers bdi').first().boundingBox()
  expect(name?.y).toBeGreaterThanOrEqual((mark?.y ?? 0) + (mark?.height ?? 0))
})

test('the whole page stays under 30 KB, icons included', async () => {
  const person = await shop.browser.person({ width: 375, userAgent: onPhone })
  const sizes: Promise<number>[] = []
  person.page.on('response', (response) => {
    if (response.status() === 200) sizes.push(response.body().then(({ length }) => length))
  })
  await person.page.goto(shop.login().href, { waitUntil: 'networkidle' })
  const total = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
  expect(total).toBeGreaterThan(10_000)
  expect(total).toBeLessThan(30 * 1024)
})

test.each(['验证码登录', '密码登录'])(
  'the rules that the page goes without are for nothing that stands on it: %s',
  async (tab) => {
    const person = await atLogin(375, 667)
    await person.page.getByRole('button', { name: tab, exact: true }).click()
    await person.page.locator(`[name=show][aria-current]:text-is("${tab}")`).waitFor()
    const missed = await person.page.evaluate(`(async () => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(await (await fetch('/assets/pages.css')).text())
    const rules = [...sheet.cssRules].flatMap((rule) => (rule.selectorText ? [rule] : [...rule.cssRules]))
    const selectors = rules.flatMap(({ selectorText }) => selectorText?.split(',') ?? [])
    return [selectors.length > 20, selectors.filter((each) => document.querySelector(each))]
  })()`)
    expect(missed).toEqual([true, []])
  },
)

test('the question for the agreement, asked without script, is sound for screen readers', async () => {
  const person = await atLogin(375, 667)
  await person.enters('手机号', '13800138005')
  // Sent past the script, as by a browser that has none.
  await person.page.evaluate(`
    const form = document.querySelector('#login')
    form.append(Object.assign(document.createElement('input'), { type: 'hidden', name: 'method', value: 'sms' }))
    HTMLFormElement.prototype.submit.call(form)
  `)
  await person.sees('请阅读并同意以下条款')
  expect(await person.faults('everything')).toEqual([])
})

test('inside WeChat the page is sound folded and unfolded', async () => {
  const person = await atLogin(375, 667, insideWechat)
  expect(await person.faults('everything')).toEqual([])
  await person.page.locator('.others summary').click()
  expect(await person.faults('everything')).toEqual([])
})
