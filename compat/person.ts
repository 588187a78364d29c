import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type Browser, chromium, type Page } from 'playwright-core'
import { readerRequest } from './seeds.ts'
import type { CompatServer } from './server.ts'

const patienceMs = 60_000
const chromiums = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Starts the Chromium of this machine. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? chromiums.find((path) => existsSync(path)) ?? 'chromium'
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
}

/** True on a page of the app that has said something, and on one of the server where a person has something to do. */
const hasCome = `(app) => {
  if (document.readyState !== 'complete') return false
  const text = document.body.innerText.trim()
  if (document.querySelector('#f-phone, [name=logout], [value=allow], dl.facts')) return true
  return location.port === app && text !== '' && !text.startsWith('…')
}`

/** Somebody at a browser of their own, with a phone number of their own. */
export class CompatPerson {
  readonly page: Page
  readonly #server: CompatServer
  readonly #phone: string

  constructor(page: Page, server: CompatServer, phone: string) {
    this.page = page
    this.#server = server
    this.#phone = phone
    page.setDefaultTimeout(patienceMs)
  }

  /** Opens a page of the app, does what the server asks for on the way, and answers what the app says at last. */
  async opens(url: string, app = url): Promise<string> {
    const answer = await this.page.goto(url)
    if (answer && answer.status() >= 500) return `failed: ${answer.status()} ${answer.url()}`
    for (let pages = 0; pages < 6; pages++) {
      await this.#waits(`(${hasCome})('${new URL(app).port}')`)
      if (new URL(this.page.url()).port === new URL(app).port) return this.#reads('body')
      const said = await this.#reads('main')
      if (!(await this.#does())) return `failed: the server says ${said}`
    }
    return 'failed: it went round in a circle'
  }

  /**
   * Asks the page again and again. `waitForFunction` asks once from outside, where everything is allowed, and then
   * inside the page, where the policy of this server's pages forbids it: it fails on a page that takes its time.
   */
  async #waits(condition: string): Promise<void> {
    const untilMs = performance.now() + patienceMs
    // A page that is just being left answers nothing.
    while (!(await this.page.evaluate(condition).catch(() => false))) {
      if (performance.now() > untilMs) throw new Error(`nothing has come at ${this.page.url()}`)
      await delay(50)
    }
  }

  /** Whether the session at the server lives: whether an app that may ask nothing gets a code. */
  async isSignedIn(): Promise<boolean> {
    const asked = new URLSearchParams({ ...readerRequest(this.#server.origin, 'ES256'), prompt: 'none' })
    const answer = await this.page.request.get(`${this.#server.issuer}/auth?${asked}`, { maxRedirects: 0 })
    const { searchParams } = new URL(answer.headers()['location'] ?? '')
    const error = searchParams.get('error')
    if (error !== null && error !== 'login_required') throw new Error(`a question about the session: ${error}`)
    return error === null
  }

  #reads(element: string): Promise<string> {
    return this.page.evaluate(`document.querySelector('${element}').innerText.trim()`)
  }

  /** Answers false where there is nothing to do. */
  async #does(): Promise<boolean> {
    const { page } = this
    if (await page.locator('#f-phone').count()) {
      await page.fill('#f-phone', this.#phone)
      await page.check('[name=agreement]')
      await page.click('#submit')
      await page.locator('#f-otp').waitFor()
      const otp = await this.#server.otp(this.#phone)
      // The sixth digit sends the form.
      await Promise.all([page.waitForEvent('domcontentloaded'), page.fill('#f-otp', otp)])
      return true
    }
    const button = page.locator('[name=logout], [value=allow]').first()
    if ((await button.count()) === 0) return false
    // Nothing is ticked for anybody: whoever is to have all that they ask for is given it box by box.
    for (const box of await page.locator('[name=scope]').all()) await box.check()
    await Promise.all([page.waitForEvent('domcontentloaded'), button.click()])
    return true
  }
}
