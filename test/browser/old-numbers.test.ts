import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { aged, ownerOf, password, withPassword } from '../support/aged.ts'
import { openBrowser, type Person, shopSeed, type TestBrowser } from '../support/browser.ts'
import { clients } from '../support/clients.ts'
import { startLogin } from '../support/login.ts'
import { eventually } from '../support/patience.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { unzip } from '../support/unzip.ts'
import { phoneOf } from '../support/upstreams.ts'
import { openWorld, type World } from '../support/world.ts'

// What a person meets whose number is old here, who changes it, and who takes their data along, in two languages.

let world: World
let browser: TestBrowser

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  browser = await openBrowser(world.issuer)
  await world.register({ clients: [...(clients as never[]), shopSeed(browser.app) as never] })
})
afterEach(resetClock)
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

const sentences = Object.fromEntries(
  (['zh-CN', 'en'] as const).map((language) => {
    const file = new URL(`../../views/locales/${language}.json`, import.meta.url)
    return [language, JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>]
  }),
)

const devices = [
  { language: 'zh-CN', javaScript: true, dark: true, width: 375 },
  { language: 'zh-CN', javaScript: false, dark: false, width: 1280 },
  { language: 'en', javaScript: true, dark: false, width: 375 },
  { language: 'en', javaScript: false, dark: true, width: 375 },
] as const
let numbers = 400

type Device = (typeof devices)[number]

/** A sentence in the language of a device. */
const say = ({ language }: Device, key: string): string => sentences[language]?.[key] ?? key

/** Axe is a script itself: it judges the pages of browsers that run scripts. */
async function isFaultless(person: Person, { javaScript }: Device): Promise<void> {
  if (javaScript) expect(await person.faults(undefined)).toEqual([])
}

/** Enters the number and the code that is sent to it, wherever that leads. */
async function logsIn(person: Person, device: Device, phone: string): Promise<void> {
  const { page } = person
  const otp = await world.otpAfter(phone, async () => {
    await page.locator('input[name=phone]').fill(phone.slice(3))
    await page.locator('input[name=agreement]').first().check()
    await person.presses(say(device, 'login.send_code'))
    await person.sees(say(device, 'code.title'))
  })
  await entersCode(person, device, { otp, button: 'code.submit_login' })
}

async function entersCode(
  person: Person,
  device: Device,
  { otp, button }: { readonly otp: string; readonly button: string },
): Promise<void> {
  const { page } = person
  const leaves = page.waitForEvent('domcontentloaded')
  await page.locator('input[name=otp]').fill(otp)
  // With script the sixth digit sends the form.
  if (!device.javaScript) await person.button(say(device, button)).click()
  await leaves
}

async function isAsked(device: Device, phone: string): Promise<Person> {
  const person = await browser.person(device)
  await person.opens(startLogin(world, 'shop', browser.app.redirectUri))
  await logsIn(person, device, phone)
  await person.sees(say(device, 'owner.title'))
  await isFaultless(person, device)
  return person
}

/** Has a code sent to a new number, and enters it. */
async function provesNew(person: Person, device: Device, to: string): Promise<void> {
  await person.page.locator('input[name=phone]').fill(to.slice(3))
  await person.presses(say(device, 'login.send_code'))
  await person.sees(say(device, 'code.title'))
  await entersCode(person, device, { otp: await world.otp(to), button: 'code.submit_bind' })
}

describe.each(devices)('in $language, dark: $dark, script: $javaScript', (device) => {
  test('who has a new number gets an account of their own', async () => {
    const { phone, userId } = await aged(world, ++numbers)
    const person = await isAsked(device, phone)
    await person.presses(say(device, 'owner.new'))
    await person.arrives(browser.app)
    expect(await ownerOf(world, phone)).not.toBe(userId)
  })

  test('who comes back shows their password', async () => {
    const name = `comeback${++numbers}`
    const { phone, userId } = await aged(world, numbers, { more: withPassword(world, name) })
    const person = await isAsked(device, phone)
    await person.presses(say(device, 'owner.mine'))
    await person.reads(say(device, 'claim.lead'))
    await isFaultless(person, device)
    await person.page.locator('input[name=identifier]').fill(name)
    await person.page.locator('input[name=password]').fill(password)
    await person.presses(say(device, 'login.submit'))
    await person.arrives(browser.app)
    expect(await ownerOf(world, phone)).toBe(userId)
  })

  test('who takes their data along has a file, and reads what is kept', async () => {
    const { phone } = await aged(world, ++numbers, { days: 0 })
    const person = await browser.person(device)
    const { page } = person
    await person.opens(`${world.issuer}/account`)
    // The number was asked for a code a moment ago.
    walkTo(61_000)
    await logsIn(person, device, phone)
    await person.opens(`${world.issuer}/account/data`)
    await person.sees(say(device, 'own_data.title'))
    await person.presses(say(device, 'own_data.request'))
    const fetch = person.button(say(device, 'own_data.fetch'))
    await eventually(async () => {
      await person.opens(`${world.issuer}/account/data`)
      expect(await fetch.isVisible()).toBe(true)
    })
    await isFaultless(person, device)
    const [download] = await Promise.all([page.waitForEvent('download'), fetch.click()])
    const files = unzip(await readFile(await download.path()))
    expect(files.get('index.html')?.toString()).toContain(`lang="${device.language}"`)
    await person.opens(`${world.issuer}/personal-information`)
    await person.sees(say(device, 'collected.title'))
    await isFaultless(person, device)
  })
})

test.each([devices[0], devices[3]])(
  'who changes their number proves both, or waits and may stop it ($language)',
  async (device) => {
    const name = `changer${++numbers}`
    const { phone, userId } = await aged(world, numbers, { days: 0, more: withPassword(world, name) })
    const [next, other] = [phoneOf(numbers + 100), phoneOf(numbers + 200)]
    const person = await browser.person(device)
    await person.opens(`${world.issuer}/account/identities`)
    // The number was asked for a code a moment ago.
    walkTo(61_000)
    await person.follows(say(device, 'login.method_password'))
    await person.page.locator('input[name=identifier]').fill(name)
    await person.page.locator('input[name=password]').fill(password)
    await person.page.locator('input[name=agreement]').first().check()
    await person.presses(say(device, 'login.submit'))
    await person.sees(say(device, 'identities.title'))

    const change = new RegExp(`^${say(device, 'identities.change')} `)
    await person.follows(change)
    await person.sees(say(device, 'change.title_phone'))
    await isFaultless(person, device)
    await person.presses(say(device, 'login.send_code'))
    await person.sees(say(device, 'code.title'))
    await entersCode(person, device, { otp: await world.otp(phone), button: 'code.submit_change' })
    await person.reads(say(device, 'bind.lead_phone'))
    await isFaultless(person, device)
    await provesNew(person, device, next)
    await person.reads(say(device, 'identities.done_changed'))
    expect([await ownerOf(world, next), await ownerOf(world, phone)]).toEqual([userId, undefined])

    await person.follows(change)
    await person.presses(say(device, 'change.without_submit'))
    await provesNew(person, device, other)
    await person.reads(say(device, 'identities.done_changing'))
    await isFaultless(person, device)
    await person.presses(say(device, 'identities.stop_change'))
    await person.reads(say(device, 'identities.done_kept'))
    expect([await ownerOf(world, next), await ownerOf(world, other)]).toEqual([userId, undefined])

    await person.opens(`${world.issuer}/account/messages`)
    await person.sees(say(device, 'messages.title'))
    await isFaultless(person, device)
    await person.page.getByLabel(say(device, 'messages.new_device')).uncheck()
    await person.presses(say(device, 'messages.save'))
    await person.reads(say(device, 'messages.saved'))
    expect(await person.page.getByLabel(say(device, 'messages.new_device')).isChecked()).toBe(false)
    expect(await person.page.getByLabel(say(device, 'messages.export_ready')).isChecked()).toBe(true)
  },
)
