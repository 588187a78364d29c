import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadBrand } from '../../src/brand/read-brand.ts'
import { readTheme } from '../../src/brand/theme.ts'
import { ConfigError, loadConfig } from '../../src/config/config.ts'

const root = mkdtempSync(join(tmpdir(), 'menshen-theme-'))
afterAll(() => rmSync(root, { recursive: true }))

/** The problems of a configuration whose theme says this. */
function problems(theme: string, more = ''): string[] {
  writeFileSync(join(root, 'theme.css'), theme)
  writeFileSync(join(root, 'menshen.yaml'), `brand: { theme: theme.css${more} }\n`)
  try {
    loadConfig({ env: {}, cwd: root })
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ path, message }) => `${path}: ${message.replace(`${root}/`, '')}`)
  }
}

function stylesheet(theme: string, more = ''): string {
  expect(problems(theme, more)).toEqual([])
  return loadBrand(loadConfig({ env: {}, cwd: root }).config.brand).stylesheet?.body.toString() ?? ''
}

describe('a theme', () => {
  test('changes colours by day and in the dark, corners, type, and what it may of the classes', () => {
    const css = stylesheet(`
      /* ours */
      :root { --text: #101418; --radius: 1rem; --font: "Source Han Sans SC", system-ui }
      @media (prefers-color-scheme: dark) { :root { --text: #f4f4f4 } }
      .card { padding: 3rem 2rem; border: 1px solid var(--line) }
      .masthead { background-color: #8a1c3c; color: #ffffff; text-align: center }
      .button:hover { border-radius: 2rem }
      @media (min-width: 48rem) { .card { max-width: 40rem } h1 { font-size: 2rem } }
    `)
    for (const part of [
      ':root{--text:#101418}',
      '@media (prefers-color-scheme:dark){:root{--text:#f4f4f4}}',
      ':root{--radius:1rem;--font:"Source Han Sans SC",system-ui}',
      '.card{padding:3rem 2rem;border:1px solid var(--line)}',
      '.masthead{background-color:#8a1c3c;color:#ffffff;text-align:center}',
      '@media (min-width:48rem){.card{max-width:40rem}h1{font-size:2rem}}',
    ]) {
      expect(css).toContain(part)
    }
    expect(css).not.toContain('ours')
  })

  test('that names a colour by day alone keeps ours in the dark', () => {
    expect(stylesheet(':root { --surface: #fffdf7 }')).toContain(
      '@media (prefers-color-scheme:dark){:root{--surface:#171e1b}}',
    )
  })

  test.each([
    ['@import "https://evil.example/a.css";', '@import would load something; a theme loads nothing'],
    ['@IMPORT url(//evil.example/a.css);', '@import would load something; a theme loads nothing'],
    ['@font-face { font-family: a; src: url(a.woff2) }', '@font-face would load something; a theme loads nothing'],
    ['.card { padding: url(https://evil.example/x.png) }', 'url(https://evil.example/x.png) is not for themes'],
    ['.card { gap: image-set("https://evil.example/x.png" 1x) }', 'image-set('],
    ['.card { background: url(data:image/png;base64,AAAA) }', 'url(data:image/png;base64,AAAA) is not for themes'],
    [':root { --surface: url(//evil.example) }', '--surface is no colour; expected #rrggbb'],
    [':root { --evil: url(//evil.example) }', '--evil is no property of :root in a theme'],
    ['.card { -moz-binding: url(//evil.example/x.xml) }', 'url(//evil.example/x.xml) is not for themes'],
  ])('loads nothing from anywhere: %s', (css, reason) => {
    expect(problems(css)).toEqual([expect.stringContaining(`brand.theme: theme.css:1 ${reason}`)])
  })

  test.each([
    '.check { font-size: 14px }',
    '.agreement { font-size: 14px }',
    '.panel { padding: 1px }',
    '.scopes { padding: 1px }',
    '.equal { padding: 1px }',
    '.card { display: none }',
    '.card { visibility: hidden }',
    '.card { opacity: 0 }',
    '.card { position: absolute }',
    '.card { transform: scale(0) }',
    '.card { clip-path: inset(50%) }',
    '.card { height: 1px }',
    '.card { max-height: 1px }',
    '.card { overflow: hidden }',
    '.card { text-indent: -999px }',
    '.card { z-index: 9 }',
    '.card { filter: opacity(0) }',
    '.card { mix-blend-mode: screen }',
    '.card { order: 9 }',
    '.card { animation: x 1s }',
    '.card { all: unset }',
    '.card { zoom: 0.01 }',
    '.card { width: 1px }',
    '.card { max-width: 1px }',
    '.card { margin-top: -999px }',
    '.card { margin-top: 99999px }',
    '.card { padding: 999px }',
    '.card { font-size: 1px }',
    '.card { font-size: 0.1em }',
    '.card { font-size: 1vw }',
    '.card { font-size: calc(1px) }',
    '.card { line-height: 0 }',
    '.card { letter-spacing: -1em }',
    '.card { color: #ffffff }',
    '.card { color: transparent }',
    '.card { color: inherit; background-color: #ffffff }',
    'body { color: #ffffff; background-color: #ffffff }',
    '.card { box-shadow: inset 0 0 0 999px #ffffff }',
    '.card { border: 999px solid #ffffff }',
    '.card { padding: 1px !important }',
    '.card { & .check { display: none } }',
    '.card .check { padding: 1px }',
    '.card:has(.check) { padding: 1px }',
    '.card:not(.x) { padding: 1px }',
    '.card::before { padding: 1px }',
    '.card::after { content: "x" }',
    '[class] { padding: 1px }',
    'input[name="agreement"] { padding: 1px }',
    '#f-agreement { padding: 1px }',
    'label { padding: 1px }',
    '* { padding: 1px }',
    ':root { display: none }',
    ':root { --text: #ffffff }',
    ':root { --muted: #fefefe }',
    ':root { --text: transparent }',
    ':root { --surface: #17211e }',
    ':root { --accent: #ffffff }',
    ':root { --font: Wingdings }',
    '@media (prefers-color-scheme: dark) { :root { --text: #171e1b } }',
    '@media (max-width: 40rem) { :root { --text: #ffffff } }',
    '@media screen { .check { display: none } }',
    '@supports (gap: 1px) { .card { gap: 1px } }',
    '@layer a { .card { gap: 1px } }',
    '@keyframes a { to { opacity: 0 } }',
    '.button { background-color: #ffffff; color: #eeeeee }',
    '.button { background-color: var(--surface); color: var(--surface) }',
    '.button { color: var(--on-accent, #ffffff); background-color: #000000 }',
    '.button { color: #000000 }',
    '.card { padding: 1px } }',
    '</style><script>alert(1)</script>',
    '<!-- .card { padding: 1px } -->',
    '.c\\61rd { displ\\61y: none }',
  ])('cannot hide what people agree to, or make it unreadable: %s', (css) => {
    const found = problems(css)
    expect(found.length).toBeGreaterThan(0)
    for (const problem of found) expect(problem).toMatch(/^brand\.theme: /)
  })

  test('says the line, and what was meant', () => {
    expect(problems('.card { padding: 1rem }\n\n.crad { padding: 1rem }\n.card { paddin: 1rem }')).toEqual([
      'brand.theme: theme.css:3 .crad is not for themes; did you mean .card?',
      'brand.theme: theme.css:4 paddin is not for themes; did you mean padding?',
    ])
  })

  test('and the colour of the brand are judged together', () => {
    const theme = ':root { --surface: #fff3d6 }'
    expect(problems(theme, ', color: "#8d7402"')).toContainEqual(
      expect.stringMatching(/^brand\.theme: --accent cannot be read on --surface \(light\): the contrast is 4\.\d\d/),
    )
  })

  test('is served as it was understood, and not as it was written', () => {
    const { theme } = readTheme('.card{padding:1px/**/2px;/*;}*/gap:3px}')
    expect(theme.css).toBe('.card{padding:1px 2px;gap:3px}')
  })

  test('is not read when it is too large', () => {
    problems('.card { padding: 1px }')
    truncateSync(join(root, 'theme.css'), 70_000)
    expect(() => loadConfig({ env: {}, cwd: root })).toThrow(/brand\.theme: .*has 70 KB; at most 64 KB are allowed/)
  })
})

describe('phrases', () => {
  const phrase = (language: string, key: string, text: string) => {
    writeFileSync(join(root, 'phrases.yaml'), JSON.stringify({ brand: { phrases: { [language]: { [key]: text } } } }))
    try {
      return { config: loadConfig({ argv: { config: 'phrases.yaml' }, env: {}, cwd: root }).config, found: '' }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return { config: undefined, found: error.problems.map(({ path, message }) => `${path}: ${message}`).join('\n') }
    }
  }

  test.each([
    ['zh-CN', 'login.title', '欢迎来到{{brand}}'],
    ['en', 'login.title', 'Welcome to {{brand}}'],
    ['en', 'login.register', 'A & B < C'],
  ])('in %s %s may be %s', (language, key, text) => {
    const { config, found } = phrase(language, key, text)
    expect(found).toBe('')
    expect(config?.brand.phrases).toEqual({ [language]: { [key]: text } })
  })

  test.each([
    ['en', 'login.titel', 'Hello', 'is no sentence; did you mean login.title?'],
    ['en', 'login.title', 'Hello', 'names no parameter, and has to name {{brand}}'],
    ['en', 'login.title', '{{brand}} {{client}}', 'names {{brand}}, {{client}}, and has to name {{brand}}'],
    ['en', 'login.title', '<b>{{brand}}</b>', 'holds HTML'],
    ['en', 'login.title', '{{brand}}<img src=x onerror=alert(1)>', 'holds HTML'],
    ['en', 'login.title', '{{brand}} &lt;', 'holds HTML'],
    ['en', 'login.title', '{{- brand}}', 'names {{- brand}}'],
    ['en', 'login.register', '$t(login.title)', 'refers to another sentence'],
    ['en', 'login.register', ' ', 'is empty'],
    ['en', 'login.register', 'a\u202eb', 'holds a character that cannot be seen'],
    ['en', 'login.register', 'long '.repeat(100), 'has 500 characters; there is room for'],
    ['zh-CN', 'agreement.prefix', '点击继续', 'is a sentence by which people agree to something'],
    ['fr', 'login.title', 'Bonjour {{brand}}', 'is unknown'],
  ])('in %s %s is refused as %s', (language, key, text, reason) => {
    expect(phrase(language, key, text).found).toMatch(new RegExp(`^brand\\.phrases\\.${language}`))
    expect(phrase(language, key, text).found).toContain(reason)
  })
})
