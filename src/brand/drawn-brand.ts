import type { PageBrand, PageLink } from '../../views/page-brand.ts'
import { inLanguage, type Locale } from '../base/i18n.ts'
import { icpFiling, policeFiling } from './filings.ts'
import { type Brand, isWordMark } from './read-brand.ts'

/** A brand as the pages of one language draw it. */
export function drawnBrand(brand: Brand, locale: Locale, documents: readonly PageLink[]): PageBrand {
  const { options, logo, logoDark, favicon, touchIcon, policeIcon, stylesheet, surfaces } = brand
  const filings = [
    ...(options.icp === undefined ? [] : [icpFiling(options.icp)]),
    ...(options.police_filing === undefined
      ? []
      : [{ ...policeFiling(options.police_filing), icon: policeIcon?.name }]),
  ]
  return {
    name: inLanguage(options.name, locale),
    supportUrl: options.support_url,
    homeUrl: options.home_url,
    company: options.company,
    logo: logo && { ...logo, file: logo.name },
    logoDark: logoDark && { ...logoDark, file: logoDark.name },
    isWordMark: logo !== undefined && isWordMark(logo),
    icon: favicon ? { file: favicon.name, type: favicon.type } : logo ? 'none' : undefined,
    touchIcon: touchIcon?.name,
    stylesheets: stylesheet ? [stylesheet.name] : [],
    themeColor: surfaces,
    filings,
    documents,
  }
}
