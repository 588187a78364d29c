import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { contentPolicy } from '../../interactions/browser/page-policy.ts'
import type { CaptchaChallenge } from '../../interactions/challenges/captcha.ts'
import { i18n } from '../../src/base/i18n.ts'
import { locales, tableOf } from '../../src/base/languages.ts'
import { assets, sentencesOf, viewEngine, viewsFolder } from '../../views/engine.ts'
import { verify, worlds } from '../contracts/captcha-worlds.ts'
import { complaintsIn, faultsOf, launchChromium } from '../support/chromium.ts'

// The page of the captcha with the scripts of all vendors, under the policy that each of them gets. It stands alone: what
// comes before and after it has tests without a browser.

const files = assets()
const { translate } = i18n({ resources: tableOf(sentencesOf) })
const engine = viewEngine({ folder: viewsFolder, translate, files, locales: locales() })
const brand = { name: '门神', isWordMark: false, stylesheets: [], filings: [], documents: [] }

let browser: Browser
let server: Server
let shown: CaptchaChallenge | undefined
let posted: URLSearchParams | undefined

function drawn({ name, fields, widget, page }: CaptchaChallenge): string {
  const view = { vendor: name, script: page?.script ?? '', widget: JSON.stringify(widget), answer: fields, back: 'sms' }
  const context = { locale: 'zh-CN', brand, requestId: 'id', sandbox: false, languagePath: '/', assetPath: '/assets' }
  return engine.render('captcha', { ...view, fields: [{ name: 'phone', value: '13900000000' }] }, context as never)
}

beforeAll(async () => {
  browser = await launchChromium(inject('services').chromium)
  server = createServer(async (request, response) => {
    const asset = files.get((request.url ?? '').replace(/\?.*/, ''))
    if (asset) return response.writeHead(200, { 'content-type': asset.type }).end(asset.body)
    if (request.method === 'POST') posted = new URLSearchParams(await text(request))
    if (request.method === 'POST' || !shown?.page) return response.end('posted')
    const policy = contentPolicy('/interaction/x', { leadsTo: undefined, secure: false, widget: shown.page })
    const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy }
    return response.writeHead(200, headers).end(drawn(shown))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(async () => {
  await browser?.close()
  server?.close()
})

async function opened(captcha: CaptchaChallenge): Promise<{ page: Page; complaints: string[] }> {
  shown = captcha
  posted = undefined
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  const complaints = complaintsIn(context)
  const page = await context.newPage()
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/interaction/x`)
  return { page, complaints }
}

/** A warning that is for frames: nobody has put this page into one. */
const ofFrames = /^An iframe which has both allow-scripts and allow-same-origin/

const withPages = worlds.filter(({ name }) => name !== 'siteverify')

test.each(withPages)('the script of $name brings what its vendor takes, with the form that waits', async ({ open }) => {
  const { simulator, challenge } = await open()
  onTestFinished(() => simulator.close())
  const captcha = challenge({ script_url: simulator.scriptUrl })
  const { page, complaints } = await opened(captcha)
  // Some solve by themselves; the others wait for a press.
  const start = page.locator('#captcha-start')
  await Promise.race([start.waitFor(), page.getByText('posted').waitFor()])
  if (await start.isVisible()) await start.click()
  await page.getByText('posted').waitFor()
  const brought = Object.fromEntries(posted ?? [])
  expect(Object.keys(brought).sort()).toEqual(['phone', ...captcha.fields].sort())
  expect((await verify(captcha, brought)).verdict).toBe('human')
  expect(complaints.filter((each) => !ofFrames.test(each))).toEqual([])
})

test('where the script does not come, the page goes on to our own challenge, and brings no answer', async () => {
  const [geetest] = withPages.filter(({ name }) => name === 'geetest')
  const world = await geetest?.open()
  await world?.simulator.close()
  const captcha = world?.challenge({ script_url: world.simulator.scriptUrl })
  if (!captcha) throw new Error('there is no such vendor')
  const { page } = await opened(captcha)
  await page.getByText('posted').waitFor()
  expect(Object.fromEntries(posted ?? [])).toEqual({ phone: '13900000000', instead: 'own' })
})

test('what the script of a vendor could do with the page reaches nothing else', async () => {
  const [geetest] = withPages.filter(({ name }) => name === 'geetest')
  const world = await geetest?.open()
  onTestFinished(() => world?.simulator.close())
  const captcha = world?.challenge({ script_url: world.simulator.scriptUrl })
  if (!captcha) throw new Error('there is no such vendor')
  const { page } = await opened(captcha)
  await page.locator('#captcha-start').waitFor()
  expect(await faultsOf(page)).toEqual([])
  const reached = await page.evaluate(`(async () => {
    const asked = await fetch('/account').then(() => 'asked', () => 'refused')
    const frame = document.createElement('iframe')
    frame.src = '/account'
    document.body.append(frame)
    await new Promise((done) => { frame.onload = done; setTimeout(done, 2000) })
    const held = (frame.contentDocument && frame.contentDocument.body.textContent) || ''
    return { asked, held, opened: window.open('/account') === null ? 'refused' : 'opened' }
  })()`)
  expect(reached).toEqual({ asked: 'refused', held: '', opened: 'refused' })
})
