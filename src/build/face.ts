import { type Asset, assets } from '../../views/engine.ts'
import type { PageBrand } from '../../views/page-brand.ts'
import { i18n as buildI18n, type I18n } from '../base/i18n.ts'
import { eachLanguage, inLanguage, type Locale } from '../base/languages.ts'
import { paths } from '../base/paths.ts'
import { drawnBrand } from '../brand/drawn-brand.ts'
import { sentencesWith } from '../brand/phrases.ts'
import { type Brand, loadBrand } from '../brand/read-brand.ts'
import type { Config } from '../config/config.ts'
import type { MailBrand } from '../mail/mail-parts.ts'

/** What everything that speaks to people has in common: whose voice it is, and the sentences. */
export interface Face {
  readonly brand: Brand
  /** The product's own files for pages, by path. */
  readonly assets: ReadonlyMap<string, Asset>
  readonly i18n: I18n
  /** The brand as pages draw it, by language. */
  readonly pageBrand: (locale: Locale) => PageBrand
  readonly mailBrand: MailBrand
  /** What a document to agree to is called. */
  agreementTitle(agreement: Agreement, locale: Locale): string
}

type Agreement = Config['agreements'][number]

/** Reads the brand, the files and the sentences once, for pages and mails alike. */
export function buildFace({
  brand: options,
  agreements,
  issuer,
}: Pick<Config, 'brand' | 'agreements' | 'issuer'>): Face {
  const brand = loadBrand(options)
  const i18n = buildI18n({ resources: sentencesWith(options.phrases) })

  function agreementTitle({ id, title }: Agreement, locale: Locale): string {
    const own = inLanguage(title ?? '', locale)
    if (own !== '') return own
    return id === 'terms' || id === 'privacy' ? i18n.translate(locale, `agreement.${id}`) : id
  }

  const documentsIn = (locale: Locale) => [
    ...agreements.map((each) => ({ text: agreementTitle(each, locale), href: each.url })),
    { text: i18n.translate(locale, 'collected.title'), href: paths.collected },
  ]
  return {
    brand,
    assets: assets(),
    i18n,
    agreementTitle,
    pageBrand: eachLanguage((locale) => drawnBrand(brand, locale, documentsIn(locale))),
    mailBrand: {
      name: (locale) => inLanguage(options.name, locale),
      company: options.company,
      homeUrl: options.home_url,
      supportUrl: options.support_url,
      accountUrl: `${issuer}${paths.account}`,
      color: brand.accents.light,
    },
  }
}
