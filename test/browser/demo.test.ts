import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { complaintsIn, faultsOf, launchChromium } from '../support/chromium.ts'
import { patienceMs } from '../support/patience.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: Browser

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  browser = await launchChromium(inject('services').chromium)
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

/** Refusals are part of the demo; a script that fails, or a policy that stops it, is not. */
async function newcomer(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 375, height: 720 }, ...options })
  context.setDefaultTimeout(patienceMs)
  const complaints = complaintsIn(context)
  onTestFinished(async () => {
    await context.close()
    expect(complaints).toEqual([])
  })
  return context.newPage()
}

const step = (page: Page, id: string) => page.locator(`#step-${id}`)
const reaches = (page: Page, id: string, state = 'done') => page.locator(`#step-${id}[data-state="${state}"]`).waitFor()
const press = (page: Page, action: string) => page.locator(`[data-action="${action}"]`).click()

async function states(page: Page): Promise<string[]> {
  return page.locator('.step[data-state]').evaluateAll((cards) => cards.map((card) => card.dataset.state))
}

async function enterPhone(page: Page, phone: string): Promise<void> {
  await page.locator('[name=phone]').fill(phone)
  await page.getByRole('checkbox').check()
  await asksForCode(page, phone)
}

async function asksForCode(page: Page, phone: string): Promise<void> {
  await page.locator('#submit').click()
  const field = page.locator('[name=otp]')
  await field.waitFor()
  await field.fill(await world.otp(`+86${phone}`))
}

async function logIn(page: Page, phone: string): Promise<void> {
  await page.goto(`${world.issuer}/sandbox`)
  await page.locator('#login').click()
  await enterPhone(page, phone)
  await reaches(page, 'decode')
}

test('a newcomer goes through the whole demo with a phone number, and every card turns green', async () => {
  const page = await newcomer()
  await page.goto(`${world.issuer}/sandbox`)
  await reaches(page, 'authorize', 'ready')
  expect((await states(page)).slice(0, 4)).toEqual(['done', 'done', 'ready', 'todo'])
  expect(await faultsOf(page)).toEqual([])
  await page.locator('#login').click()
  await enterPhone(page, '13800137000')

  await reaches(page, 'decode')
  expect(new URL(page.url()).pathname + new URL(page.url()).search).toBe('/sandbox')
  expect(await page.locator('#summary').textContent()).toContain('+8613800137000 is logged in')
  expect(await step(page, 'decode').locator('[data-ok=true]').count()).toBe(11)
  expect(await step(page, 'token').textContent()).toContain('grant_type=authorization_code')

  await press(page, 'userinfo')
  await reaches(page, 'userinfo')
  expect(await step(page, 'userinfo').textContent()).toContain('"phone_number": "+8613800137000"')

  await press(page, 'orders')
  await step(page, 'api').getByText('answered 200').waitFor()
  await press(page, 'wrong')
  await step(page, 'api').getByText('error="invalid_token"').waitFor()
  expect(await step(page, 'api').getAttribute('data-state')).toBe('done')

  await press(page, 'refresh')
  await step(page, 'refresh').getByText('was rotated').waitFor()
  await press(page, 'two_tabs')
  await step(page, 'refresh').getByText('both tabs got the same successor').waitFor()
  expect(await step(page, 'refresh').getByText('HTTP 200').count()).toBe(2)

  await press(page, 'revoke')
  await step(page, 'end').getByText('a refresh after the revocation is refused').waitFor()
  expect(await states(page)).toEqual(Array(10).fill('done'))
  expect(await faultsOf(page)).toEqual([])

  await press(page, 'logout')
  await step(page, 'end').getByText('Logged out').waitFor()
  expect(new URL(page.url()).search).toBe('')
  await page.locator('#login').click()
  await page.locator('[name=phone]').waitFor()
})

test('a reload keeps what was shown, and starting again uses the session of the browser', async () => {
  const page = await newcomer()
  await logIn(page, '13800137001')
  await page.reload()
  await reaches(page, 'decode')
  const before = await step(page, 'prepare').locator('code').first().textContent()
  await press(page, 'again')
  await reaches(page, 'authorize', 'ready')
  expect(await step(page, 'prepare').locator('code').first().textContent()).not.toBe(before)
  await page.locator('#login').click()
  await reaches(page, 'decode')
})

test('an answer that this tab did not ask for is not used, nor one of another issuer', async () => {
  const page = await newcomer()
  const answer = (state: string, iss: string) =>
    page.goto(`${world.issuer}/sandbox/callback?${new URLSearchParams({ code: 'stolen', state, iss })}`)
  await answer('other', world.issuer)
  await reaches(page, 'callback', 'failed')

  for (const mixedUp of ['state', 'iss']) {
    await press(page, 'again')
    await page.locator('#login').click()
    await page.locator('[name=phone]').waitFor()
    const stored = String(await page.evaluate("sessionStorage.getItem('menshen-demo')"))
    const { attempt } = JSON.parse(stored) as { attempt: { state: string } }
    if (mixedUp === 'state') await answer('other', world.issuer)
    else await answer(attempt.state, 'https://evil.example')
    await reaches(page, 'callback', 'failed')
    expect(await step(page, 'token').getAttribute('data-state')).toBe('todo')
  }
})

test('a refused login is shown as what it is', async () => {
  const page = await newcomer()
  await page.goto(`${world.issuer}/sandbox`)
  await page.locator('#login').click()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await reaches(page, 'callback', 'failed')
  expect(await step(page, 'callback').textContent()).toContain('access_denied')
})

test('a third-party client pushes its request, asks for consent and calls the API', async () => {
  const page = await newcomer({ viewport: { width: 1280, height: 860 }, colorScheme: 'dark' })
  await page.goto(`${world.issuer}/sandbox`)
  await reaches(page, 'authorize', 'ready')
  await page.locator('.settings summary').click()
  await page.locator('[name=client]').selectOption('sandbox-third-party')
  await page.locator('[name=par]').check()
  expect(await faultsOf(page)).toEqual([])
  await page.locator('#login').click()
  await enterPhone(page, '13800137002')
  await page.getByRole('checkbox', { name: 'See your orders' }).check()
  await page.getByRole('checkbox', { name: 'Access while you are not using it' }).check()
  await page.getByRole('button', { name: 'Allow' }).click()
  await reaches(page, 'decode')
  expect(await step(page, 'authorize').textContent()).toContain('HTTP 201')
  await press(page, 'orders')
  await step(page, 'api').getByText('answered 200').waitFor()
  await press(page, 'refresh')
  await step(page, 'refresh').getByText('was rotated').waitFor()
})

test('an API that wants a stronger login gets it', async () => {
  const page = await newcomer()
  await page.goto(`${world.issuer}/account`)
  await enterPhone(page, '13800137003')
  await page.getByRole('link', { name: 'Password Not set' }).click()
  await page.locator('[name=new_password]').fill('green tea on a rainy roof')
  await page.getByRole('button', { name: 'Save password' }).click()
  await page.context().clearCookies()

  await page.goto(`${world.issuer}/sandbox`)
  await page.locator('#login').click()
  await page.getByRole('button', { name: 'Password', exact: true }).click()
  await page.locator('[name=identifier]').fill('13800137003')
  await page.locator('[name=password]').fill('green tea on a rainy roof')
  await page.getByRole('checkbox').check()
  await page.locator('#submit').click()
  await reaches(page, 'decode')

  await press(page, 'admin')
  await step(page, 'api').getByRole('button', { name: 'Log in again as the API asks' }).click()
  // The server knows who it is.
  await page.getByText('138****7003').waitFor()
  await asksForCode(page, '13800137003')
  await reaches(page, 'decode')
  await press(page, 'admin')
  await step(page, 'api').getByText('fresh and strong enough').first().waitFor()
})

test('the simulated TV is logged in from another tab', async () => {
  const page = await newcomer()
  await logIn(page, '13800137004')
  await page.clock.install()
  await page.goto(`${world.issuer}/sandbox/device`)
  await page.locator('#start').click()
  const link = page.getByRole('link', { name: 'Confirm in another tab' })
  await link.waitFor()
  expect(await faultsOf(page)).toEqual([])
  const phone = await page.context().newPage()
  await phone.goto((await link.getAttribute('href')) ?? '')
  const confirm = phone.locator('button[name=confirm]')
  await confirm.click()
  await phone.getByRole('heading', { name: 'Device signed in' }).waitFor()
  await page.clock.runFor(6000)
  await page.getByText('The TV is logged in.').waitFor()
  await page.getByText('"client_id": "sandbox-tv"').first().waitFor()
})

test('the outbox and the clock work for people, with script and without', async () => {
  for (const javaScriptEnabled of [true, false]) {
    const page = await newcomer({ javaScriptEnabled, viewport: { width: 375, height: 720 } })
    await page.goto(`${world.issuer}/sandbox/outbox?to=13800137000`)
    expect(await page.locator('.messages code').first().textContent()).toBe(await world.otp('+8613800137000'))
    expect(await page.getByRole('button', { name: 'Copy' }).count()).toBe(javaScriptEnabled ? 1 : 0)
    if (javaScriptEnabled) expect(await faultsOf(page)).toEqual([])
    await page.getByRole('link', { name: 'Clock' }).click()
    await page.getByRole('button', { name: '+14d' }).click()
    await page.getByText('14d ahead of the machine').waitFor()
    await page.getByRole('button', { name: 'Back to the machine' }).click()
    await page.getByText('The same as the machine').waitFor()
    if (javaScriptEnabled) expect(await faultsOf(page)).toEqual([])
  }
})

test('without script the demo says what it needs and where the login works', async () => {
  const page = await newcomer({ javaScriptEnabled: false })
  await page.goto(`${world.issuer}/sandbox`)
  expect(await page.locator('noscript').textContent()).toContain('needs JavaScript')
})
