import type { PageBrand, PageLink, PagePicture } from '../../views/page-brand.ts'
import { inLanguage, type Locale, type Localized } from '../base/languages.ts'
import { icpFiling, policeFiling } from './filings.ts'
import { type Brand, type BrandFile, type BrandPicture, isWordMark } from './read-brand.ts'

/** What a client adds to the pages on which people log in to it. */
export interface ClientWear {
  readonly isFirstParty: boolean
  readonly name: Localized | undefined
  readonly logo: BrandPicture | undefined
  readonly logoDark: BrandPicture | undefined
  readonly stylesheet: BrandFile | undefined
}

/**
 * The brand of a page on which somebody logs in to a client. SECURITY: only an app of the same house takes the place of
 * the operator at the head of the page; of any other, people must see whose page it is that asks for their password.
 */
export function wornBy(brand: PageBrand, wear: ClientWear | undefined, locale: Locale): PageBrand {
  if (!wear) return brand
  const { name, logo, logoDark, stylesheet, isFirstParty } = wear
  const dressed = { ...brand, stylesheets: [...(brand.stylesheets ?? []), ...(stylesheet ? [stylesheet.name] : [])] }
  if (!isFirstParty) return dressed
  const named = name === undefined ? dressed : { ...dressed, name: inLanguage(name, locale) }
  return logo
    ? { ...named, logo: pagePicture(logo), logoDark: logoDark && pagePicture(logoDark), isWordMark: isWordMark(logo) }
    : named
}

/** The picture of an app that is somebody else's, to stand beside its name. */
export function strangersLogo(wear: ClientWear | undefined) {
  if (!wear?.logo || wear.isFirstParty) return undefined
  return { ...pagePicture(wear.logo), darkFile: wear.logoDark?.name }
}

function pagePicture({ name, width, height }: BrandPicture): PagePicture {
  return { file: name, width, height }
}

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
    logo: logo && pagePicture(logo),
    logoDark: logoDark && pagePicture(logoDark),
    isWordMark: logo !== undefined && isWordMark(logo),
    icon: favicon ? { file: favicon.name, type: favicon.type } : logo ? 'none' : undefined,
    touchIcon: touchIcon?.name,
    stylesheets: stylesheet ? [stylesheet.name] : [],
    themeColor: surfaces,
    filings,
    documents,
  }
}
