import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { locales } from '../../src/base/languages.ts'
import { samples } from '../../views/samples.ts'
import { faultsOf, launchChromium } from '../support/chromium.ts'
import { findTools } from '../support/tools.ts'
import { type Shot, writeSheets } from './contact-sheets.ts'
import { drawSample, pageNames, serveSamples } from './drawn-samples.ts'
import { sampleBrands } from './sample-brands.ts'

/**
 * Takes a picture of every page in every language, at three widths, light and dark, in three brands, and joins them
 * into sheets for eyes: `npm run looks -- FOLDER`. Axe looks at each page once. Exit status 1 when axe or the console
 * complains.
 */
const usage = `usage: npm run looks -- FOLDER [options]

  --page NAME     only this page; may be given several times
  --brand NAME    only this brand: plain, tea or cloud
  --language TAG  only this language
  --first         only the first sample of each page; of tea and cloud there is no more anyway
`
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    page: { type: 'string', multiple: true, default: [] },
    brand: { type: 'string', multiple: true, default: [] },
    language: { type: 'string', multiple: true, default: [] },
    first: { type: 'boolean', default: false },
  },
})
const [folder] = positionals
if (folder === undefined) {
  process.stderr.write(usage)
  process.exit(2)
}

const widths = [320, 375, 1280]
const lights = ['light', 'dark'] as const
const brands = Object.entries(sampleBrands()).filter(
  ([name]) => values.brand.length === 0 || values.brand.includes(name),
)
const names = pageNames.filter((name) => values.page.length === 0 || values.page.includes(name))
const languages = locales().filter((tag) => values.language.length === 0 || values.language.includes(tag))

interface Drawn {
  readonly path: string
  readonly page: string
  readonly set: string
}

const pages = new Map<string, string>()
const drawn: Drawn[] = []
for (const [brandName, brand] of brands) {
  const all = brandName === 'plain' && !values.first
  for (const locale of languages) {
    for (const name of names) {
      samples[name].slice(0, all ? undefined : 1).forEach((_, index) => {
        const path = `/${brandName}/${locale}/${name}-${index}`
        pages.set(path, drawSample({ brand, locale, name, index }))
        drawn.push({ path, page: `${name}-${index}`, set: `${brandName}.${locale}` })
      })
    }
  }
}

const complaints: string[] = []
const shots: Shot[] = []
await mkdir(resolve(folder), { recursive: true })
const site = await serveSamples(
  pages,
  brands.map(([, brand]) => brand),
)
const browser = await launchChromium((await findTools()).chromium)
try {
  for (const colorScheme of lights) {
    for (const width of widths) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: width < 600 ? 720 : 860 } })
      const tab = await context.newPage()
      for (const { path, page, set } of drawn) {
        const sheet = `${set}.${width}.${colorScheme}`
        const file = `${sheet}.${page}.png`
        const note = (message: string) => complaints.push(`${sheet} ${page}: ${message}`)
        tab.removeAllListeners()
        tab.on('console', (message) => ['error', 'warning'].includes(message.type()) && note(message.text()))
        tab.on('pageerror', (error) => note(error.message))
        await tab.goto(site.origin + path, { waitUntil: 'load' })
        await tab.screenshot({ path: join(folder, file), fullPage: true })
        // What axe judges does not depend on the width, and in the dark only contrast differs.
        const judged = width !== 375 ? 'width' : colorScheme === 'dark' ? 'contrast' : 'everything'
        for (const fault of await faultsOf(tab, judged)) note(fault)
        shots.push({ file, page, sheet, width })
      }
      await context.close()
    }
  }
  await writeSheets(folder, shots, browser)
} finally {
  await browser.close()
  site.close()
}
for (const complaint of complaints) process.stderr.write(`${complaint}\n`)
process.stdout.write(
  `${shots.length} pictures, ${complaints.length} complaints; open ${join(resolve(folder), 'index.html')}\n`,
)
process.exitCode = complaints.length > 0 ? 1 : 0
