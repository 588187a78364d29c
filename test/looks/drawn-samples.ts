import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { i18n } from '../../src/base/i18n.ts'
import { type Locale, tableOf } from '../../src/base/languages.ts'
import { drawnBrand } from '../../src/brand/drawn-brand.ts'
import type { Brand } from '../../src/brand/read-brand.ts'
import { samplePages } from '../../src/build/sample-pages.ts'
import { assets, sentencesOf } from '../../views/engine.ts'
import { samples } from '../../views/samples.ts'
import type { ViewName } from '../../views/views.ts'

const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
const sentences = i18n({ resources: tableOf(sentencesOf) })
const own = assets()
const { draw } = samplePages({ i18n: sentences, assets: own })

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
  const text = (id: string) => sentences.translate(locale, `agreement.${id}`)
  const documents = ['terms', 'privacy'].map((id) => ({ text: text(id), href: `/sandbox/${id}` }))
  return draw(
    { name, index },
    {
      locale,
      brand: drawnBrand(brand, locale, documents),
      sandbox: index === 0,
      languagePath: `/${name}-${index}`,
      assetPath: '/assets',
    },
  )
}

/** Serves drawn pages by their paths, with the files they need, under the policy of the real ones. */
export async function serveSamples(
  pages: ReadonlyMap<string, string>,
  brands: readonly Brand[],
): Promise<{ readonly origin: string; readonly close: () => void }> {
  const files = new Map<string, { readonly body: Buffer; readonly type: string }>(own)
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
