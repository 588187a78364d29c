import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { escapeHtml } from '../../views/escape.ts'
import { locales } from '../base/languages.ts'
import { paths } from '../base/paths.ts'
import { buildFace } from '../build/face.ts'
import { type SamplePage, samplePages } from '../build/sample-pages.ts'
import { loadConfig } from '../config/config.ts'
import type { CommandContext } from './command.ts'
import { printJson } from './output.ts'

const usualFolder = 'brand-preview'

/**
 * `brand preview`: every page in all the ways it can look, as files that need no server. Browsers draw no icons of
 * vendors from files; behind any web server they do.
 */
export async function preview({ args, flags, env, cwd, stdout }: CommandContext): Promise<number> {
  const file = flags['config']
  const { config } = loadConfig({ argv: { config: typeof file === 'string' ? file : undefined }, env, cwd })
  const face = buildFace(config)
  const pages = samplePages(face)
  const folder = resolve(cwd, args[0] ?? usualFolder)
  const write = async (name: string, content: string | Buffer) => {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  const own = [...face.assets].map(([path, { body }]) => [path.slice(paths.assets.length + 1), body] as const)
  for (const [name, body] of [...own, ...face.brand.files.map(({ name, body }) => [name, body] as const)]) {
    await write(`assets/${name}`, body)
  }
  for (const locale of locales()) {
    const shown = { locale, brand: face.pageBrand(locale), assetPath: 'assets', languagePath: '/' }
    for (const page of pages.all) {
      const html = pages.draw(page, shown)
      const linked = html.replace(/href="\/\?lang=([\w-]+)"/g, (_, other: string) => `href="${fileOf(page, other)}"`)
      await write(fileOf(page, locale), linked)
    }
  }
  await write('index.html', index(pages.all))
  const count = pages.all.length * locales().length
  if (flags['json'] === true) printJson(stdout, { folder, pages: count })
  else stdout.write(`${count} pages are in ${folder}; open ${join(folder, 'index.html')}\n`)
  return 0
}

function fileOf({ name, index }: SamplePage, locale: string): string {
  return `${name}-${index + 1}.${locale}.html`
}

function index(all: readonly SamplePage[]): string {
  const items = all.map((page) => {
    const links = locales().map((locale) => `<a href="${escapeHtml(fileOf(page, locale))}">${escapeHtml(locale)}</a>`)
    return `<li>${escapeHtml(`${page.name} ${page.index + 1}`)}: ${links.join(' ')}</li>`
  })
  const head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pages</title></head>'
  return `${head}<body><h1>Pages</h1><ul>\n${items.join('\n')}\n</ul></body></html>\n`
}
