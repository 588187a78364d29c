import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Device, openBrowser, type Person, shopSeed, type TestBrowser } from '../support/browser.ts'
import { exchange, startLogin, subjectOf } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

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

const request = (more: Record<string, string> = {}) => startLogin(world, 'shop', browser.app.redirectUri, more)

/** Goes through the login form, and answers whose tokens the app has got. */
async function logsIn(person: Person, phone: string): Promise<string> {
  await person.asksForCode(phone)
  await person.entersCode(await world.otp(`+86${phone}`))
  return arrives(person)
}

async function arrives(person: Person): Promise<string> {
  const { code } = await person.arrives(browser.app)
  const { redirectUri } = browser.app
  return subjectOf(await exchange(world, 'shop', redirectUri, `${redirectUri}?code=${code}`))
}

test.each<[string, Device, string, string]>([
  ['on a dark phone', { width: 375, dark: true }, '13680000001', '13690000001'],
  ['without script', { width: 375, javaScript: false }, '13680000002', '13690000002'],
  ['at a desk', { width: 1280 }, '13680000003', '13690000003'],
])('a person goes on with the account that is signed in, or with another one: %s', async (_, device, mine, other) => {
  const person = await browser.person(device)
  await person.opens(request())
  const first = await logsIn(person, mine)

  await person.opens(request({ prompt: 'select_account' }))
  await person.sees('选择账号')
  await person.reads(`${mine.slice(0, 3)}****${mine.slice(-4)}`)
  if (device.javaScript !== false) expect(await person.faults('everything')).toEqual([])
  await person.presses('继续使用此账号')
  expect(await arrives(person)).toBe(first)

  await person.opens(request({ prompt: 'select_account' }))
  await person.presses('使用其他账号')
  await person.asksForCode(other)
  await person.entersCode(await world.otp(`+86${other}`))
  if (device.javaScript === false) await person.presses('继续')
  expect(await arrives(person)).not.toBe(first)
})
