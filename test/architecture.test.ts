import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { catalogue } from '../src/base/errors.ts'
import { locales } from '../src/base/languages.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const productFolders = ['src', 'interactions', 'views', 'migrations']
/** What others copy: it stands alone. */
const copied = 'clients/native'
const outerFolders = ['sandbox', 'bench', 'siege', 'soak', 'compat', 'scripts', 'test']

/** From left to right; a file imports from its own folder or from rows further left. */
const rows: readonly (readonly string[])[] = [
  ['src/base', 'views', 'migrations'],
  ['src/store', 'src/brand'],
  ['src/ops'],
  ['src/abuse'],
  ['src/accounts'],
  ['src/moving'],
  ['src/sms', 'src/mail', 'src/oidc/library'],
  ['src/oidc/clients'],
  ['src/oidc/records', 'src/oidc/keys'],
  ['src/oidc/endings'],
  ['src/own-data'],
  ['src/oidc'],
  ['interactions/upstreams'],
  ['interactions/challenges'],
  ['interactions/methods'],
  ['interactions'],
  ['interactions/browser', 'interactions/native'],
  ['src/config'],
  ['src/http'],
  ['src/build'],
  ['src/cli'],
  ['src/main.ts'],
  [copied],
  outerFolders,
]

interface Source {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
  /** Files of ours it names in an import, types and literal `import()` included. */
  readonly imports: readonly string[]
}

const sources = [...productFolders, copied, ...outerFolders].flatMap(filesBelow).map(read)
const product = sources.filter(({ path }) => productFolders.includes(firstPart(path)))
/** Migrations stay as they were applied; tests and measurements explain themselves by their names. */
const explained = sources.filter(({ path }) => !['migrations', 'test', 'bench'].includes(firstPart(path)))

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}

function read(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const named = text.matchAll(/\b(?:from|import) '(\.[^']+)'|\bimport\('(\.[^']+)'\)/g)
  const imports = [...named].map(([, fixed, dynamic]) =>
    relative(root, join(root, dirname(path), fixed ?? dynamic ?? '')),
  )
  return { path, text, imports }
}

function firstPart(path: string): string {
  return path.split('/')[0] ?? ''
}

/** The place of a file in the rows: the longest name there that it is, or lies below. */
function place(path: string): { readonly folder: string; readonly rank: number } {
  const folders = rows.flatMap((row, rank) => row.map((folder) => ({ folder, rank })))
  const found = folders.filter(({ folder }) => path === folder || path.startsWith(`${folder}/`))
  const [longest] = found.sort((a, b) => b.folder.length - a.folder.length)
  if (longest === undefined) throw new Error(`${path} has no place in the rows`)
  return longest
}

function isAllowed(from: string, to: string): boolean {
  const [importer, imported] = [place(from), place(to)]
  if (outerFolders.includes(importer.folder)) return true
  return importer.folder === imported.folder || imported.rank < importer.rank
}

/** Where a pattern occurs: `path:line`. */
function occurrences(among: readonly Source[], pattern: RegExp, except: readonly string[] = []): string[] {
  return among
    .filter(({ path }) => !except.includes(path))
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : [])),
    )
}

describe('imports', () => {
  test('a file imports from its own folder or from folders further left', () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports.filter((imported) => !isAllowed(path, imported)).map((imported) => `${path} -> ${imported}`),
    )
    expect(wrong).toEqual([])
  })

  test('what others copy imports its own folder and no package', () => {
    const files = sources.filter(({ path }) => path.startsWith(`${copied}/`))
    expect(files.length).toBeGreaterThan(0)
    for (const { path, text, imports } of files) {
      expect(
        imports.filter((imported) => dirname(imported) !== copied).map((imported) => `${path} -> ${imported}`),
      ).toEqual([])
      expect([path, ...text.matchAll(/\b(?:from|import) '([^.'][^']*)'/g)]).toEqual([path])
    }
  })

  test('no file takes part in an import cycle, types included', () => {
    const graph = new Map(sources.map(({ path, imports }) => [path, imports]))
    const finished = new Set<string>()
    const cycles: string[] = []
    const visit = (path: string, trail: readonly string[]) => {
      if (trail.includes(path)) {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
        return
      }
      if (finished.has(path)) return
      for (const imported of graph.get(path) ?? []) visit(imported, [...trail, path])
      finished.add(path)
    }
    for (const { path } of sources) visit(path, [])
    expect(cycles).toEqual([])
  })

  test('importing a file opens nothing, starts nothing and reads neither environment nor clock', async () => {
    const worker = 'src/accounts/hash-child.ts'
    const files = product.map(({ path }) => path).filter((path) => path !== 'src/main.ts' && path !== worker)
    // A handle left open would keep the process from ending, and the time limit would kill it.
    const options = { cwd: root, timeout: 170_000 }
    const probe = join(root, 'test/support/import-probe.ts')
    const { stdout } = await promisify(execFile)(process.execPath, [probe, root, ...files], options)
    expect(stdout.trim().split('\n')).toEqual([`imported ${files.length} files`])
  }, 180_000)
})

describe('the protocol library', () => {
  /** An import or export of more than types, `import()` included. */
  const taken =
    /\bimport(?! type\b)[^'"]*'oidc-provider['/]|\bexport (?!type\b)(?:\{[^}]*\}|\*) from 'oidc-provider['/]/

  test('nothing outside of its room imports more than its types', () => {
    const takers = product.filter(({ text }) => taken.test(text)).map(({ path }) => path)
    expect(takers).not.toEqual([])
    expect(takers.filter((path) => !path.startsWith('src/oidc/library/'))).toEqual([])
  })

  test.each([
    ["import { errors } from 'oidc-provider'", true],
    ["import {\n  type Client,\n  errors,\n} from 'oidc-provider'", true],
    ["const { errors } = await import('oidc-provider')", true],
    ["import als from 'oidc-provider/lib/helpers/als.js'", true],
    ["export { errors } from 'oidc-provider'", true],
    ["import { z } from 'zod'\nimport type { Client } from 'oidc-provider'", false],
  ])('%j is seen for what it is', (text, isTaken) => {
    expect(taken.test(text)).toBe(isTaken)
  })
})

describe('what no file does', () => {
  const payloadSql = 'src/oidc/library/payload.ts'
  /** A migration that is applied stays as it is. */
  const living = product.filter(({ path }) => firstPart(path) !== 'migrations')

  test.each([
    ['replaces a module in a test', sources, /\bvi\.(doM|m)ock\b/, []],
    ['leaves a test out', sources, /\b(test|it|describe)\.(skip|only|todo|skipIf|runIf|fails)\b/, []],
    ['has an enum', sources, /^\s*(export )?(const )?enum \w+ \{/, []],
    [
      'reads the clock',
      product,
      /\bDate\.now\b|\bnew Date\(\)/,
      ['src/build/app.ts', 'src/build/core.ts', 'src/base/clock.ts'],
    ],
    ['reads the environment', [...product, ...sources.filter(inSandbox)], /\bprocess\.env\b/, ['src/config/config.ts']],
    ['builds an authorization server of its own', product, /\bnew Provider\(/, ['src/oidc/provider.ts']],
    ['reads what the library has stored in SQL of its own', living, /\bpayload(?:::jsonb| as jsonb\))/, [payloadSql]],
    [
      'spells the path of an endpoint',
      product.filter(({ path }) => !/^(views|interactions\/upstreams)\//.test(path)),
      /^(?!\s*\/?\*).*['`](\$\{\w*issuer\})?\/(auth|token|device|jwks|session\/end|authorize-challenge|interaction|callback|account|identities|livez|readyz|\.well-known)(?=[/?'`])(?!\/keys)/,
      ['src/base/paths.ts', 'src/store/packing.ts'],
    ],
    [
      'composes the path of a page below another',
      product,
      /\$\{paths\.(account|interaction|callback)\}\//,
      ['src/base/paths.ts'],
    ],
    ['compares secrets in a way of its own', sources, /\btimingSafeEqual\b/, ['src/base/same-secret.ts']],
    ['draws lots that can be guessed', product, /\bMath\.random\b/, []],
    ['leaves work for later', sources, /\b(TO[D]O|FIX[M]E|XX[X])\b/, []],
    ['switches a check off', sources, /@ts-(ign[o]re|noch[e]ck|expect-[e]rror)|biome-ign[o]re-all/, []],
  ] as const)('no file %s', (_, among, pattern, except) => {
    expect(occurrences(among, pattern, except)).toEqual([])
  })

  test('no file is a barrel or a drawer', () => {
    const unwanted = /^(index|utils?|helpers?|common|misc)\.ts$/
    expect(sources.map(({ path }) => path).filter((path) => unwanted.test(basename(path)))).toEqual([])
  })

  test('no two files of the product have one name', () => {
    const names = product.map(({ path }) => basename(path))
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  // Biome breaks code; strings and patterns that cannot be broken may be longer.
  test('no comment goes beyond column 120', () => {
    expect(occurrences(explained, /^(?=\s*(?:\/\/|\/\*|\*)).{121}/u)).toEqual([])
  })

  test('every export has a sentence of purpose', () => {
    const silent = explained.flatMap(({ path, text }) => {
      const lines = text.split('\n')
      const isSilent = (line: string, index: number) =>
        /^export (?!\{|type \{)/.test(line) && !/\*\/$|^\/\//.test(lines[index - 1] ?? '')
      return lines.filter(isSilent).map((line) => `${path}: ${line}`)
    })
    expect(silent).toEqual([])
  })

  test('no file is longer than 300 lines', () => {
    const measured = sources.filter(({ path }) => firstPart(path) !== 'test')
    const long = measured.filter(({ text }) => text.trimEnd().split('\n').length > 300)
    expect(long.map(({ path }) => path)).toEqual([])
  })
})

describe('every error code', () => {
  const code = Object.keys(catalogue)

  test.each(code)('%s is thrown somewhere', (each) => {
    const throwers = sources.filter(({ path, text }) => path !== 'src/base/errors.ts' && text.includes(`'${each}'`))
    expect(throwers).not.toEqual([])
  })

  test.each(locales())('has a sentence in %s, and no sentence lacks a code', (locale) => {
    const sentences = JSON.parse(readFileSync(join(root, `views/locales/${locale}.json`), 'utf8')) as object
    const told = Object.keys(sentences).filter((key) => key.startsWith('errors.') && key.split('.').length === 3)
    expect(told.sort()).toEqual(code.map((each) => `errors.${each}`).sort())
  })
})

function inSandbox({ path }: Source): boolean {
  return firstPart(path) === 'sandbox'
}
