import type { Colour } from './colour.ts'
import {
  accentInTheDark,
  type ColourName,
  colourNames,
  defaultPalettes,
  type Palette,
  paletteOf,
  type Scheme,
  schemes,
} from './palette.ts'
import type { Theme } from './theme.ts'

/** What an operator chooses of how pages look. */
export interface Look {
  readonly color?: Colour | undefined
  readonly colorDark?: Colour | undefined
  /** Pixels. */
  readonly radius?: number | undefined
  readonly ground?: Colour | undefined
  /** What a theme of the operator says, after it was checked. */
  readonly theme?: Theme | undefined
  /** The picture under the card, by the name it is served under. */
  readonly picture?: { readonly name: string } | undefined
}

/** The colours of a look in both schemes. */
export function palettesOf({ color, colorDark, ground, theme }: Look): Readonly<Record<Scheme, Palette>> {
  const dark = paletteOf('dark', { theme: theme?.colours.dark })
  const inTheDark = colorDark ?? (color && accentInTheDark(color, dark))
  return {
    light: paletteOf('light', { accent: color, ground, theme: theme?.colours.light }),
    dark: paletteOf('dark', { accent: inTheDark, theme: theme?.colours.dark }),
  }
}

/** The stylesheet of a look: what it changes, and nothing where it changes nothing. */
export function lookCss(look: Look): string {
  const palettes = palettesOf(look)
  // A colour that changes by day alone is said for the dark too: what stands later wins, whatever the scheme.
  const changed = colourNames.filter((name) =>
    schemes.some((scheme) => palettes[scheme][name] !== defaultPalettes[scheme][name]),
  )
  const parts = schemes.map((scheme) => {
    const radius = scheme === 'light' && look.radius !== undefined ? [`--radius:${look.radius / 16}rem`] : []
    return rootRule(scheme, [...declarations(palettes[scheme], changed), ...radius])
  })
  return [...parts, look.picture === undefined ? '' : pictureCss(look.picture.name), look.theme?.css ?? '']
    .filter((part) => part !== '')
    .join('\n')
}

/** The colours of a client, over whatever the operator has chosen; nothing where it has none. */
export function accentCss({ color, colorDark }: Pick<Look, 'color' | 'colorDark'>): string {
  if (color === undefined) return ''
  const palettes = palettesOf({ color, colorDark })
  const names = colourNames.filter((name) => name.includes('accent'))
  return schemes.map((scheme) => rootRule(scheme, declarations(palettes[scheme], names))).join('\n')
}

function declarations(palette: Palette, names: readonly ColourName[]): readonly string[] {
  return names.map((name) => `--${name}:${palette[name]}`)
}

function rootRule(scheme: Scheme, declared: readonly string[]): string {
  if (declared.length === 0) return ''
  const rule = `:root{${declared.join(';')}}`
  return scheme === 'light' ? rule : `@media (prefers-color-scheme:dark){${rule}}`
}

/**
 * On phones there is no ground to be seen. Whatever lies on a picture gets a surface, so that it can be read; in the
 * dark a shade lies on the picture itself.
 */
function pictureCss(name: string): string {
  return `@media (min-width:36rem){
body{background:var(--ground) url(${name}) center/cover fixed}
.masthead,.footer{background:var(--surface)}
.masthead{margin-top:3rem;padding:1.5rem 2rem 0;border-radius:1rem 1rem 0 0}
.card{border-width:0;border-radius:0;box-shadow:none}
.footer{margin-bottom:3rem;padding:0.5rem 2rem 1rem;border-radius:0 0 1rem 1rem}
}
@media (min-width:36rem) and (prefers-color-scheme:dark){body{background-image:linear-gradient(#000000b3,#000000b3),url(${name})}}`
}
