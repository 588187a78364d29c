import { type ViewEngine, viewEngine, viewsFolder } from '../../views/engine.ts'
import type { PageBrand } from '../../views/page-brand.ts'
import { samplePicture } from '../../views/sample-values.ts'
import { samples } from '../../views/samples.ts'
import type { ViewName } from '../../views/views.ts'
import { AppError } from '../base/errors.ts'
import type { I18n } from '../base/i18n.ts'
import type { Locale } from '../base/languages.ts'
import type { Face } from './face.ts'

/** One of the ways in which a page can look. */
export interface SamplePage {
  readonly name: ViewName
  readonly index: number
}

interface Shown {
  readonly locale: Locale
  readonly brand: PageBrand
  /** Folder of the assets as the browser sees it. */
  readonly assetPath: string
  /** Where the links of the languages lead, with `?lang=`. */
  readonly languagePath: string
  /** Whether the page says that it is one of a sandbox. */
  readonly sandbox?: boolean
}

/** Every page in all the ways it can look, in the brand and the words of an operator, without a server behind it. */
export function samplePages({ i18n, assets: files }: Pick<Face, 'i18n' | 'assets'>) {
  const { translate, locales } = i18n
  const engine: ViewEngine = viewEngine({ folder: viewsFolder, translate, files, locales })
  const names = Object.keys(samples) as ViewName[]
  const all: readonly SamplePage[] = names.flatMap((name) => samples[name].map((_, index) => ({ name, index })))
  return {
    all,
    draw({ name, index }: SamplePage, { locale, brand, assetPath, languagePath, sandbox = false }: Shown): string {
      const data = samples[name][index]
      if (data === undefined) throw new AppError('request.not_found')
      const html = engine.render(name, inWordsOf(i18n, locale, data) as never, {
        locale,
        brand,
        clientName: locale === 'en' ? 'Tea Ledger' : '茶园记账',
        requestId: '01JXW8C7Q2M6T4',
        sandbox,
        languagePath,
        assetPath,
      })
      // A form that sends itself would leave before anybody has looked at it.
      return html.replace(' data-submit', '').replace(samplePicture, `${assetPath}/apple-touch-icon.png`)
    },
  }
}

/** Samples quote one language; a refusal whose code is ours is shown in the language of the page. */
function inWordsOf<Data extends object>({ translate }: I18n, locale: Locale, data: Data): Data {
  const said = (shown: unknown) => {
    if (typeof shown !== 'object' || shown === null || !('code' in shown) || !('message' in shown)) return shown
    return { ...shown, message: translate(locale, `errors.${shown.code}`, { retryAfterSeconds: 90 }) }
  }
  return ('error' in data ? { ...data, error: said(data.error) } : said(data)) as Data
}
