import { type Look, palettesOf } from './brand-css.ts'
import type { Colour } from './colour.ts'
import {
  nearestAccent,
  nearestGround,
  type Palette,
  type Scheme,
  schemes,
  type Unreadable,
  unreadable,
} from './palette.ts'
import { unreadablePairs } from './theme.ts'

/** One thing wrong with a brand; the path begins below `brand`. */
export interface BrandProblem {
  readonly path: readonly string[]
  readonly message: string
}

/** What of the colours cannot be read, with the nearest colour that can, at the setting that says it. */
export function colourProblems(look: Look): BrandProblem[] {
  const palettes = palettesOf(look)
  const found = schemes.flatMap((scheme) => problemsIn(look, scheme, palettes[scheme]))
  const pairs = look.theme ? unreadablePairs(look.theme, palettes) : []
  return [
    ...found,
    ...pairs.map(({ where, ratio, scheme }) => ({
      path: ['theme'],
      message: `the color of ${where} cannot be read on its background-color (${scheme}): ${needs(ratio, 4.5)}`,
    })),
  ]
}

/** One problem for each setting. */
function problemsIn(look: Look, scheme: Scheme, palette: Palette): BrandProblem[] {
  const { theme, ground } = look
  const color = scheme === 'light' ? look.color : look.colorDark
  const told = new Map<string, BrandProblem>()
  for (const fault of unreadable(palette)) {
    const ofTheme = [fault.over, fault.under].some((name) => theme?.colours[scheme][name] !== undefined)
    const problem = ofTheme
      ? ofPair(fault, scheme)
      : fault.under === 'ground' && ground !== undefined && scheme === 'light'
        ? ofGround(ground, fault, palette)
        : color !== undefined
          ? ofColor(color, fault, scheme, palette)
          : undefined
    const name = problem?.path.join('.') ?? ''
    if (problem && !told.has(name)) told.set(name, problem)
  }
  return [...told.values()]
}

function ofPair({ over, under, ratio, atLeast }: Unreadable, scheme: Scheme): BrandProblem {
  return { path: ['theme'], message: `--${over} cannot be read on --${under} (${scheme}): ${needs(ratio, atLeast)}` }
}

function ofColor(colour: Colour, { ratio, atLeast }: Unreadable, scheme: Scheme, palette: Palette): BrandProblem {
  const message =
    `${colour} cannot be read on the ${scheme} card, where links and quiet buttons are drawn in it: ` +
    `${needs(ratio, atLeast)}; the nearest colour that can is ${nearestAccent(palette, colour)}`
  return { path: [scheme === 'light' ? 'color' : 'color_dark'], message }
}

function ofGround(ground: Colour, { over, ratio, atLeast }: Unreadable, palette: Palette): BrandProblem {
  const message =
    `the ${over} colour cannot be read on ${ground}: ${needs(ratio, atLeast)}; ` +
    `the nearest ground is ${nearestGround(palette, ground)}`
  return { path: ['background'], message }
}

function needs(ratio: number, atLeast: number): string {
  return `the contrast is ${ratio.toFixed(2)} and has to be ${atLeast}`
}
