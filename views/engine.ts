import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Eta } from 'eta'
import { escapeHtml } from './escape.ts'
import type { PageError } from './form-values.ts'
import type { PagePicture } from './page-brand.ts'
import { shownTime } from './shown-time.ts'
import type { PageContext, PageLocale, ViewName, Views } from './views.ts'

/** The folder of the templates, locales and assets. */
export const viewsFolder: string = import.meta.dirname

/** A stylesheet, script or picture, ready to be sent. */
export interface Asset {
  readonly body: Buffer
  readonly type: string
  readonly etag: string
}

/** Gives the sentence of a key in a language. */
export type Translate = (locale: PageLocale, key: string, params?: Readonly<Record<string, string | number>>) => string

/** Draws pages from templates and serves the files they need. */
export interface ViewEngine {
  /** Draws one whole page. Everything in `data` is escaped; other links than http(s), mailto and ours lead nowhere. */
  render<K extends ViewName>(name: K, data: Views[K], page: PageContext): string
}

const assetTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
}

/** A style sheet or script without comments and indentation, which are a third of it and nobody reads there. */
function lean(name: string, body: Buffer): Buffer {
  const text = () => body.toString()
  if (name.endsWith('.css')) {
    const bare = text().replace(/\/\*[\s\S]*?\*\//g, '')
    return Buffer.from(
      bare
        .replace(/\s*\n\s*/g, '')
        .replace(/: /g, ':')
        .replace(/ \{/g, '{')
        .replace(/;\}/g, '}')
        .replace(/, /g, ',')
        .replace(/(?<=[\s:,(])0\.(?=\d)/g, '.'),
    )
  }
  return name.endsWith('.js') ? Buffer.from(text().replace(/^\s*(?:\/\/.*)?\n?/gm, '')) : body
}

/** Files of packages by the name they are served under: what solves a proof of work, in a thread of the browser. */
const packaged: Readonly<Record<string, string>> = { 'altcha.js': 'altcha/workers/pbkdf2' }

/** The files of the asset folder by name, such as `icons/qq.svg`. It reads the disk, so call it once at the start. */
export function assets(folder: string = viewsFolder): Map<string, Asset> {
  const names = readdirSync(join(folder, 'assets'), { encoding: 'utf8', recursive: true }).filter(
    (name) => assetTypes[extname(name)] !== undefined,
  )
  const files = [
    ...names.map((name) => [name, join(folder, 'assets', name)] as const),
    ...Object.entries(packaged).map(([name, from]) => [name, fileURLToPath(import.meta.resolve(from))] as const),
  ]
  return new Map(
    files.map(([name, path]) => {
      const body = lean(name, readFileSync(path))
      const hash = createHash('sha256').update(body).digest('base64url').slice(0, 16)
      return [`/assets/${name}`, { body, type: assetTypes[extname(name)] ?? '', etag: `"${hash}"` }]
    }),
  )
}

/** Ways in that are named by what the person does; the others are named after their provider. */
export const namedWays: ReadonlySet<string> = new Set(['sms', 'password', 'one_tap', 'register', 'reset'])

/** Kinds of identities that have no name of their own: inside of a sentence they are written like other words. */
const ownKinds: ReadonlySet<string> = new Set(['phone', 'email', 'username'])

const graphemes = new Intl.Segmenter()

interface EngineOptions {
  readonly folder: string
  readonly translate: Translate
  /** The files of the pages, for addresses that change with them. */
  readonly files: ReadonlyMap<string, Asset>
  /** The languages that a page may be had in, in the order of their links. */
  readonly locales: readonly PageLocale[]
  /** The operator's names for providers that have no sentence of their own: `oidc:corp`, `github:ghe.example.com`. */
  readonly providerLabels?: ReadonlyMap<string, string | Readonly<Partial<Record<PageLocale, string>>>>
}

/** Compiles every template at once, so that a broken template stops the start and no request reads the disk. */
export function viewEngine({
  folder,
  translate,
  files,
  locales,
  providerLabels = new Map(),
}: EngineOptions): ViewEngine {
  const languages = locales.map((locale) => ({
    locale,
    label: translate(locale, 'language.name'),
    isFromTheRight: translate(locale, 'language.direction') === 'rtl',
  }))
  const namedProviders = providersWithName(folder)
  const eta = new Eta({ escapeFunction: escapeHtml, functionHeader: 'const { t, data, page, error, fault, url } = it' })
  for (const file of readdirSync(join(folder, 'templates'))) {
    eta.loadTemplate(`@${file.replace(/\.eta$/, '')}`, readFileSync(join(folder, 'templates', file), 'utf8'))
  }
  const versions = new Map([...files].map(([path, { etag }]) => [path, etag.slice(1, -1)]))

  return {
    render(name, data, page) {
      const { isFromTheRight = false } = languages.find(({ locale }) => locale === page.locale) ?? {}
      const part = isFromTheRight ? isolated : withoutBidi
      const t = (key: string, params: Readonly<Record<string, string | number>> = {}) =>
        translate(page.locale, key, Object.fromEntries(Object.entries(params).map(([k, v]) => [k, part(v)])))
      const provider = (id: string) => {
        if (namedProviders.has(id)) return t(`provider.${id}`)
        const [kind = '', which] = id.split(/:(.*)/s)
        const bare = namedProviders.has(kind) ? `${t(`provider.${kind}`)} (${which})` : (which ?? id)
        const label = providerLabels.get(id)
        if (typeof label !== 'object') return label ?? bare
        return label[page.locale] ?? Object.values(label).find((each) => each !== undefined) ?? bare
      }
      return eta.render(`@${name}`, {
        t,
        data,
        page,
        url: safeUrl,
        ...faultsIn('error' in data ? (data.error as PageError | undefined) : undefined),
        asset(file: string) {
          const version = versions.get(`/assets/${file}`)
          return `${page.assetPath}/${file}${version === undefined ? '' : `?v=${version}`}`
        },
        logoSize: fitted(page.brand.logo ?? { width: 36, height: 36 }),
        fitted,
        time: (date: Date) => `${shownTime(page.locale, date, 'medium')} UTC+8`,
        minute: (date: Date) => shownTime(page.locale, date, 'short'),
        initial: (text: string) => (Array.from(text.trim())[0] ?? '·').toUpperCase(),
        letter: letterOf,
        provider,
        within: (id: string) => (ownKinds.has(id) ? t(`within.${id}`) : provider(id)),
        way: (method: string) => (namedWays.has(method) ? t(`devices.by_${method}`) : provider(method)),
        isFromTheRight,
        languages: languageLinks(page, languages),
      })
    },
  }
}

/** What is wrong with a field: where the page says it, and whether the field is the one to begin with. */
interface Fault {
  readonly id: string
  readonly isFirst: boolean
}

/** A refusal and all that is wrong with the form, for the templates. */
function faultsIn(error: PageError | undefined) {
  const faults = error ? [error, ...(error.others ?? [])] : []
  return {
    error,
    faults: faults.map((each, index) => ({ ...each, id: faultId(index) })),
    fault(...names: readonly string[]): Fault | undefined {
      const index = faults.findIndex(({ field }) => field !== undefined && names.includes(field))
      return index < 0 ? undefined : { id: faultId(index), isFirst: index === 0 }
    },
  }
}

const faultId = (index: number) => (index === 0 ? 'error-message' : `error-message-${index + 1}`)

/** Every sentence of a language by its key. */
export function sentencesOf(locale: PageLocale): Record<string, string> {
  return JSON.parse(readFileSync(join(viewsFolder, 'locales', `${locale}.json`), 'utf8')) as Record<string, string>
}

/** Providers that have a `provider.<id>` sentence; the tests make sure that both languages have the same ones. */
function providersWithName(folder: string): ReadonlySet<string> {
  const sentences: object = JSON.parse(readFileSync(join(folder, 'locales', 'en.json'), 'utf8'))
  const prefix = 'provider.'
  const keys = Object.keys(sentences).filter((key) => key.startsWith(prefix))
  return new Set(keys.map((key) => key.slice(prefix.length)))
}

/**
 * The letter or sign a nickname begins with, whole where it has several parts. A digit is none: it might be one of a
 * phone number.
 */
function letterOf(nickname: string): string | undefined {
  const [first] = graphemes.segment(nickname.trim())
  return first && /^[\p{L}\p{Extended_Pictographic}]/u.test(first.segment) ? first.segment.toUpperCase() : undefined
}

/** SECURITY: a client's or configuration's `javascript:` or `data:` link must not become a link of this origin. */
function safeUrl(href: string): string {
  if (/^(\?|#|\/(?![/\\]))/.test(href)) return href
  return /^(https?:\/\/|mailto:)/i.test(href) ? href : '#'
}

/** Removes direction overrides: inside a client's name they could reorder the sentence around it ("continue to …"). */
function withoutBidi(value: string | number): string | number {
  return typeof value === 'number' ? value : value.replace(/[\u202a-\u202e\u2066-\u2069]/g, '')
}

/** In a sentence that is read from the right a Latin name must not take the words beside it along. */
function isolated(value: string | number): string | number {
  return typeof value === 'number' ? value : `\u2068${withoutBidi(value)}\u2069`
}

/** As large as a picture is drawn: 36 pixels high, or less where it would be too wide. */
function fitted({ width, height }: Pick<PagePicture, 'width' | 'height'>): {
  readonly width: number
  readonly height: number
} {
  const scale = Math.min(36 / height, 240 / width)
  return { width: Math.round(width * scale), height: Math.round(height * scale) }
}

function languageLinks(
  page: PageContext,
  languages: readonly { readonly locale: PageLocale; readonly label: string }[],
): readonly { locale: string; label: string; href: string; current: boolean }[] {
  const path = page.languagePath
  return languages.map(({ locale, label }) => ({
    locale,
    label,
    href: `${path}${path.includes('?') ? '&' : '?'}lang=${locale}`,
    current: locale === page.locale,
  }))
}
