import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { i18n } from '../../src/base/i18n.ts'
import { type Locale, locales, tableOf } from '../../src/base/languages.ts'
import { drawnBrand } from '../../src/brand/drawn-brand.ts'
import type { Brand } from '../../src/brand/read-brand.ts'
import { assets, sentencesOf, viewEngine, viewsFolder } from '../../views/engine.ts'
import { samples } from '../../views/samples.ts'
import type { ViewName } from '../../views/views.ts'

const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
const { translate } = i18n({ resources: tableOf(sentencesOf) })
const engine = viewEngine({ folder: viewsFolder, translate, locales: locales() })

/** The name of every page there is. */
export const pageNames = Object.keys(samples) as ViewName[]

interface Wanted {
  readonly brand: Brand
  readonly locale: Locale
  readonly name: ViewName
  readonly index: number
}

/** Draws one sample of a page as the server would. */
export function drawSample({ brand, locale, name, index }: Wanted): string {
  const documents = [
    { text: translate(locale, 'agreement.terms'), href: '/sandbox/terms' },
    { text: translate(locale, 'agreement.privacy'), href: '/sandbox/privacy' },
  ]
  const html = engine.render(name, inLanguage(locale, samples[name][index] as object) as never, {
    locale,
    brand: drawnBrand(brand, locale, documents),
    clientName: locale.startsWith('zh') ? '茶园记账' : 'Tea Ledger',
    requestId: '01JXW8C7Q2M6T4',
    sandbox: index === 0,
    languagePath: `/${name}-${index}`,
    assetPath: '/assets',
  })
  // A form that sends itself would leave before anybody has looked.
  return html.replace(' data-submit', '')
}

/** Samples quote one language; a refusal whose code is ours is shown in the language of the page. */
function inLanguage<T extends object>(locale: Locale, data: T): T {
  const said = (shown: unknown) => {
    if (typeof shown !== 'object' || shown === null || !('code' in shown) || !('message' in shown)) return shown
    return { ...shown, message: translate(locale, `errors.${shown.code}`, { retryAfterSeconds: 90 }) }
  }
  return ('error' in data ? { ...data, error: said(data.error) } : said(data)) as T
}

/** Serves drawn pages by their paths, with the files they need, under the policy of the real ones. */
export async function serveSamples(
  pages: ReadonlyMap<string, string>,
  brands: readonly Brand[],
): Promise<{ readonly origin: string; readonly close: () => void }> {
  const files = new Map(assets() as ReadonlyMap<string, { readonly body: Buffer; readonly type: string }>)
  for (const brand of brands) for (const each of brand.files) files.set(`/assets/${each.name}`, each)
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const asset = files.get(pathname)
    const html = pages.get(pathname)
    response.statusCode = asset === undefined && html === undefined ? 404 : 200
    response.setHeader('content-type', asset?.type ?? 'text/html; charset=utf-8')
    response.setHeader('content-security-policy', contentSecurityPolicy)
    response.end(asset?.body ?? html ?? '')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
