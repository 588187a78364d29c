import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { launchChromium } from '../support/chromium.ts'
import { redirectUri } from '../support/clients.ts'
import { reachLogin, startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

const scheme = 'com.example.app:'
let world: World
let browser: Browser
let shop: Server
let shopUri: string

beforeAll(async () => {
  // An app whose callback page leads on to another origin, as many do after they have taken the code.
  shop = createServer((request, response) => {
    const { port } = shop.address() as AddressInfo
    if (!request.url?.startsWith('/callback'))
      return response.setHeader('content-type', 'text/html').end('<h1>Shop</h1>')
    return response.writeHead(302, { location: `http://localhost:${port}/home` }).end()
  })
  await new Promise<void>((done) => shop.listen(0, '127.0.0.1', done))
  shopUri = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/callback`
  world = await openWorld()
  const ours = { first_party: true, token_endpoint_auth_method: 'none', application_type: 'native' }
  await world.register({
    clients: [
      { ...ours, client_id: 'shop', redirect_uris: [shopUri] },
      { ...ours, client_id: 'app', redirect_uris: [`${scheme}/callback`] },
    ],
  })
  browser = await launchChromium(inject('services').chromium)
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
  shop?.close()
})

async function tab(): Promise<{ page: Page; refusals: string[] }> {
  const context = await browser.newContext({ locale: 'zh-CN' })
  onTestFinished(() => context.close())
  const refusals: string[] = []
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.text().includes('form-action')) refusals.push(message.text())
  })
  return { page, refusals }
}

async function logsIn(page: Page, url: URL, phone: string): Promise<void> {
  await page.goto(url.href)
  await page.getByLabel('手机号').fill(phone)
  await page.getByRole('checkbox').check()
  await page.locator('form .button').first().click()
  // The page sends the code by itself.
  await page.getByLabel('验证码').fill(await otpOf(phone))
}

async function otpOf(phone: string): Promise<string> {
  await expect.poll(() => world.otp(`+86${phone}`).catch(() => undefined)).toBeDefined()
  return world.otp(`+86${phone}`)
}

test('a login ends at an app whose callback page leads on to another origin', async () => {
  const { page, refusals } = await tab()
  await logsIn(page, startLogin(world, 'shop', shopUri), '13700137001')
  await page.getByRole('heading', { name: 'Shop' }).waitFor()
  expect(refusals).toEqual([])
})

test('a login in a browser ends at an app with a scheme of its own', async () => {
  const { page, refusals } = await tab()
  const left = page.waitForResponse((response) => response.headers()['location']?.startsWith(scheme) === true)
  await logsIn(page, startLogin(world, 'app', `${scheme}/callback`), '13700137002')
  await left
  // A browser that refuses says so at once.
  await page.waitForTimeout(500)
  expect(refusals).toEqual([])
})

test.each(['/account/nowhere', '/device'])('a form that somebody has put into %s leads nowhere else', async (path) => {
  const { page, refusals } = await tab()
  await page.goto(`${world.issuer}${path}`)
  const { port } = shop.address() as AddressInfo
  await page.evaluate(
    `document.body.insertAdjacentHTML('beforeend', '<form method="post" action="http://localhost:${port}/steal"><input name="a"></form>');
     [...document.forms].at(-1).submit()`,
  )
  await expect.poll(() => refusals.length).toBeGreaterThan(0)
  expect(page.url()).toBe(`${world.issuer}${path}`)
})

test('over https a login page names https and the scheme of its client, and no other', async () => {
  const issuer = 'https://login.example.cn'
  const outside = await openWorld({ env: { ISSUER: issuer, MENSHEN_SANDBOX_EXPOSED: 'true' } })
  onTestFinished(() => outside.close())
  const ours = { first_party: true, token_endpoint_auth_method: 'none', application_type: 'native' }
  await outside.register({
    clients: [{ ...ours, client_id: 'app', redirect_uris: [`${scheme}/callback`, redirectUri] }],
  })
  const policyOf = async (uri: string) => {
    const page = await reachLogin(outside.visitor(), startLogin(outside, 'app', uri))
    return /form-action [^;]*/.exec(String(page.headers['content-security-policy']))?.[0]
  }
  expect(await policyOf(redirectUri)).toBe("form-action 'self' https:")
  expect(await policyOf(`${scheme}/callback`)).toBe(`form-action 'self' https: ${scheme}`)
  const account = await outside.visitor().get('/account/nowhere', { accept: 'text/html' })
  expect(account.headers['content-security-policy']).toContain("; form-action 'self'")
  expect(account.headers['content-security-policy']).not.toContain('https:')
})
