import type { Colour } from './colour.ts'
import {
  accentInTheDark,
  colourNames,
  defaultPalettes,
  type Palette,
  paletteOf,
  type Scheme,
  schemes,
} from './palette.ts'

/** What an operator chooses of how pages look. */
export interface Look {
  readonly color?: Colour | undefined
  readonly colorDark?: Colour | undefined
  /** Pixels. */
  readonly radius?: number | undefined
  readonly ground?: Colour | undefined
  /** The picture under the card, by the name it is served under. */
  readonly picture?: { readonly name: string } | undefined
}

/** The colours of a look in both schemes. */
export function palettesOf({ color, colorDark, ground }: Look): Readonly<Record<Scheme, Palette>> {
  const inTheDark = colorDark ?? (color && accentInTheDark(color))
  return {
    light: paletteOf('light', { accent: color, ground }),
    dark: paletteOf('dark', { accent: inTheDark }),
  }
}

/** The stylesheet of a look: what it changes, and nothing where it changes nothing. */
export function lookCss(look: Look): string {
  const palettes = palettesOf(look)
  const parts = schemes.map((scheme) => {
    const changed = colourNames.filter((name) => palettes[scheme][name] !== defaultPalettes[scheme][name])
    const declarations = changed.map((name) => `--${name}:${palettes[scheme][name]}`)
    if (scheme === 'light' && look.radius !== undefined) declarations.push(`--radius:${look.radius / 16}rem`)
    if (declarations.length === 0) return ''
    const rule = `:root{${declarations.join(';')}}`
    return scheme === 'light' ? rule : `@media (prefers-color-scheme:dark){${rule}}`
  })
  return [...parts, look.picture === undefined ? '' : pictureCss(look.picture.name)]
    .filter((part) => part !== '')
    .join('\n')
}

/** On phones there is no ground to be seen. Whatever lies on a picture gets a surface, so that it can be read. */
function pictureCss(name: string): string {
  return `@media (min-width:36rem){
body{background:var(--ground) url(${name}) center/cover fixed}
.masthead,.footer{background:var(--surface)}
.masthead{margin-top:3rem;padding:1.5rem 2rem 0;border-radius:1rem 1rem 0 0}
.card{border-width:0;border-radius:0;box-shadow:none}
.footer{margin-bottom:3rem;padding:0.5rem 2rem 1rem;border-radius:0 0 1rem 1rem}
}`
}
