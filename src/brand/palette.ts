import { bestOn, type Colour, contrast, mixed, nearestReadable, shifted } from './colour.ts'

/** Everything a page is drawn with, by the name of its custom property without the two dashes. */
export const colourNames = [
  'ground',
  'surface',
  'text',
  'muted',
  'line',
  'edge',
  'accent',
  'accent-strong',
  'on-accent',
  'accent-soft',
  'danger',
  'danger-soft',
  'caution-soft',
  'caution-line',
] as const

/** The name of a colour of the pages. */
export type ColourName = (typeof colourNames)[number]
/** All colours of the pages in one scheme. */
export type Palette = Readonly<Record<ColourName, Colour>>
/** Whether a page is drawn for daylight or for the dark. */
export type Scheme = 'light' | 'dark'
/** The schemes in the order in which they are written. */
export const schemes: readonly Scheme[] = ['light', 'dark']

/** What the stylesheet says where nobody says anything else; a test compares both. */
export const defaultPalettes: Readonly<Record<Scheme, Palette>> = {
  light: {
    ground: '#f3f6f5',
    surface: '#ffffff',
    text: '#17211e',
    muted: '#53605c',
    line: '#d6dedb',
    edge: '#7a8783',
    accent: '#0b6654',
    'accent-strong': '#084c3f',
    'on-accent': '#ffffff',
    'accent-soft': '#e5f2ee',
    danger: '#a8201a',
    'danger-soft': '#fcebe9',
    'caution-soft': '#fdf3dc',
    'caution-line': '#b07d12',
  },
  dark: {
    ground: '#0f1412',
    surface: '#171e1b',
    text: '#e9efec',
    muted: '#a6b3ae',
    line: '#303b37',
    edge: '#778681',
    accent: '#67cfb7',
    'accent-strong': '#93e2cf',
    'on-accent': '#04211a',
    'accent-soft': '#15312a',
    danger: '#ffa298',
    'danger-soft': '#391d1a',
    'caution-soft': '#322814',
    'caution-line': '#c79a3a',
  },
}

/** What text needs (WCAG 2.2 §1.4.3), and what the edge of a field or button needs (§1.4.11). */
const text = 4.5
const shape = 3

/** What is drawn on what, and how well it must be read there. */
const pairs: readonly (readonly [over: ColourName, under: ColourName, atLeast: number])[] = [
  ['text', 'surface', text],
  ['text', 'ground', text],
  ['text', 'accent-soft', text],
  ['text', 'danger-soft', text],
  ['text', 'caution-soft', text],
  ['muted', 'surface', text],
  ['muted', 'ground', text],
  ['muted', 'accent-soft', text],
  ['muted', 'danger-soft', text],
  ['accent', 'surface', text],
  ['accent', 'ground', shape],
  ['accent', 'accent-soft', text],
  ['accent-strong', 'surface', text],
  ['on-accent', 'accent', text],
  ['on-accent', 'accent-strong', text],
  ['danger', 'surface', text],
  ['edge', 'surface', shape],
]

/** Two colours that cannot be read on one another. */
export interface Unreadable {
  readonly over: ColourName
  readonly under: ColourName
  readonly ratio: number
  readonly atLeast: number
}

/** Which pairs of a palette cannot be read. */
export function unreadable(palette: Palette): readonly Unreadable[] {
  return pairs.flatMap(([over, under, atLeast]) => {
    const ratio = contrast(palette[over], palette[under])
    return ratio >= atLeast ? [] : [{ over, under, ratio, atLeast }]
  })
}

/** What an operator chooses: a colour of their own, what lies under the card, and single colours of a theme. */
export interface Wishes {
  readonly accent?: Colour | undefined
  readonly ground?: Colour | undefined
  readonly theme?: Partial<Palette> | undefined
}

/** A palette with what the operator chose, and with what follows from it. */
export function paletteOf(scheme: Scheme, { accent, ground, theme }: Wishes): Palette {
  const base = { ...defaultPalettes[scheme], ...(ground === undefined ? {} : { ground }), ...theme }
  if (accent === undefined) return base
  // The colour of the card on a button, as long as it can be read; under a pointer the button moves away from its text.
  const onAccent = contrast(base.surface, accent) >= text ? base.surface : bestOn(accent, ['#ffffff', '#000000'])
  const strong = shifted(accent, contrast(onAccent, '#000000') > contrast(onAccent, '#ffffff') ? -0.09 : 0.09)
  // The layer behind a quiet button is as strong as its text can still be read on it.
  const soft = [0.14, 0.12, 0.1, 0.08, 0.06, 0.04, 0.02]
    .map((share) => mixed(accent, base.surface, share))
    .find((each) => contrast(accent, each) >= text)
  return {
    ...base,
    accent,
    'accent-strong': strong,
    'on-accent': onAccent,
    'accent-soft': soft ?? base.surface,
    ...theme,
  }
}

/** The colour of an operator as it is read in the dark, where they name none. */
export function accentInTheDark(accent: Colour, { surface } = defaultPalettes.dark): Colour {
  return nearestReadable(accent, [surface], 6) ?? accent
}

/** The colour nearest to an operator's that can be read where theirs is drawn. */
export function nearestAccent({ surface, accent: other }: Palette, accent: Colour): Colour {
  return nearestReadable(accent, [surface], text) ?? other
}

/** The ground nearest to an operator's on which everything that lies there can be read. */
export function nearestGround({ text: ink, muted, ground: other }: Palette, ground: Colour): Colour {
  return nearestReadable(ground, [ink, muted], text) ?? other
}
