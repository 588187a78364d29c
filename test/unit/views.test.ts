import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { catalogue } from '../../src/base/errors.ts'
import { i18n } from '../../src/base/i18n.ts'
import { type Locale, locales } from '../../src/base/languages.ts'
import { assets, viewEngine, viewsFolder } from '../../views/engine.ts'
import type { PageBrand } from '../../views/page-brand.ts'
import { samples } from '../../views/samples.ts'
import type { PageContext, ViewName, Views } from '../../views/views.ts'

const sentences = (locale: Locale): Record<string, string> =>
  JSON.parse(readFileSync(join(viewsFolder, 'locales', `${locale}.json`), 'utf8'))
const resources = Object.fromEntries(locales().map((locale) => [locale, sentences(locale)]))
/** The sentences that every language has to have. */
const chinese = sentences('zh-CN')
const { translate } = i18n({ resources })
const engine = viewEngine({ folder: viewsFolder, translate, files: assets(), locales: locales() })

/** With everything that an operator can say. */
const fullBrand: PageBrand = {
  name: '门神',
  supportUrl: 'mailto:help@example.com',
  homeUrl: 'https://www.example.com/',
  company: '云上贵州茶业有限公司',
  logo: { file: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.svg', width: 120, height: 40 },
  logoDark: { file: 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.png', width: 120, height: 40 },
  isWordMark: true,
  icon: { file: 'cccccccccccccccccccccccccccccccc.png', type: 'image/png' },
  touchIcon: 'dddddddddddddddddddddddddddddddd.png',
  stylesheets: ['eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.css'],
  themeColor: { light: '#ffffff', dark: '#171e1b' },
  filings: [
    { text: '京ICP备12345678号-1', href: 'https://beian.miit.gov.cn/' },
    {
      text: '京公网安备11010502030143号',
      href: 'https://beian.mps.gov.cn/#/query/webSearch?code=11010502030143',
      icon: 'ffffffffffffffffffffffffffffffff.png',
    },
  ],
  documents: [{ text: '用户协议', href: '/sandbox/terms' }],
}

const context = (locale: Locale): PageContext => ({
  locale,
  brand: fullBrand,
  clientName: '茶园记账',
  requestId: '01JXW8C7Q2M6T4',
  sandbox: true,
  languagePath: '/interaction/abc?method=sms',
  assetPath: '/assets',
})

const names = Object.keys(samples) as ViewName[]
const draw = <K extends ViewName>(name: K, data: Views[K], page: PageContext) => engine.render(name, data, page)
const pages = locales().flatMap((locale) =>
  names.flatMap((name) =>
    samples[name].map((data, index) => ({ locale, name, index, html: draw(name, data, context(locale)) })),
  ),
)

interface Tag {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
}

/** Reads the tags of a page. Strict: a stray angle bracket or an unquoted attribute is an error, so nothing hides from the checks. */
function tags(html: string): readonly Tag[] {
  const found: Tag[] = []
  const attribute = /\s([a-zA-Z-]+)(?:="([^"<>]*)")?/y
  for (const [text] of html.matchAll(/<[^>]*>?/g)) {
    if (/^<(\/[a-z0-9]+|!doctype html)>$/.test(text)) continue
    const name = /^<([a-z0-9]+)/.exec(text)?.[1]
    if (name === undefined) throw new Error(`not a tag: ${text}`)
    const attributes = new Map<string, string>()
    let end = name.length + 1
    attribute.lastIndex = end
    for (let match = attribute.exec(text); match !== null; match = attribute.exec(text)) {
      attributes.set(match[1] ?? '', match[2] ?? '')
      end = attribute.lastIndex
    }
    if (!/^\s*\/?>$/.test(text.slice(end))) throw new Error(`cannot read: ${text}`)
    found.push({ name, attributes })
  }
  return found
}

describe.each(pages)('$name sample $index in $locale', ({ html, locale, name, index }) => {
  const all = tags(html)
  const get = (name: string) => all.filter((tag) => tag.name === name)

  it('is a page in that language with one title and one heading of the first rank', () => {
    const direction = locale === 'ar' ? ' dir="rtl"' : ''
    expect(html.startsWith(`<!doctype html>\n<html lang="${locale}"${direction}>`)).toBe(true)
    expect(get('title')).toHaveLength(1)
    expect(get('h1')).toHaveLength(1)
    expect(get('meta').some((tag) => tag.attributes.get('name') === 'viewport')).toBe(true)
  })

  it('shows no raw key, no empty value and no unfilled parameter', () => {
    const text = html
      .replace(/<[^>]*>/g, '\n')
      .replaceAll(/^(?:otp|phone|password|attempt|request|email|identifier|server|agreement)\.[a-z_]+.*$/gm, '')
    expect(text.split(/\s+/).filter((word) => Object.hasOwn(chinese, word))).toEqual([])
    expect(html).not.toMatch(/undefined|\[object|\bNaN\b|\{\{|\}\}|Invalid Date/)
  })

  it('has no inline style, no inline script and no event handler', () => {
    expect(get('style')).toEqual([])
    for (const { attributes } of all) {
      for (const name of attributes.keys()) expect(name).not.toMatch(/^on|^style$|^srcdoc$/)
    }
    for (const { attributes } of get('script')) expect(attributes.get('src')).toBeDefined()
    expect(html).toMatch(/<script [^>]*><\/script>/)
  })

  it('loads nothing from elsewhere', () => {
    const loaded = [
      ...all.flatMap(({ attributes }) => [attributes.get('src'), attributes.get('srcset')]),
      ...get('link').map(({ attributes }) => attributes.get('href')),
      ...get('use').map(({ attributes }) => attributes.get('href')?.replace(/#i$/, '')),
    ].filter((address) => address !== undefined)
    for (const address of loaded)
      expect(address).toMatch(/^\/(assets\/([a-z./]+\?v=[\w-]{16}|[\da-f]{32}\.(svg|png|css))|pictures\/pic_\w+)$/)
    expect(get('iframe').concat(get('object'), get('embed'), get('base'))).toEqual([])
  })

  it('ticks no box that the person has not ticked before', () => {
    const ticked = get('input').filter(({ attributes }) => attributes.has('checked'))
    const before = name === 'consent' ? samples.consent[index]!.scopes.filter((each) => each.isTicked) : []
    const told = name === 'account-messages' ? samples['account-messages'][index]!.events : []
    expect(ticked.map(({ attributes }) => attributes.get('value'))).toEqual([
      ...before.filter(({ required }) => !required).map((each) => each.name),
      ...told.flatMap(({ isTold }) => (isTold ? ['on'] : [])),
    ])
  })

  it('gives every field a label and every button a purpose', () => {
    const labelled = get('label').map(({ attributes }) => attributes.get('for'))
    const fields = [...get('input'), ...get('select')].filter(({ attributes }) => attributes.get('type') !== 'hidden')
    for (const { attributes } of fields) {
      if (attributes.has('aria-label')) continue
      expect(labelled).toContain(attributes.get('id'))
    }
    expect(html).not.toMatch(/<button[^>]*>\s*<\/button>/)
  })

  it('uses each id once and points only at ids that exist', () => {
    const ids = all.flatMap(({ attributes }) => attributes.get('id') ?? [])
    expect(new Set(ids).size).toBe(ids.length)
    const pointers = [
      'for',
      'form',
      'aria-describedby',
      'aria-labelledby',
      'data-reveal',
      'data-phone',
      'data-wait-button',
    ]
    for (const { attributes } of all) {
      for (const pointer of pointers) {
        for (const id of attributes.get(pointer)?.split(' ').filter(Boolean) ?? []) expect(ids).toContain(id)
      }
    }
  })

  it('has no positive tabindex and at most one place that takes the focus', () => {
    for (const { attributes } of all) expect(attributes.get('tabindex') ?? '-1').toBe('-1')
    expect(all.filter(({ attributes }) => attributes.has('autofocus')).length).toBeLessThanOrEqual(1)
  })

  it('sends every form by post', () => {
    for (const { attributes } of get('form')) expect(attributes.get('method')).toBe('post')
  })
})

describe('a refusal on a page', () => {
  const wrong = samples.login.find(({ error }) => error?.code === 'phone.invalid')
  const html = (locale: Locale) => draw('login', wrong!, context(locale))

  it('is announced at the top, tied to its field, and takes the focus there', () => {
    const page = html('zh-CN')
    const [field] = tags(page).filter(({ attributes }) => attributes.get('aria-invalid') === 'true')
    expect(field?.attributes.get('name')).toBe('phone')
    expect(field?.attributes.get('aria-describedby')).toBe('error-message')
    expect(field?.attributes.has('autofocus')).toBe(true)
    expect(page).toMatch(/role="alert"[\s\S]*id="error-message"><a href="#f-phone">手机号格式不正确/)
    expect(page).toContain('<title>出错：')
    expect(page).toContain('data-error="phone.invalid"')
    expect(page.replace(/<[^>]*>/g, '')).not.toMatch(/phone\.invalid|01JXW8C7Q2M6T4/)
  })

  it('for several reasons lists them all, each tied to its field, and the first takes the focus', () => {
    const page = draw('register', samples.register[2]!, context('en'))
    const wrong = tags(page).filter(({ attributes }) => attributes.get('aria-invalid') === 'true')
    expect(wrong.map(({ attributes }) => attributes.get('name'))).toEqual(['identifier', 'new_password', 'agreement'])
    for (const [index, { attributes }] of wrong.entries()) {
      const [id = ''] = attributes.get('aria-describedby')?.split(' ') ?? []
      expect(page).toContain(
        `<li id="${id}" data-fault="${samples.register[2]!.error?.others?.[index - 1]?.code ?? ''}`,
      )
      expect(attributes.has('autofocus')).toBe(index === 0)
    }
    const alert = /<div class="alert"[\s\S]*?<\/div>/.exec(page)?.[0] ?? ''
    expect([...alert.matchAll(/href="#f-([\w-]+)"/g)].map(([, name]) => name)).toEqual([
      'identifier',
      'new_password',
      'agreement',
    ])
  })

  it('shows what the library says in English to developers only', () => {
    const view = { ...samples.error[0]!, hint: 'client is invalid' }
    expect(draw('error', view, { ...context('zh-CN'), sandbox: true })).toContain('lang="en">client is invalid')
    expect(draw('error', view, { ...context('zh-CN'), sandbox: false })).not.toContain('client is invalid')
  })

  it('keeps what was typed but never a password', () => {
    expect(html('en')).toContain('value="1380013800"')
    for (const { html } of pages) {
      for (const { attributes } of tags(html)) {
        if (attributes.get('type') === 'password') expect(attributes.has('value')).toBe(false)
      }
    }
  })

  it('takes the focus itself when it belongs to no field', () => {
    const page = draw('login', samples.login.find(({ error }) => error && !error.field)!, context('en'))
    expect(page).toMatch(/role="alert" tabindex="-1" id="error" autofocus/)
  })
})

describe('the missing agreement', () => {
  it('is asked for once more in a form whose button carries the consent', () => {
    const page = draw('agree', samples.agree[0]!, context('zh-CN'))
    expect(page).toContain('<button class="button" name="agreement" value="on">同意并继续</button>')
    expect(page).toContain('<input type="hidden" name="phone" value="138 0013 8000">')
    expect(page.match(/name="agreement"/g)).toHaveLength(1)
  })
})

describe('hostile text', () => {
  const hostile = `"><script>alert('x')</script><img src=//evil.example onerror=x>\`{{wait}}<%= 1 %>😀\u202Eمرحبا`

  /** The same data with the hostile text in place of every text that a person or a client can choose. */
  function poison<T>(value: T, key = ''): T {
    const fixed = [
      'method',
      'icon',
      'purpose',
      'kind',
      'channel',
      'field',
      'id',
      'callingCode',
      'country',
      'over',
      'without',
    ]
    if (typeof value === 'string') return (fixed.includes(key) ? value : hostile) as T
    if (value instanceof Date || typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) {
      return (key.startsWith('offered') || key === 'places' ? value : value.map((entry) => poison(entry))) as T
    }
    return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, poison(entry, name)])) as T
  }

  it.each(names)('stays text on the %s page', (name) => {
    for (const locale of locales()) {
      for (const data of samples[name]) {
        const page = {
          ...context(locale),
          clientName: hostile,
          requestId: hostile,
          brand: {
            ...fullBrand,
            ...{ name: hostile, supportUrl: hostile, homeUrl: hostile, company: hostile },
            filings: [
              { text: hostile, href: hostile },
              { text: hostile, href: hostile, icon: hostile },
            ],
            documents: [{ text: hostile, href: hostile }],
          },
        }
        const clean = tags(draw(name, data, context(locale))).map((tag) => tag.name)
        const poisoned = tags(draw(name, poison(data), page))
        const loading = (names: readonly string[]) => names.filter((tag) => tag === 'script' || tag === 'img')
        expect(loading(poisoned.map((tag) => tag.name))).toEqual(loading(clean))
        const scripts = ['code', 'device-code', 'account-profile', 'human-check', 'captcha'].includes(name)
          ? ['script', 'script']
          : ['script']
        const pictures = (JSON.stringify(data).match(/"(?:ownIcon|picture)":/g) ?? []).map(() => 'img')
        expect(loading(clean)).toEqual([...scripts, 'img', 'img', ...pictures])
        expect(poisoned.length).toBeLessThanOrEqual(clean.length + 4)
      }
    }
  })

  it.each([
    'javascript:alert(1)',
    'data:text/html,x',
    ' javascript:alert(1)',
    '//evil.example',
    '/\\evil.example',
    'JaVaScRiPt:x',
  ])('does not become a link: %s', (href) => {
    const html = draw('message', { title: 'a', body: 'b', nextHref: href, nextLabel: 'c' }, context('en'))
    expect(html).toContain('<a class="button" href="#">')
  })

  it('cannot turn a sentence around', () => {
    const html = draw('login', samples.login[0]!, { ...context('en'), clientName: 'a\u202Egpj.exe' })
    expect(html).not.toContain('\u202E')
  })
})

describe('the samples of the consent page', () => {
  it('have the words that a server has for the scopes of the protocol', () => {
    const scopes = samples.consent.flatMap((view) => view.scopes)
    expect(scopes.length).toBeGreaterThan(5)
    for (const { name, title, description } of scopes) {
      const words = chinese
      expect({ title, description }).toEqual({
        title: words[`scope.${name}`],
        description: words[`scope.${name}_about`],
      })
    }
  })
})

describe('the texts', () => {
  it('have the same keys in every language, none empty', () => {
    for (const locale of locales()) {
      expect([locale, Object.keys(sentences(locale))]).toEqual([locale, Object.keys(chinese)])
      for (const text of Object.values(sentences(locale))) expect(text.trim()).not.toBe('')
    }
  })

  it('use the same parameters in every language', () => {
    const parameters = (text = '') => [...new Set(text.match(/\{\{\w+\}\}/g))].sort()
    for (const locale of locales()) {
      const own = sentences(locale)
      for (const [key, sentence] of Object.entries(chinese)) {
        expect([locale, key, parameters(own[key])]).toEqual([locale, key, parameters(sentence)])
      }
    }
  })

  it.each(Object.keys(catalogue))('say what %s means and what to do, with or without a waiting time', (code) => {
    for (const locale of locales()) {
      expect(translate(locale, `errors.${code}`).length).toBeGreaterThan(5)
      expect(translate(locale, `errors.${code}`, { retryAfterSeconds: 300 })).not.toMatch(/\{\{|undefined/)
    }
  })
})

describe('the assets', () => {
  it('are served under /assets with their type and a tag that follows the content', () => {
    const found = assets()
    const names =
      'account.css altcha.js apple-touch-icon.png captcha.js code.js favicon.ico human.js logo.svg menshen.css menshen.js pages.css picture.js'.split(
        ' ',
      )
    const pages = [...found.keys()].filter((path) => !path.startsWith('/assets/icons/'))
    expect(pages.sort()).toEqual(names.map((name) => `/assets/${name}`))
    expect(found.get('/assets/favicon.ico')?.type).toBe('image/x-icon')
    expect(found.get('/assets/menshen.css')?.type).toBe('text/css; charset=utf-8')
    expect(found.get('/assets/menshen.js')?.etag).toMatch(/^"[\w-]{16}"$/)
  })

  it('name no foreign address', () => {
    for (const { body } of assets().values()) {
      expect(body.toString().replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|@import|url\(/)
    }
  })

  it('lay out a page that is read from the right by the same rules', () => {
    const sided = /[\s;{-](left|right)\s*[:;]/
    for (const [path, { type, body }] of assets()) {
      if (type.startsWith('text/css')) expect([path, sided.exec(body.toString())?.[0]]).toEqual([path, undefined])
    }
  })

  it('has a template for every page', () => {
    const templates = readdirSync(join(viewsFolder, 'templates'))
    for (const name of names) expect(templates).toContain(`${name}.eta`)
  })
})
