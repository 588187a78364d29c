import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { png, svg } from '../support/brand-files.ts'
import { reachLogin, startLogin } from '../support/login.ts'
import type { Answer } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// What the operator says of the brand reaches every page, and its files are served.

const redirectUri = 'https://shop.example.com/callback'
let world: World
let folder: string

const brand = {
  name: { 'zh-CN': '茶园', en: 'Tea Garden' },
  logo: 'logo.svg',
  logo_dark: 'dark.png',
  touch_icon: 'touch.png',
  color: '#8a1c3c',
  background: 'tea.png',
  company: '云上茶园科技有限公司',
  home_url: 'https://www.example.com/',
  support_url: 'mailto:help@example.com',
  icp: '京ICP备12345678号-1',
  police_filing: '京公网安备11010502030143号',
}

const corp = { type: 'oidc', id: 'corp', name: 'corp', issuer: 'https://sso.example.com', client_id: 'menshen' }

const ledger = {
  name: { 'zh-CN': '茶园记账', en: 'Tea Ledger' },
  logo: `data:image/png;base64,${png(64, 64, [10, 80, 160]).toString('base64')}`,
  color: '#1a4fa3',
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'menshen-brand-'))
  await writeFile(join(folder, 'logo.svg'), svg('<circle cx="20" cy="20" r="18"/>', 'viewBox="0 0 120 40"'))
  await writeFile(join(folder, 'dark.png'), png(120, 40))
  await writeFile(join(folder, 'touch.png'), png(180))
  await writeFile(join(folder, 'tea.png'), png(64, 48, [240, 240, 230]))
  await writeFile(join(folder, 'corp.svg'), svg('<path d="M4 4h32v32H4z"/>'))
  const files = ['logo', 'logo_dark', 'touch_icon', 'background'] as const
  const absolute = Object.fromEntries(files.map((name) => [name, join(folder, brand[name])]))
  const agreements = [
    { id: 'terms', version: '1', url: 'https://www.example.com/terms' },
    { id: 'data', version: '1', url: 'https://www.example.com/data', title: { 'zh-CN': '数据说明', en: 'About data' } },
  ]
  const env = {
    MENSHEN_BRAND: JSON.stringify({ ...brand, ...absolute }),
    MENSHEN_AGREEMENTS: JSON.stringify(agreements),
    MENSHEN_CONNECTIONS: JSON.stringify([{ ...corp, icon_file: join(folder, 'corp.svg') }]),
  }
  world = await openWorld({ env })
  const common = { token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] }
  await world.register({
    clients: [
      { client_id: 'shop', client_name: 'Shop', first_party: true, ...common },
      { client_id: 'ledger', client_name: 'Ledger', first_party: true, brand: ledger, ...common },
      { client_id: 'stranger', client_name: 'Stranger', brand: ledger, ...common },
      {
        client_id: 'forged',
        brand: { logo: `data:image/svg+xml;base64,${Buffer.from(svg('<script/>')).toString('base64')}` },
        ...common,
      },
    ],
  })
})
afterAll(async () => {
  await world?.close()
  await rm(folder, { recursive: true, force: true })
})

function loginPage(clientId = 'shop', more: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return reachLogin(world.visitor(), startLogin(world, clientId, redirectUri, more))
}

const addresses = ({ text }: Answer, pattern: RegExp) => [...text.matchAll(pattern)].map(([, address = '']) => address)
const styles = (page: Answer) => addresses(page, /<link rel="stylesheet" href="([^"]+)"/g)
const pictures = (page: Answer) => addresses(page, /(?:src|srcset)="(\/assets\/[^"]+\.(?:svg|png))[^"]*"/g)
const head = (page: Answer) => /<header.*<\/header>/s.exec(page.text)?.[0] ?? ''
const foot = (page: Answer) => /<footer.*<\/footer>/s.exec(page.text)?.[0] ?? ''

describe('the pages', () => {
  test('carry the name in the language of the visitor, also where it is part of a sentence', async () => {
    const [chinese, english] = await Promise.all([loginPage(), loginPage('shop', { ui_locales: 'en' })])
    expect(chinese.text).toMatch(/<h1>登录茶园<\/h1>/)
    expect(english.text).toMatch(/<h1>Sign in to Tea Garden<\/h1>/)
    expect(english.text).not.toContain('茶园<')
  })

  test('show a wide logo in the place of the name, with another for the dark, and lead home', async () => {
    const shown = head(await loginPage())
    expect(shown).toContain('href="https://www.example.com/"')
    expect(shown).toMatch(
      /<source srcset="\/assets\/[\da-f]{32}\.png" media="\(prefers-color-scheme: dark\)" width="108" height="36">/,
    )
    expect(shown).toMatch(/<img src="\/assets\/[\da-f]{32}\.svg" alt="茶园" width="108" height="36">/)
    expect(shown).not.toContain('<bdi>')
  })

  test.each([
    ['of a login', () => loginPage()],
    ['of an error', () => world.visitor().get('/callback/none', { accept: 'text/html' })],
    ['of what is not there', () => world.visitor().get('/nothing', { accept: 'text/html' })],
    ['for a device', () => world.visitor().get('/device')],
    ['of a logout', () => world.visitor().get('/session/end')],
    ['of a document', () => world.visitor().get('/sandbox/terms')],
  ])('say at the bottom who runs it, under which numbers, and where the documents are (%s)', async (_, open) => {
    const shown = foot(await open())
    for (const text of [
      'href="https://www.example.com/terms"',
      '用户协议',
      'href="https://www.example.com/data"',
      '数据说明',
      'href="mailto:help@example.com"',
      '云上茶园科技有限公司',
      'href="https://beian.miit.gov.cn/"',
      '京ICP备12345678号-1',
      'href="https://beian.mps.gov.cn/#/query/webSearch?code=11010502030143"',
      '京公网安备11010502030143号',
    ]) {
      expect(shown).toContain(text)
    }
  })

  test('lead home from the account centre, which is called by the name of the operator', async () => {
    const page = await world.visitor().follow(await world.visitor().get('/account'))
    expect(page.text).not.toContain('Menshen')
  })
})

describe('the files', () => {
  test('are kept by browsers for ever, and none is fetched from elsewhere', async () => {
    const page = await loginPage()
    const found = [...styles(page), ...pictures(page)]
    expect(found.length).toBeGreaterThanOrEqual(4)
    for (const address of found) {
      expect(address).toMatch(/^\/assets\//)
      const { status, headers } = await world.visitor().get(address)
      expect([address, status, headers['cache-control']]).toEqual([address, 200, 'public, max-age=31536000, immutable'])
      expect(headers['x-content-type-options']).toBe('nosniff')
    }
    const policy = String(page.headers['content-security-policy'])
    expect(policy).toContain("img-src 'self' data:;")
    expect(policy).toContain("style-src 'self';")
  })

  test('have the type of their bytes, and an SVG that is opened by itself runs and loads nothing', async () => {
    const [dark = '', logo = ''] = pictures(await loginPage())
    expect((await world.visitor().get(dark)).headers['content-type']).toBe('image/png')
    const { headers } = await world.visitor().get(logo)
    expect(headers['content-type']).toBe('image/svg+xml')
    expect(headers['content-security-policy']).toBe("default-src 'none'; style-src 'unsafe-inline'; sandbox")
  })

  test('of an operator’s own icon for a connection are served like the others, and its button shows it', async () => {
    const page = await loginPage()
    const [, icon = ''] = /<span class="disc own"><img class="icon" src="([^"]+)" alt=""/.exec(page.text) ?? []
    const { status, headers } = await world.visitor().get(icon)
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      ...[200, 'image/svg+xml', 'public, max-age=31536000, immutable'],
    ])
    expect(headers['content-security-policy']).toBe("default-src 'none'; style-src 'unsafe-inline'; sandbox")
  })

  test('are compared by their tag', async () => {
    const [logo = ''] = pictures(await loginPage())
    const { headers } = await world.visitor().get(logo)
    const again = await world.visitor().get(logo, { 'if-none-match': String(headers['etag']) })
    expect([again.status, again.text]).toEqual([304, ''])
  })

  test('colours and the picture under the card come in one stylesheet after our own', async () => {
    const [own, brands, ...more] = styles(await loginPage())
    expect([own, more]).toEqual([expect.stringContaining('/assets/menshen.css?v='), []])
    const { text, headers } = await world.visitor().get(brands ?? '')
    expect(headers['content-type']).toBe('text/css; charset=utf-8')
    expect(text).toContain('--accent:#8a1c3c')
    const [, background] = /url\(([^)]+)\)/.exec(text) ?? []
    expect((await world.visitor().get(`/assets/${background}`)).headers['content-type']).toBe('image/png')
  })

  test.each([
    '/assets/',
    '/assets/../package.json',
    '/assets/00000000000000000000000000000000.css',
    '/assets/logo.png',
  ])('there is nothing else: %s', async (path) => {
    expect((await world.visitor().get(path)).status).toBe(404)
  })
})

describe('a client', () => {
  test('of ours with a brand has the head of its login to itself; the bottom stays the operator’s', async () => {
    const page = await loginPage('ledger', { ui_locales: 'en' })
    expect(page.text).toContain('<h1>Sign in to Tea Ledger</h1>')
    expect(head(page)).toMatch(/<img class="for-light" src="\/assets\/[\da-f]{32}\.png" alt="" width="36" height="36">/)
    expect(head(page)).not.toContain('srcset')
    expect(foot(page)).toContain('云上茶园科技有限公司')
    const css = await world.visitor().get(styles(page).at(-1) ?? '')
    expect(css.text).toContain('--accent:#1a4fa3')
    const logo = await world.visitor().get(pictures(page)[0] ?? '')
    expect([logo.status, logo.headers['content-type'], logo.headers['cache-control']]).toEqual([
      ...[200, 'image/png', 'public, max-age=31536000, immutable'],
    ])
  })

  test('of somebody else lends its colour and its picture, and never stands in the place of the operator', async () => {
    const page = await loginPage('stranger')
    expect(page.text).toContain('<h1>登录茶园</h1>')
    expect(head(page)).toContain('alt="茶园"')
    expect(page.text).toMatch(
      /<p class="lead"><picture class="client-logo"><img class="for-light" src="\/assets\/[\da-f]{32}\.png"/,
    )
    expect(page.text).toMatch(/<p class="lead">.*茶园记账.*<\/p>/)
    expect(styles(page)).toHaveLength(3)
  })

  test('without a brand looks like the operator', async () => {
    expect(styles(await loginPage('shop'))).toHaveLength(2)
  })

  test('whose stored picture is none, because somebody wrote it by hand, is drawn without', async () => {
    const page = await loginPage('forged')
    expect(page.text).not.toContain('client-logo')
  })
})
