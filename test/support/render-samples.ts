import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { i18n, type Locale, locales } from '../../src/base/i18n.ts'
import { assets, viewEngine, viewsFolder } from '../../views/engine.ts'
import { samples } from '../../views/samples.ts'
import type { ViewName } from '../../views/views.ts'
import { faultsOf, launchChromium } from './chromium.ts'
import { findTools } from './tools.ts'

/**
 * Draws every sample of every page in every language, takes pictures at the width of a phone and of a desk, light and dark, and
 * runs axe over each. `node test/support/render-samples.ts FOLDER [page…]`. Exit status 1 when axe or the console complains.
 */
const [folder = '', ...wanted] = process.argv.slice(2)
if (folder === '') throw new Error('name the folder for the pictures')

const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
const read = async (locale: string) =>
  JSON.parse(await readFile(join(viewsFolder, 'locales', `${locale}.json`), 'utf8'))
const { translate } = i18n({ resources: { 'zh-CN': await read('zh-CN'), en: await read('en') } })
const engine = viewEngine({ folder: viewsFolder, translate })
const files = assets()

const pages = new Map<string, string>()
for (const name of Object.keys(samples) as ViewName[]) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  for (const locale of locales) {
    samples[name].forEach((data, index) => {
      const html = engine.render(name, inLanguage(locale, data) as never, {
        locale,
        brand: { name: locale === 'en' ? 'Menshen' : '门神账号', supportUrl: 'https://help.example.com/' },
        clientName: locale === 'en' ? 'Tea Ledger' : '茶园记账',
        requestId: '01JXW8C7Q2M6T4',
        sandbox: index === 0,
        languagePath: `/${name}-${index}`,
        assetPath: '/assets',
      })
      // A form that sends itself would leave before the picture is taken.
      pages.set(`/${name}-${index}.${locale}`, html.replace(' data-submit', ''))
    })
  }
}

/** Samples quote one language; a refusal whose code is ours is shown in the language of the page. */
function inLanguage<T extends object>(locale: Locale, data: T): T {
  const said = (shown: unknown) => {
    if (typeof shown !== 'object' || shown === null || !('code' in shown) || !('message' in shown)) return shown
    return { ...shown, message: translate(locale, `errors.${shown.code}`, { retryAfterSeconds: 90 }) }
  }
  return ('error' in data ? { ...data, error: said(data.error) } : said(data)) as T
}

const server = createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname
  const asset = files.get(path)
  const html = pages.get(path)
  response.statusCode = asset === undefined && html === undefined ? 404 : 200
  response.setHeader('content-type', asset?.type ?? 'text/html; charset=utf-8')
  response.setHeader('content-security-policy', csp)
  response.end(asset?.body ?? html ?? '')
})
await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const browser = await launchChromium((await findTools()).chromium)
const complaints: string[] = []
await mkdir(resolve(folder), { recursive: true })
try {
  for (const [path, html] of pages) await writeFile(join(folder, `${path.slice(1)}.html`), html)
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [375, 1280]) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: width === 375 ? 720 : 860 } })
      const page = await context.newPage()
      for (const path of pages.keys()) {
        const name = `${path.slice(1)}.${width}.${colorScheme}`
        const note = (message: string) => complaints.push(`${name}: ${message}`)
        page.removeAllListeners()
        page.on('console', (message) => ['error', 'warning'].includes(message.type()) && note(message.text()))
        page.on('pageerror', (error) => note(error.message))
        await page.goto(origin + path, { waitUntil: 'load' })
        await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
        for (const fault of await faultsOf(page)) note(fault)
      }
      await context.close()
    }
  }
} finally {
  await browser.close()
  server.close()
}
for (const complaint of complaints) console.error(complaint)
console.log(`${pages.size} pages, ${complaints.length} complaints, pictures in ${resolve(folder)}`)
process.exitCode = complaints.length > 0 ? 1 : 0
