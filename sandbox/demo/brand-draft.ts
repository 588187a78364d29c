import type { ParsedUrlQuery } from 'node:querystring'
import { stringify } from 'yaml'
import { inLanguage, type Locale } from '../../src/base/languages.ts'
import { type BrandOptions, brandOptions } from '../../src/brand/brand-options.ts'
import type { BrandProblem } from '../../src/brand/brand-problems.ts'
import { parseColour } from '../../src/brand/colour.ts'
import { type Brand, readBrand } from '../../src/brand/read-brand.ts'

/** What a visitor has picked, over the configured brand. */
export interface BrandDraft {
  /** As it was typed, to be shown again. */
  readonly fields: Readonly<Record<DraftField, string>>
  readonly brand: Brand
  readonly problems: readonly BrandProblem[]
  /** What to copy into the settings. */
  readonly yaml: string
}

const draftFields = ['name', 'color', 'color_dark', 'radius', 'background'] as const
type DraftField = (typeof draftFields)[number]
const draftOptions = brandOptions
  .pick({ name: true, color: true, color_dark: true, radius: true, background: true })
  .partial()

/** Reads a draft from the query of a page; what is not in it is as configured. */
export function draftOf(configured: BrandOptions, query: ParsedUrlQuery, locale: Locale): BrandDraft {
  const own = (name: DraftField): string => {
    if (name === 'name') return inLanguage(configured.name, locale)
    return String((name === 'background' ? parseColour(configured.background ?? '') : configured[name]) ?? '')
  }
  const typed = (name: DraftField): string => {
    const value = query[name]
    return typeof value === 'string' ? value.trim() : own(name)
  }
  const fields = Object.fromEntries(draftFields.map((name) => [name, typed(name)])) as Record<DraftField, string>
  const wishes = Object.fromEntries(
    draftFields
      .filter((name) => fields[name] !== '' && fields[name] !== own(name))
      .map((name) => [name, name === 'radius' ? Number(fields[name]) : fields[name]]),
  )
  // A picture under the card is a file of the operator, and a visitor names no files of this machine.
  if (!/^#/.test(String(wishes['background'] ?? '#'))) delete wishes['background']
  const parsed = draftOptions.safeParse(wishes)
  const wrong = new Set(parsed.error?.issues.map(({ path }) => String(path[0])))
  const sound = Object.fromEntries(Object.entries(wishes).filter(([name]) => !wrong.has(name)))
  const { brand, problems } = readBrand({ ...configured, ...definedOf(draftOptions.parse(sound), sound) })
  const misfits = (parsed.error?.issues ?? []).map(({ path, message }) => ({ path: path.map(String), message }))
  const refused = new Set(problems.map(({ path }) => path[0]))
  const kept = Object.fromEntries(Object.entries(sound).filter(([name]) => !refused.has(name)))
  return { fields, brand, problems: [...misfits, ...problems], yaml: stringify({ brand: kept }) }
}

/** Of what a schema answers, what was given: it fills in what is not. */
function definedOf(parsed: object, given: object): Partial<BrandOptions> {
  return Object.fromEntries(Object.entries(parsed).filter(([name]) => Object.hasOwn(given, name)))
}
