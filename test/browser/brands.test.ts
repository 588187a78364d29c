import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { buildFace } from '../../src/build/face.ts'
import { samplePages } from '../../src/build/sample-pages.ts'
import { loadConfig } from '../../src/config/config.ts'
import { png, svg } from '../support/brand-files.ts'
import { complaintsIn, faultsOf, launchChromium } from '../support/chromium.ts'

// The pages are sound for eyes and screen readers in whatever brand the settings allow.

const folder = mkdtempSync(join(tmpdir(), 'menshen-brands-'))
const picture = svg('<rect width="150" height="40" rx="6" fill="#5b2a86"/>', 'viewBox="0 0 150 40"')
writeFileSync(join(folder, 'logo.svg'), picture)
writeFileSync(join(folder, 'dark.svg'), picture.replace('#5b2a86', '#d9b8ff'))
writeFileSync(join(folder, 'ground.png'), png(160, 120, [40, 20, 60]))
writeFileSync(join(folder, 'square.png'), png(120))
const filings = { icp: '京ICP备12345678号-1', police_filing: '京公网安备11010502030143号', police_icon: 'square.png' }
writeFileSync(
  join(folder, 'theme.css'),
  `:root { --surface: #fffdf7; --text: #2b1b17; --font: serif }
   @media (prefers-color-scheme: dark) { :root { --surface: #1c1413; --text: #fff1ea } }
   .masthead { background-color: #5b2a86; color: #ffffff; padding: 1rem; border-radius: 1rem }
   .card { padding: 3rem 2.5rem; border: 2px solid var(--edge) } .button { text-transform: uppercase; border-radius: 2rem }
   h1 { font-size: 2.25rem; letter-spacing: 0.05em }`,
)

const brands = {
  'as it comes': {},
  'in a strong colour, with pictures': {
    ...{ name: 'Night Market', logo: 'logo.svg', logo_dark: 'dark.svg', background: 'ground.png' },
    ...{ color: '#b3005e', color_dark: '#ff7ac0', radius: 0 },
  },
  'with a long name, a company and numbers': {
    name: '云上贵州茶叶与农业科技发展集团统一身份认证与账号服务中心',
    company: '云上贵州茶叶与农业科技发展有限责任公司（贵州省黔南布依族苗族自治州都匀市）',
    logo: 'square.png',
    ...{ color: '#0b57d0', radius: 24, background: '#e8f0fe', support_url: 'https://help.example.com/', ...filings },
  },
  'with a theme of its own': { name: 'Tea Garden', theme: 'theme.css', color: '#5b2a86', ...filings },
}

interface File {
  readonly type: string
  readonly body: string | Buffer
}

let server: Server
let browser: Browser
let origin: string
let serve: (path: string) => File | undefined = () => undefined

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"

beforeAll(async () => {
  server = createServer((request, response) => {
    const found = serve(new URL(request.url ?? '/', 'http://localhost').pathname)
    response.writeHead(found ? 200 : 404, {
      'content-type': found?.type ?? 'text/plain',
      'content-security-policy': policy,
    })
    response.end(found?.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  browser = await launchChromium(inject('services').chromium)
})
afterAll(async () => {
  await browser?.close()
  server?.close()
  rmSync(folder, { recursive: true })
})

/** Seen in every look of every brand; of the other pages each is seen in one brand, in one look. */
const foremost = ['login-0', 'login-3', 'consent-1', 'account-0', 'error-1']
const looks = [
  { width: 375, colorScheme: 'light', judged: 'everything' },
  { width: 375, colorScheme: 'dark', judged: 'contrast' },
  { width: 1280, colorScheme: 'light', judged: 'contrast' },
  { width: 320, colorScheme: 'light', judged: 'width' },
] as const

test.each(Object.entries(brands))(
  'the pages are sound %s',
  async (brandName, brand) => {
    const { names } = dress(brand)
    const faults: string[] = []
    for (const [look, { width, colorScheme, judged }] of looks.entries()) {
      const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme })
      const complaints = complaintsIn(context)
      const page = await context.newPage()
      const place = Object.keys(brands).indexOf(brandName)
      for (const [index, name] of names.entries()) {
        const turn = (index + place) / looks.length
        const isTurn = Number.isInteger(turn) && turn % looks.length === look
        if (!foremost.includes(name) && !isTurn) continue
        await page.goto(`${origin}/${name}`)
        for (const fault of await faultsOf(page, judged)) faults.push(`${name} ${width} ${colorScheme}: ${fault}`)
      }
      faults.push(...complaints)
      await context.close()
    }
    expect(faults).toEqual([])
  },
  600_000,
)

/** Everything that a theme may do to make words small and narrow. */
const squeezing = `
  body { line-height: 1.2 }
  .card { padding: 0; gap: 0; max-width: 20rem; font-size: 0.875rem }
  .field { gap: 0; font-size: 0.875rem }
  .lead { font-size: 0.875rem; line-height: 1.2 }
  .footer { padding: 0; margin-top: 0; font-size: 0.875rem }`

test.each(['login-0', 'register-0', 'agree-0', 'consent-0'])(
  'a theme cannot hide what people agree to: %s',
  async (name) => {
    writeFileSync(join(folder, 'squeezing.css'), squeezing)
    dress({ theme: 'squeezing.css' })
    const context = await browser.newContext({ viewport: { width: 320, height: 640 } })
    const page = await context.newPage()
    await page.goto(`${origin}/${name}`)
    const said = page
      .locator('main')
      .getByText(/《隐私政策》|政策处理这些信息/)
      .first()
    // A click that is only tried says whether it would reach the words.
    await said.click({ trial: true })
    expect((await said.boundingBox())?.height).toBeGreaterThanOrEqual(12)
    expect(await faultsOf(page, 'contrast')).toEqual([])
    await context.close()
  },
)

/** Serves every page in a brand, in Chinese; answers their names. */
function dress(brand: object): { readonly names: readonly string[] } {
  writeFileSync(join(folder, 'menshen.yaml'), JSON.stringify({ brand }))
  const face = buildFace(loadConfig({ env: {}, cwd: folder }).config)
  const pages = samplePages(face)
  const files = new Map<string, File>([
    ...face.assets,
    ...face.brand.files.map((file) => [`/assets/${file.name}`, file] as const),
  ])
  const drawn = { locale: 'zh-CN', brand: face.pageBrand('zh-CN'), assetPath: '/assets', languagePath: '/' } as const
  const named = new Map(pages.all.map((page) => [`${page.name}-${page.index}`, page]))
  serve = (path) => {
    const page = named.get(path.slice(1))
    return page ? { type: 'text/html; charset=utf-8', body: pages.draw(page, drawn) } : files.get(path)
  }
  return { names: [...named.keys()] }
}
