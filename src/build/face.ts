import { sentencesOf } from '../../views/engine.ts'
import { type I18n, i18n } from '../base/i18n.ts'
import { inLanguage, tableOf } from '../base/languages.ts'
import type { Colour } from '../brand/colour.ts'
import { type Brand, loadBrand } from '../brand/read-brand.ts'
import type { Config } from '../config/config.ts'
import type { MailBrand } from '../mail/texts.ts'

/** What everything that speaks to people has in common: whose voice it is, and the sentences. */
export interface Face {
  readonly brand: Brand
  readonly i18n: I18n
  readonly mailBrand: MailBrand
}

/** Reads the brand and the sentences once, for pages and mails alike. */
export function buildFace({ brand: options }: Pick<Config, 'brand'>): Face {
  const brand = loadBrand(options)
  return {
    brand,
    i18n: i18n({ resources: tableOf(sentencesOf) }),
    mailBrand: {
      name: (locale) => inLanguage(options.name, locale),
      company: options.company,
      homeUrl: options.home_url,
      supportUrl: options.support_url,
      color: brand.accents.light satisfies Colour,
    },
  }
}
