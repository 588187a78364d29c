import { randomBytes } from 'node:crypto'
import { createJimp } from '@jimp/core'
import jpeg from '@jimp/js-jpeg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, shopSeed, type TestBrowser } from '../support/browser.ts'
import { startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

// Somebody chooses the picture that others see.

const Jimp = createJimp({ formats: [jpeg] })
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

/** A picture in which no pixel is like another, so that it is as large as the photo of a phone. */
async function photo(width: number, height: number) {
  const image = Jimp.fromBitmap({ data: randomBytes(width * height * 4), width, height })
  return { name: '照片.jpg', mimeType: 'image/jpeg', buffer: await image.getBuffer('image/jpeg', { quality: 95 }) }
}

async function atProfile(phone: string, javaScript: boolean) {
  const person = await browser.person({ width: 375, javaScript })
  await person.opens(startLogin(world, 'shop', browser.app.redirectUri))
  await person.asksForCode(phone)
  await person.entersCode(await world.otp(`+86${phone}`))
  await person.arrives(browser.app)
  await person.opens(`${world.issuer}/account`)
  await person.follows(/设置头像和昵称$/)
  await person.sees('修改资料')
  return person
}

test('without script a picture of 2 MB is sent as it is, a larger one refused, and both can be mended there', async () => {
  const person = await atProfile('13600136001', false)
  const large = await photo(1800, 1400)
  expect(large.buffer.length).toBeGreaterThan(2_004_096)
  await person.page.getByLabel('头像').setInputFiles(large)
  await person.presses('上传头像')
  await person.isRefused('picture.too_large')
  expect(await person.errorOf('头像')).toContain('不能超过 2 MB')
  await person.page.getByLabel('头像').setInputFiles(await photo(600, 400))
  await person.presses('上传头像')
  await person.reads('头像已更新')
  expect(await person.page.locator('.avatar img').count()).toBe(1)
  await person.follows(/设置头像和昵称$/)
  await person.presses('移除头像')
  await person.reads('头像已移除')
})

test('with script the photo of a phone is shown at once and made small before it is sent', async () => {
  const person = await atProfile('13600136002', true)
  await person.page.getByLabel('头像').setInputFiles(await photo(1800, 1400))
  await person.page.locator('.avatar canvas').waitFor()
  await person.presses('上传头像')
  await person.reads('头像已更新')
  await person.page.waitForLoadState('load')
  expect(await person.page.evaluate("document.querySelector('.avatar img').naturalWidth")).toBe(256)
  expect(await person.faults('everything')).toEqual([])
})

test('what is no picture is said to be none, with script too', async () => {
  const person = await atProfile('13600136003', true)
  const text = { name: '头像.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('GIF89a') }
  await person.page.getByLabel('头像').setInputFiles(text)
  await person.presses('上传头像')
  await person.isRefused('picture.unsupported')
  expect(await person.faults('everything')).toEqual([])
})
