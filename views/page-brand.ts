/** A picture below the folder of the assets. */
export interface PagePicture {
  /** Name of its file; one of an operator contains a hash of its bytes. */
  readonly file: string
  readonly width: number
  readonly height: number
}

/** Picture of an app that is somebody else's. */
export interface ClientLogo extends PagePicture {
  readonly darkFile?: string | undefined
}

/** A text that leads to another site. */
export interface PageLink {
  readonly text: string
  readonly href: string
}

/** Whose page it is, in the language of the page. What is absent is as the product brings it. */
export interface PageBrand {
  readonly name: string
  readonly supportUrl?: string | undefined
  readonly homeUrl?: string | undefined
  readonly company?: string | undefined
  readonly logo?: PagePicture | undefined
  /** The same picture for dark screens. */
  readonly logoDark?: PagePicture | undefined
  /** Whether the logo shows the name itself. */
  readonly isWordMark?: boolean
  /** Picture of the browser's tab; `none` where the operator has a logo that does not fit there. */
  readonly icon?: { readonly file: string; readonly type: string } | 'none' | undefined
  readonly touchIcon?: string | undefined
  /** Stylesheets after our own, by the names of their files. */
  readonly stylesheets?: readonly string[]
  /** What browsers paint around a page in daylight and in the dark. */
  readonly themeColor?: { readonly light: string; readonly dark: string } | undefined
  /** Numbers under which the site is filed with the authorities. */
  readonly filings?: readonly (PageLink & { readonly icon?: string | undefined })[]
  /** Terms, privacy policy and whatever else people agree to. */
  readonly documents?: readonly PageLink[]
}
