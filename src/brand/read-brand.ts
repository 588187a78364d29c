import { createHash } from 'node:crypto'
import { type Look, lookCss, palettesOf } from './brand-css.ts'
import type { BrandOptions } from './brand-options.ts'
import { type BrandProblem, colourProblems } from './brand-problems.ts'
import { type Colour, parseColour } from './colour.ts'
import { phraseProblems } from './phrases.ts'
import { checkPicture, type PictureFile, type PictureRule, readBounded } from './picture-file.ts'
import { readTheme, type Theme } from './theme.ts'

/** A file that is served under a name made from its bytes. */
export interface BrandFile {
  /** Below the folder of the assets. */
  readonly name: string
  readonly body: Buffer
  readonly type: string
  readonly etag: string
}

/** A picture of a brand as a page draws it. */
export interface BrandPicture extends BrandFile {
  readonly width: number
  readonly height: number
}

/** A brand whose files were read and checked. */
export interface Brand {
  readonly options: BrandOptions
  readonly logo: BrandPicture | undefined
  readonly logoDark: BrandPicture | undefined
  readonly favicon: BrandPicture | undefined
  readonly touchIcon: BrandPicture | undefined
  readonly policeIcon: BrandPicture | undefined
  /** What differs from the stylesheet of the product. */
  readonly stylesheet: BrandFile | undefined
  /** The colour of buttons and links. */
  readonly accents: { readonly light: Colour; readonly dark: Colour }
  /** The colour of a page itself. */
  readonly surfaces: { readonly light: Colour; readonly dark: Colour }
  /** Every file of the above, and what the stylesheet draws. */
  readonly files: readonly BrandFile[]
}

const kilobyte = 1000
const rules = {
  logo: { kinds: ['svg', 'png', 'jpeg', 'webp'], maxBytes: 200 * kilobyte },
  logo_dark: { kinds: ['svg', 'png', 'jpeg', 'webp'], maxBytes: 200 * kilobyte },
  favicon: { kinds: ['svg', 'png', 'ico'], maxBytes: 200 * kilobyte },
  touch_icon: { kinds: ['png'], maxBytes: 200 * kilobyte, minPixels: 120, isSquare: true },
  police_icon: { kinds: ['svg', 'png'], maxBytes: 50 * kilobyte },
  background: { kinds: ['jpeg', 'png', 'webp'], maxBytes: 1000 * kilobyte },
} as const satisfies Readonly<Record<string, PictureRule>>

type PictureName = keyof typeof rules

/** Reads the files of a brand and finds everything that is wrong with them and with its colours. */
export function readBrand(options: BrandOptions): {
  readonly brand: Brand
  readonly problems: readonly BrandProblem[]
} {
  const problems: BrandProblem[] = []
  const picture = (name: PictureName): BrandPicture | undefined => {
    const path = options[name]
    if (path === undefined) return undefined
    try {
      return readPicture(path, rules[name])
    } catch (error) {
      const hint = name === 'background' ? '; a colour is written #rrggbb' : ''
      problems.push({ path: [name], message: `${(error as Error).message}${hint}` })
      return undefined
    }
  }
  const ground = options.background === undefined ? undefined : parseColour(options.background)
  const background = ground === undefined ? picture('background') : undefined
  const theme = themeOf(options.theme, problems)
  const look: Look = {
    theme,
    color: options.color as Colour | undefined,
    colorDark: options.color_dark as Colour | undefined,
    radius: options.radius,
    ground,
    picture: background,
  }
  problems.push(...colourProblems(look), ...phraseProblems(options.phrases))
  const logo = picture('logo')
  const stylesheet = cssFile(lookCss(look))
  const pictures = {
    logo,
    logoDark: picture('logo_dark'),
    favicon: picture('favicon') ?? (logo && isSquare(logo) ? logo : undefined),
    touchIcon: picture('touch_icon'),
    policeIcon: picture('police_icon'),
  }
  const files = [...Object.values(pictures), background, stylesheet].filter((file) => file !== undefined)
  const { light, dark } = palettesOf(look)
  const accents = { light: light.accent, dark: dark.accent }
  const surfaces = { light: light.surface, dark: dark.surface }
  return { brand: { options, ...pictures, stylesheet, accents, surfaces, files }, problems }
}

function themeOf(path: string | undefined, problems: BrandProblem[]): Theme | undefined {
  if (path === undefined) return undefined
  try {
    const { theme, faults } = readTheme(readBounded(path, 64 * kilobyte).toString('utf8'))
    for (const { line, message } of faults) problems.push({ path: ['theme'], message: `${path}:${line} ${message}` })
    return theme
  } catch (error) {
    problems.push({ path: ['theme'], message: `${path} ${(error as Error).message}` })
    return undefined
  }
}

/** The brand of a server that starts. Throws where its files have changed for the worse since they were checked. */
export function loadBrand(options: BrandOptions): Brand {
  const { brand, problems } = readBrand(options)
  if (problems.length === 0) return brand
  throw new Error(problems.map(({ path, message }) => `brand.${path.join('.')}: ${message}`).join('\n'))
}

/** Whether a logo shows the name itself, so that it is not written beside it. */
export function isWordMark({ width, height }: Pick<BrandPicture, 'width' | 'height'>): boolean {
  return width >= 2 * height
}

function isSquare({ width, height }: BrandPicture): boolean {
  return Math.max(width, height) <= 1.1 * Math.min(width, height)
}

/** Reads a picture of an operator as a file to be served. Throws with its path and the reason. */
export function readPicture(path: string, rule: PictureRule): BrandPicture {
  try {
    return pictureFile(checkPicture(readBounded(path, rule.maxBytes), rule))
  } catch (error) {
    throw new Error(`${path} ${(error as Error).message}`)
  }
}

/** A picture as a file to be served. */
export function pictureFile(picture: PictureFile): BrandPicture {
  const { kind, bytes, type, width, height } = picture
  return { ...hashed(bytes, kind, type), width, height }
}

/** A stylesheet as a file to be served; undefined where it says nothing. */
export function cssFile(css: string): BrandFile | undefined {
  return css === '' ? undefined : hashed(Buffer.from(css), 'css', 'text/css; charset=utf-8')
}

function hashed(body: Buffer, extension: string, type: string): BrandFile {
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 32)
  return { name: `${hash}.${extension}`, body, type, etag: `"${hash}"` }
}
