import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import { expect, inject, onTestFinished } from 'vitest'
import { advanceClock, resetClock } from '../../sandbox/clock.ts'
import { complaintsIn, faultsOf, launchChromium } from './chromium.ts'
import { patienceMs } from './patience.ts'

/** Where a client sends the browser back to: one page that says so. */
export interface ClientApp {
  readonly redirectUri: string
  readonly loggedOutUri: string
  readonly origin: string
  close(): Promise<void>
}

/** The seed of an app of ours that is `app`: people log in to it without being asked for consent. */
export function shopSeed({ redirectUri }: ClientApp) {
  return {
    client_id: 'shop',
    client_name: '茶铺',
    first_party: true,
    token_endpoint_auth_method: 'none',
    redirect_uris: [redirectUri],
  }
}

/** What a person holds in their hands. */
export interface Device {
  /** In CSS pixels; 375 is a phone, 1280 a desk. */
  readonly width?: number
  readonly dark?: boolean
  readonly javaScript?: boolean
  /** What the browser asks for in `Accept-Language`. */
  readonly language?: string
  readonly userAgent?: string
  /** Where the clock of the device is set: `America/New_York`. */
  readonly timeZone?: string
}

/** A real browser, shared by the tests of a file; every person has a profile of their own. */
export interface TestBrowser {
  readonly app: ClientApp
  /** A person with an empty browser. When the test ends, whatever the browser complained about fails it. */
  person(device?: Device): Promise<Person>
  close(): Promise<void>
}

/** Starts Chromium and a client application for `issuer`. Pages may lead to `upstreams` too, and to nobody else. */
export async function openBrowser(issuer: string, upstreams: readonly string[] = []): Promise<TestBrowser> {
  const browser = await launchChromium(inject('services').chromium)
  const app = await openClientApp()
  return {
    app,
    person: (device = {}) => newPerson(browser, device, [new URL(issuer).origin, app.origin, ...upstreams]),
    async close() {
      await browser.close()
      await app.close()
    },
  }
}

async function openClientApp(): Promise<ClientApp> {
  const server = createServer((request, response) => {
    const isPage = request.url?.startsWith('/callback') || request.url?.startsWith('/bye')
    response.writeHead(isPage ? 200 : 204, { 'content-type': 'text/html; charset=utf-8' })
    response.end(
      isPage ? '<!doctype html><link rel="icon" href="data:,"><title>App</title><h1>Back in the app</h1>' : '',
    )
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    redirectUri: `${origin}/callback`,
    loggedOutUri: `${origin}/bye`,
    close: () => {
      server.closeAllConnections()
      return new Promise((done) => server.close(() => done()))
    },
  }
}

async function newPerson(browser: Browser, device: Device, origins: readonly string[]): Promise<Person> {
  const { width = 1280, dark = false, javaScript = true, language = 'zh-CN', userAgent, timeZone } = device
  const context = await browser.newContext({
    viewport: { width, height: width < 600 ? 720 : 860 },
    colorScheme: dark ? 'dark' : 'light',
    javaScriptEnabled: javaScript,
    locale: language,
    ...(userAgent === undefined ? {} : { userAgent }),
    ...(timeZone === undefined ? {} : { timezoneId: timeZone }),
  })
  context.setDefaultTimeout(patienceMs)
  const complaints = listen(context, origins)
  onTestFinished(async () => {
    await context.close()
    expect(complaints).toEqual([])
  })
  return new Person(context, await context.newPage(), javaScript)
}

/** A page of a server that keeps to its own policy says nothing in the console and asks nobody else for anything. */
function listen(context: BrowserContext, origins: readonly string[]): string[] {
  const complaints = complaintsIn(context)
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (protocol !== 'data:' && !origins.includes(origin)) complaints.push(`asked ${request.url()}`)
  })
  context.on('response', (response) => {
    const isPage = response.request().resourceType() === 'document'
    if (response.status() >= (isPage ? 500 : 400)) complaints.push(`${response.status()} ${response.url()}`)
  })
  return complaints
}

/** Somebody at a browser, who finds things by what they say. */
export class Person {
  readonly context: BrowserContext
  readonly page: Page
  readonly #javaScript: boolean

  constructor(context: BrowserContext, page: Page, javaScript: boolean) {
    this.context = context
    this.page = page
    this.#javaScript = javaScript
  }

  /** The same browser with one more tab. */
  async tab(): Promise<Person> {
    return new Person(this.context, await this.context.newPage(), this.#javaScript)
  }

  /** Brings this tab to the front; a hidden one is slow, as the browser saves power on it. */
  async turnsHere(): Promise<void> {
    await this.page.bringToFront()
  }

  async opens(url: URL | string): Promise<void> {
    await this.page.goto(String(url))
  }

  /** Waits for the page with this heading. */
  async sees(heading: string | RegExp): Promise<void> {
    await this.page.getByRole('heading', { level: 1, name: heading }).waitFor()
  }

  async reads(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor()
  }

  /** Waits for the refusal with this code, which nobody sees. */
  async isRefused(code: string): Promise<void> {
    await this.page.locator(`[data-error="${code}"]`).waitFor()
  }

  async enters(label: string, value: string): Promise<void> {
    await this.field(label).fill(value)
  }

  async agrees(): Promise<void> {
    await this.page.getByRole('checkbox', { name: '我已阅读并同意' }).check()
  }

  /** Presses a button that sends a form, and waits for the page that answers. */
  async presses(button: string | RegExp): Promise<void> {
    await this.#leaves(() => this.button(button).click())
  }

  /** Follows a link, or a button that leads to another form and takes along what was typed. */
  async follows(link: string | RegExp): Promise<void> {
    const named = this.page.getByRole('link', { name: link, exact: true })
    await this.#leaves(() => named.or(this.page.locator('button[name=show]').and(this.button(link))).click())
  }

  /** What the page after says must not be found on the page before. */
  async #leaves(act: () => Promise<void>): Promise<void> {
    await Promise.all([this.page.waitForEvent('domcontentloaded'), act()])
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: true })
  }

  /** Presses a button of a form whose agreement is not ticked: with script it is asked for in place, else on a page. */
  async pressesUnagreed(button: string | RegExp): Promise<void> {
    if (this.#javaScript) await this.button(button).click()
    else await this.presses(button)
    await this.page.getByRole('heading', { name: '请阅读并同意以下条款' }).waitFor()
  }

  /** Answers that question, where it is asked in place. */
  async closes(button: string): Promise<void> {
    await this.page.getByRole('dialog').getByRole('button', { name: button, exact: true }).click()
    await this.page.getByRole('dialog').waitFor({ state: 'hidden' })
  }

  field(label: string): Locator {
    return this.page.getByLabel(label, { exact: true })
  }

  /** The error a screen reader hears on this field; it is the one shown on top. */
  async errorOf(label: string): Promise<string> {
    const field = this.field(label)
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    const described = (await field.getAttribute('aria-describedby'))?.split(' ') ?? []
    expect(described).toContain('error-message')
    return this.error()
  }

  async error(): Promise<string> {
    return ((await this.page.getByRole('alert').locator('#error-message').textContent()) ?? '').trim()
  }

  /** Enters the number and asks for a code; the code page is up then. */
  async asksForCode(phone: string): Promise<void> {
    await this.enters('手机号', phone)
    await this.agrees()
    await this.presses('获取验证码')
    await this.sees('输入验证码')
  }

  /** With script the sixth digit sends the form, without it the button does. */
  async entersCode(otp: string, button = '登录'): Promise<void> {
    if (this.#javaScript) return this.#leaves(() => this.enters('6 位验证码', otp))
    await this.enters('6 位验证码', otp)
    await this.presses(button)
  }

  async logsInWithPassword(identifier: string, password: string): Promise<void> {
    await this.follows('密码登录')
    await this.enters('手机号、邮箱或用户名', identifier)
    await this.enters('密码', password)
    await this.agrees()
    await this.presses('登录')
  }

  /** Waits until the browser is back at the client, and answers what it brought. */
  async arrives(app: ClientApp): Promise<Record<string, string>> {
    await this.page.waitForURL((url) => url.origin === app.origin)
    return Object.fromEntries(new URL(this.page.url()).searchParams)
  }

  /** Whether the page is wider than the window, and what axe finds. */
  faults(judged: Parameters<typeof faultsOf>[1]): Promise<string[]> {
    return faultsOf(this.page, judged)
  }
}

/** Moves the clock of the server under test and its library until the test ends. The stores must be the tables: Redis has a clock of its own. */
export function passTime(seconds: number): void {
  advanceClock(seconds * 1000)
  onTestFinished(resetClock)
}
