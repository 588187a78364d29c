import { colourProblems } from '../../brand/brand-problems.ts'
import type { Colour } from '../../brand/colour.ts'
import { checkPicture, type PictureFile, type PictureRule, readBounded } from '../../brand/picture-file.ts'
import type { ClientBrand } from './client-brand.ts'
import { besideSeed, type SeedItem, type SeedPlace, type SeedProblem } from './seed-document.ts'

const rule: PictureRule = { kinds: ['svg', 'png', 'jpeg', 'webp'], maxBytes: 32_000 }
const address = /^data:[\w/+.-]+;base64,([\w+/]+={0,2})$/

/**
 * Puts the pictures that a client's brand names in the place of their names, so that what is stored needs no file.
 * Nobody's browser fetches a picture from a client: its server would learn who logs in.
 */
export function withPictures(
  { seed, broken, problem }: SeedItem,
  place: SeedPlace,
): { readonly brand: ClientBrand | undefined; readonly problems: readonly SeedProblem[] } {
  const { brand } = seed
  if (!brand || broken.has('brand')) return { brand, problems: [] }
  const problems: SeedProblem[] = []
  const stored = (name: 'logo' | 'logo_dark') => {
    const written = brand[name]
    if (written === undefined) return {}
    try {
      const { type, bytes } = written.startsWith('data:')
        ? checkedPicture(written)
        : checkPicture(readBounded(besideSeed(place, written), rule.maxBytes), rule)
      return { [name]: `data:${type};base64,${bytes.toString('base64')}` }
    } catch (error) {
      problems.push(problem(['brand', name], (error as Error).message))
      return {}
    }
  }
  const pictures = { ...stored('logo'), ...stored('logo_dark') }
  const { color, color_dark: colorDark } = brand as { color?: Colour; color_dark?: Colour }
  if (brand.logo_dark !== undefined && brand.logo === undefined) {
    problems.push(problem(['brand', 'logo_dark'], 'stands without logo'))
  }
  if (colorDark !== undefined && color === undefined) {
    problems.push(problem(['brand', 'color_dark'], 'stands without color'))
  }
  for (const { path, message } of colourProblems({ color, colorDark }))
    problems.push(problem(['brand', ...path], message))
  return { brand: { ...brand, ...pictures }, problems }
}

/** The picture of a `data:` address. Throws with the reason where it is none. */
export function checkedPicture(text: string): PictureFile {
  const encoded = address.exec(text)?.[1]
  if (encoded === undefined) throw new Error('is no data: address of a picture')
  return checkPicture(Buffer.from(encoded, 'base64'), rule)
}
