import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadBrand } from '../../src/brand/read-brand.ts'
import { ConfigError, loadConfig } from '../../src/config/config.ts'
import { png, svg } from '../support/brand-files.ts'

const root = mkdtempSync(join(tmpdir(), 'menshen-brand-'))
afterAll(() => rmSync(root, { recursive: true }))
let count = 0

type Files = Readonly<Record<string, string | Buffer>>

function folderWith(files: Files): string {
  const folder = join(root, String(count++))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

/** The brand of a folder whose `menshen.yaml` says this. */
function brand(yaml: string, files: Files = {}) {
  const cwd = folderWith({ 'menshen.yaml': `brand: ${yaml}\n`, ...files })
  return loadBrand(loadConfig({ env: {}, cwd }).config.brand)
}

function problems(yaml: string, files: Files = {}): string {
  try {
    brand(yaml, files)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n').slice(1).join('\n').replaceAll(`${root}/`, '').trim()
  }
  return ''
}

describe('files', () => {
  test('are read beside the settings file that names them, wherever the server was started', () => {
    const folder = folderWith({
      'etc/menshen.yaml': 'brand: { logo: ./pictures/logo.png }',
      'etc/pictures/logo.png': png(40),
    })
    const { config } = loadConfig({ argv: { config: 'etc/menshen.yaml' }, env: {}, cwd: folder })
    expect(loadBrand(config.brand).logo).toMatchObject({ width: 40, height: 40, type: 'image/png' })
    const named = loadConfig({ env: { MENSHEN_BRAND__LOGO: 'etc/pictures/logo.png' }, cwd: folder })
    expect(loadBrand(named.config.brand).logo?.width).toBe(40)
  })

  test('get their name from their bytes, and each is listed to be served', () => {
    const files = { 'a.png': png(40), 'b.svg': svg(), 'touch.png': png(180), 'police.png': png(20) }
    const found = brand(
      '{ logo: a.png, logo_dark: b.svg, touch_icon: touch.png, police_icon: police.png, color: "#5b2a86" }',
      files,
    )
    expect(found.files.map(({ name }) => name.replace(/^[\da-f]{32}\./, ''))).toEqual([
      ...['png', 'svg', 'png', 'png', 'png', 'css'],
    ])
    expect(brand('{ logo: a.png }', files).logo?.name).toBe(found.logo?.name)
    expect(brand('{ logo: a.png }', { 'a.png': png(41) }).logo?.name).not.toBe(found.logo?.name)
  })

  test('a square logo is the picture of the tab too; a wide one is not', () => {
    const files = { 'a.png': png(40), 'wide.png': png(160, 40) }
    expect(brand('{ logo: a.png }', files).favicon?.width).toBe(40)
    expect(brand('{ logo: wide.png }', files).favicon).toBeUndefined()
    expect(brand('{ logo: wide.png, favicon: a.png }', files).favicon?.width).toBe(40)
  })

  test.each([
    ['{ logo: none.png }', /^brand\.logo: \d+\/none\.png there is no such file \(menshen\.yaml:1\)$/],
    ['{ logo: . }', /^brand\.logo: \d+ is no file/],
    ['{ logo: empty.png }', /^brand\.logo: .*is empty/],
    ['{ logo: text.png }', /^brand\.logo: .*is no picture known here; expected SVG, PNG, JPEG, WEBP/],
    ['{ logo: page.svg }', /^brand\.logo: .*is no picture known here/],
    ['{ logo: cut.png }', /^brand\.logo: .*does not say how large it is, so it is broken/],
    ['{ favicon: photo.jpg }', /^brand\.favicon: .*is JPEG; expected SVG, PNG, ICO/],
    ['{ touch_icon: logo.svg }', /^brand\.touch_icon: .*is SVG; expected PNG/],
    ['{ touch_icon: small.png }', /^brand\.touch_icon: .*has 40 × 40 pixels; at least 120 × 120 are needed/],
    ['{ touch_icon: wide.png }', /^brand\.touch_icon: .*is 320 × 160 and has to be square/],
    ['{ background: none.jpg }', /^brand\.background: .*there is no such file; a colour is written #rrggbb/],
    ['{ background: teal }', /^brand\.background: .*a colour is written #rrggbb/],
    ['{ background: huge.png }', /^brand\.background: .*has 5000 × 5000 pixels, which is too many/],
  ])('%s is refused', (yaml, reason) => {
    const files = {
      'empty.png': '',
      'text.png': 'just a text',
      'page.svg': '<!doctype html><script>alert(1)</script>',
      'cut.png': png(40).subarray(0, 12),
      'photo.jpg': Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex'),
      'logo.svg': svg(),
      'small.png': png(40),
      'wide.png': png(320, 160),
      'huge.png': Buffer.concat([png(1).subarray(0, 16), bytesOf(5000, 5000), png(1).subarray(24)]),
    }
    expect(problems(yaml, files)).toMatch(reason)
  })

  test('a file is not read when it is too large', () => {
    const files = { 'logo.png': png(40) }
    const cwd = folderWith({ 'menshen.yaml': 'brand: { logo: logo.png }', ...files })
    truncateSync(join(cwd, 'logo.png'), 50_000_000)
    expect(() => loadConfig({ env: {}, cwd })).toThrow(/brand\.logo: .*has 50\.0 MB; at most 200 KB are allowed/)
  })
})

describe('the icon of a connection', () => {
  function loaded(icon: string, files: Files) {
    const corp = { type: 'oidc', name: 'corp', issuer: 'https://sso.example.com', client_id: 'menshen' }
    const settings = { connections: [{ ...corp, icon_file: icon }] }
    const cwd = folderWith({ 'etc/menshen.yaml': JSON.stringify(settings), ...files })
    try {
      return loadConfig({ argv: { config: 'etc/menshen.yaml' }, env: {}, cwd }).config.connections
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return error.message.replaceAll(`${root}/`, '')
    }
  }

  test('is a file beside the settings file that names it', () => {
    expect(loaded('./corp.svg', { 'etc/corp.svg': svg() })).toMatchObject([
      { icon_file: expect.stringMatching(/\/etc\/corp\.svg$/) },
    ])
  })

  test.each([
    [
      'none.svg',
      /^ {2}connections\[0\]\.icon_file: \d+\/etc\/none\.svg there is no such file \(etc\/menshen\.yaml:1\)$/m,
    ],
    ['script.svg', /icon_file: \d+\/etc\/script\.svg has an element <script>/],
    ['wide.svg', /is 120 × 40 and has to be square/],
    ['small.png', /has 40 × 40 pixels; at least 48 × 48 are needed/],
    ['photo.jpg', /is JPEG; expected SVG, PNG, WEBP/],
    ['large.svg', /has 61 KB; at most 50 KB are allowed/],
  ])('is judged like the pictures of the brand: %s', (icon, reason) => {
    const files = {
      'etc/script.svg': svg('<script>alert(1)</script>'),
      'etc/wide.svg': svg('', 'viewBox="0 0 120 40"'),
      'etc/small.png': png(40),
      'etc/photo.jpg': Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex'),
      'etc/large.svg': svg(`<!--${' '.repeat(60_000)}-->`),
    }
    expect(loaded(icon, files)).toMatch(reason)
  })
})

function bytesOf(...numbers: readonly number[]): Buffer {
  return Buffer.concat(numbers.map((value) => Buffer.from(value.toString(16).padStart(8, '0'), 'hex')))
}

describe('an SVG', () => {
  test.each([
    svg(),
    svg('<style>.a{fill:#123456}</style><path class="a" d="M0 0h9"/>', 'width="12" height="10"'),
    svg('<defs><linearGradient id="g"/></defs><use xlink:href="#s"/><g fill="url(#g)" clip-path="url(\'#c\')"/>'),
    `<?xml version="1.0" encoding="UTF-8"?>\n<!-- by hand -->\n${svg('<title>Logo</title>')}`,
    svg('<image href="data:image/png;base64,iVBORw0KGgo="/>'),
    svg(
      '<metadata><rdf:RDF><dc:title>x</dc:title></rdf:RDF></metadata><sodipodi:namedview inkscape:path="C:\\logo"/>',
      'viewBox="0 0 9 9" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/" ' +
        'xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"',
    ),
  ])('that only draws is taken: %s', (text) => {
    expect(problems('{ logo: a.svg }', { 'a.svg': text })).toBe('')
  })

  test.each([
    [svg('<script>alert(1)</script>'), 'has an element <script>'],
    [svg('<g><script href="x.js"/></g>'), 'has an element <script>'],
    [svg('<foreignObject><p>x</p></foreignObject>'), 'has an element <foreignObject>'],
    [svg('<x:script xmlns:x="http://www.w3.org/1999/xhtml">1</x:script>'), 'has an element <script> that is no SVG'],
    [svg('<x:p xmlns:x="http://evil.example/">1</x:p>'), 'has an element <p> that is no SVG'],
    [svg('<animate attributeName="href" to="javascript:alert(1)"/>'), 'has an element <animate>'],
    [svg('<set attributeName="onload" to="alert(1)"/>'), 'has an element <set>'],
    [svg('<a href="#x"><path d="M0 0"/></a>'), 'has an element <a>'],
    [svg('', 'viewBox="0 0 9 9" onload="alert(1)"'), 'has an event handler onload'],
    [svg('<rect OnClick="alert(1)"/>'), 'has an event handler OnClick'],
    [svg('<image href="https://evil.example/x.png"/>'), 'has a reference href that leads out of the file'],
    [svg('<use xlink:href="other.svg#a"/>'), 'has a reference xlink:href that leads out of the file'],
    [svg('<use y:href="//evil.example/a#b" xmlns:y="http://www.w3.org/1999/xlink"/>'), 'has a reference y:href'],
    [svg('<use href="data:image/svg+xml;base64,PHN2Zy8+"/>'), 'has a reference href that leads out of the file'],
    [svg('<use href="&#106;avascript:alert(1)"/>'), 'has a reference href that leads out of the file'],
    [svg('<style>@import "https://evil.example/a.css";</style>'), 'has a style that loads something from elsewhere'],
    [svg('<style>a{fill:url(https://evil.example/)}</style>'), 'has a style that loads something from elsewhere'],
    [svg('<style>a{fill:u\\72l(https://evil.example/)}</style>'), 'has a style that loads something from elsewhere'],
    [svg('<style><![CDATA[a{fill:url(//e.example/)}]]></style>'), 'has a style that loads something from elsewhere'],
    [svg('<style>a{}<g/>b{fill:url(//e.example/)}</style>'), 'has an element in a style'],
    [
      svg('<rect style="fill:url(https://evil.example/)"/>'),
      'has an attribute style that loads something from elsewhere',
    ],
    [svg('<rect fill="url(https://evil.example/#a)"/>'), 'has an attribute fill that loads something from elsewhere'],
    [svg('<g xml:base="https://evil.example/"/>'), 'has an attribute xml:base'],
    [`<!DOCTYPE svg [<!ENTITY x "y">]>${svg('&x;')}`, 'has a DOCTYPE'],
    [`<?xml-stylesheet href="https://evil.example/a.css"?>${svg()}`, 'has a processing instruction <?xml-stylesheet?>'],
    ['<svg viewBox="0 0 1 1"><script>alert(1)</script></svg>', 'has an element <svg> that is no SVG'],
    [svg('<g>'), 'is not well-formed XML'],
    [`${svg()}<script xmlns="http://www.w3.org/2000/svg"/>`, 'is not well-formed XML'],
    [svg('', 'width="100%"'), 'says neither a viewBox nor a width and a height'],
  ])('that could do more is refused: %s', (text, reason) => {
    expect(problems('{ logo: a.svg }', { 'a.svg': text })).toMatch(
      new RegExp(`^brand\\.logo: \\d+/a\\.svg ${reason.replaceAll(/[?]/g, '\\?')}`),
    )
  })
})

describe('colours', () => {
  test.each([
    ['{ color: teal }', 'brand.color: is no colour; expected #rrggbb (menshen.yaml:1)'],
    ['{ color: "#12345" }', 'brand.color: is no colour; expected #rrggbb (menshen.yaml:1)'],
    ['{ color: "#fff; } body { display: none" }', 'brand.color: is no colour; expected #rrggbb (menshen.yaml:1)'],
    ['{ color: 7 }', 'brand.color: expected text, found a number; put it in quotes (menshen.yaml:1)'],
  ])('%s is none', (yaml, problem) => {
    expect(problems(yaml)).toBe(problem)
  })

  test('one that cannot be read is refused with the nearest that can, which is taken', () => {
    const refused = problems('{ color: "#ffd400" }')
    expect(refused).toMatch(/^brand\.color: #ffd400 cannot be read on the light card, .* is 1\.4\d and has to be 4\.5;/)
    const nearest = /the nearest colour that can is (#[\da-f]{6}) /.exec(refused)?.[1]
    expect(brand(`{ color: "${nearest}" }`).stylesheet?.body.toString()).toContain(`--accent:${nearest}`)
  })

  test('one for the dark is judged in the dark', () => {
    expect(problems('{ color: "#0b3d91", color_dark: "#0b3d91" }')).toMatch(/^brand\.color_dark: #0b3d91 .* dark card/)
    expect(problems('{ color: "#0b3d91", color_dark: "#8ab4f8" }')).toBe('')
  })

  test('a ground on which texts cannot be read is refused with the nearest', () => {
    expect(problems('{ background: "#333333" }')).toMatch(
      /^brand\.background: the \w+ colour cannot be read on #333333: .*the nearest ground is #[\da-f]{6} /,
    )
    expect(problems('{ background: "#f0f4ff" }')).toBe('')
  })

  test('where nothing is set there is no further stylesheet', () => {
    expect(brand('{}').stylesheet).toBeUndefined()
    expect(brand('{}').files).toEqual([])
  })
})

describe('texts and numbers', () => {
  test.each([
    ['{ name: "" }', /^brand\.name: /],
    ['{ name: { zh-CN: 茶园, fr: Thé } }', /^brand\.name\.fr: is unknown/],
    ['{ name: {} }', /^brand\.name: names no language/],
    ['{ name: "a\\u202eb" }', /^brand\.name: holds a character that cannot be seen/],
    [`{ name: { en: ${'x'.repeat(41)} } }`, /^brand\.name\.en: /],
    ['{ radius: 99 }', /^brand\.radius: .*24/],
    ['{ radius: "1em; }" }', /^brand\.radius: expected a number/],
    ['{ home_url: "javascript:alert(1)" }', /^brand\.home_url: is not a URL/],
    ['{ support_url: "ftp://example.com" }', /^brand\.support_url: is not a URL/],
    ['{ icp: "12345678" }', /^brand\.icp: expected the number as the ministry writes it, such as 京ICP备12345678号-1/],
    ['{ police_filing: "<b>11010502030143</b>" }', /^brand\.police_filing: expected the number as the police write it/],
    ['{ colour: "#123456" }', /^brand\.colour: is unknown; did you mean color\?/],
  ])('%s is refused', (yaml, reason) => {
    expect(problems(yaml)).toMatch(reason)
  })

  test.each([
    '{ icp: 京ICP备12345678号-1 }',
    '{ icp: 粤ICP备2021123456号-3A }',
    '{ icp: 京ICP证030173号 }',
    '{ police_filing: 京公网安备11010502030143号 }',
    '{ police_filing: 粤公网安备 44030702002388号 }',
    '{ name: 云上贵州, support_url: "mailto:help@example.com", home_url: "https://example.com/" }',
    '{ name: { en: Tea } }',
  ])('%s is taken', (yaml) => {
    expect(problems(yaml)).toBe('')
  })
})
