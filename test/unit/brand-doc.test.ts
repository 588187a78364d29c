import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { brandOptions } from '../../src/brand/brand-options.ts'
import { colourNames } from '../../src/brand/palette.ts'
import { readTheme } from '../../src/brand/theme.ts'
import { themeProperties, themeSubjects } from '../../src/brand/theme-rules.ts'
import { main } from '../../src/cli/commands.ts'
import { clientSchema } from '../../src/oidc/clients/client-schema.ts'
import { png, svg } from '../support/brand-files.ts'

// What docs/brand.md says is so, and its commands work on the settings it shows.

const page = readFileSync(new URL('../../docs/brand.md', import.meta.url), 'utf8')
const blocks = (language: string) =>
  [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, name, text = '']) => (name === language ? [text] : []))
const folder = mkdtempSync(join(tmpdir(), 'menshen-brand-doc-'))
afterAll(() => rmSync(folder, { recursive: true }))

mkdirSync(join(folder, 'brand'))
for (const name of ['logo', 'logo-dark', 'favicon']) writeFileSync(join(folder, 'brand', `${name}.svg`), svg())
writeFileSync(join(folder, 'brand/touch-icon.png'), png(180))
writeFileSync(join(folder, 'brand/police.png'), png(20))
const [settings = '', phrases = '', seed = ''] = blocks('yaml')
const [css = ''] = blocks('css')
writeFileSync(join(folder, 'theme.css'), css)
const shown = { ...parse(settings).brand, ...parse(phrases).brand, theme: './theme.css' }
writeFileSync(join(folder, 'menshen.yaml'), JSON.stringify({ brand: shown }))

async function menshen(...argv: string[]) {
  let output = ''
  const stream = { write: (text: string) => (output += text) }
  const status = await main({ argv, stdout: stream, stderr: stream, cwd: folder, env: {} })
  return { status, output }
}

const commands = blocks('sh')
  .flatMap((text) => text.trim().split('\n'))
  .map((line) => line.replace('npm run menshen -- ', '').split(' '))

describe('docs/brand.md', () => {
  test('shows commands that work on what it shows', async () => {
    expect(commands.map(([noun]) => noun)).toEqual(['config', 'brand'])
    for (const argv of commands) expect(await menshen(...argv)).toMatchObject({ status: 0 })
  })

  test('shows a theme and a client that are taken', () => {
    expect(readTheme(css).faults).toEqual([])
    const [client] = parse(seed).clients
    expect(clientSchema.safeParse({ ...client, token_endpoint_auth_method: 'none' }).success).toBe(true)
  })

  test('names every setting, and everything a theme may say', () => {
    const names = [
      ...Object.keys(brandOptions.shape),
      ...Object.keys(themeSubjects),
      ...Object.keys(themeProperties),
      ...colourNames.map((name) => `--${name}`),
    ]
    for (const name of names) expect(page).toMatch(new RegExp(`(\`|^ {2})${name.replace('.', '\\.')}(\`|:)`, 'm'))
  })
})

describe('brand preview', () => {
  test('writes every page in every language, in the brand, with all that the pages draw', async () => {
    const { status, output } = await menshen('brand', 'preview', 'shown')
    expect([status, output]).toEqual([0, expect.stringMatching(/^\d+ pages are in .*shown; open .*index\.html\n$/)])
    const files = readdirSync(join(folder, 'shown'))
    for (const name of ['login-1', 'consent-2', 'account-1', 'error-1', 'terms-1']) {
      for (const locale of ['zh-CN', 'en']) expect(files).toContain(`${name}.${locale}.html`)
    }
    const html = readFileSync(join(folder, 'shown/login-1.en.html'), 'utf8')
    expect(html).toContain('Welcome to Tea Garden')
    expect(html).toContain('京ICP备12345678号-1')
    expect(html).toContain('href="login-1.zh-CN.html"')
    const drawn = [...html.matchAll(/(?:src|srcset|<link [^>]*href)="(assets\/[^"?#]+)/g)].map(([, file = '']) => file)
    expect(drawn.length).toBeGreaterThan(5)
    for (const file of drawn) expect([file, existsSync(join(folder, 'shown', file))]).toEqual([file, true])
  })

  test('is refused with the same problems as the start', async () => {
    const { status, output } = await menshen('brand', 'preview', '--config', 'none.yaml')
    expect([status, output]).toEqual([1, expect.stringContaining('none.yaml cannot be read')])
  })
})
