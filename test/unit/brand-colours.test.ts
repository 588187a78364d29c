import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Colour, contrast, nearestReadable, parseColour } from '../../src/brand/colour.ts'
import {
  accentInTheDark,
  colourNames,
  defaultPalettes,
  nearestAccent,
  nearestGround,
  paletteOf,
  schemes,
  unreadable,
} from '../../src/brand/palette.ts'
import { viewsFolder } from '../../views/engine.ts'

const colours = fc.integer({ min: 0, max: 0xffffff }).map((value): Colour => `#${value.toString(16).padStart(6, '0')}`)

describe('contrast', () => {
  test.each([
    ['#000000', '#ffffff', 21],
    ['#777777', '#ffffff', 4.48],
    ['#767676', '#ffffff', 4.54],
    ['#0000ff', '#ffffff', 8.59],
    ['#ff0000', '#000000', 5.25],
  ] as const)('of %s on %s is %d', (one, other, ratio) => {
    expect(contrast(one, other)).toBeCloseTo(ratio, 2)
    expect(contrast(other, one)).toBe(contrast(one, other))
  })
})

test.each([
  ['#0B6654', '#0b6654'],
  ['#abc', '#aabbcc'],
  [' #123456 ', '#123456'],
  ['teal', undefined],
  ['#12345', undefined],
  ['#1234567', undefined],
  ['rgb(0,0,0)', undefined],
  ['#12345g', undefined],
  ['', undefined],
  ['#fff;}body{display:none}', undefined],
])('%j is the colour %j', (text, colour) => {
  expect(parseColour(text)).toBe(colour)
})

describe('the colours of the product', () => {
  const css = readFileSync(join(viewsFolder, 'assets', 'menshen.css'), 'utf8')
  const [light = '', dark = ''] = css.match(/:root \{[^}]*\}/g) ?? []

  test.each(schemes)('are the same here and in the stylesheet (%s)', (scheme) => {
    const written = scheme === 'light' ? light : dark
    for (const name of colourNames) expect(written).toContain(`--${name}: ${defaultPalettes[scheme][name]};`)
  })

  test.each(schemes)('can all be read where they are drawn (%s)', (scheme) => {
    expect(unreadable(defaultPalettes[scheme])).toEqual([])
  })
})

describe('the nearest colour that can be read', () => {
  test('is the colour itself where it can', () => {
    expect(nearestReadable('#0b6654', ['#ffffff'], 4.5)).toBe('#0b6654')
  })

  test('keeps the hue: a yellow stays one', () => {
    const found = nearestAccent(defaultPalettes.light, '#ffd400')
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => Number.parseInt(found.slice(at, at + 2), 16))
    expect(contrast(found, '#ffffff')).toBeGreaterThanOrEqual(4.5)
    expect(red).toBeGreaterThan(blue + 60)
    expect(green).toBeGreaterThan(blue + 60)
  })

  test('is no further away than needed', () => {
    expect(contrast(nearestAccent(defaultPalettes.light, '#1677ff'), '#ffffff')).toBeLessThan(4.65)
    expect(contrast(nearestAccent(defaultPalettes.dark, '#003366'), defaultPalettes.dark.surface)).toBeLessThan(4.65)
  })

  test('makes a palette that can be read whole, in both schemes, whatever was asked for', () => {
    fc.assert(
      fc.property(colours, (asked) => {
        for (const scheme of schemes) {
          expect(unreadable(paletteOf(scheme, { accent: nearestAccent(defaultPalettes[scheme], asked) }))).toEqual([])
        }
        expect(unreadable(paletteOf('dark', { accent: accentInTheDark(asked) }))).toEqual([])
      }),
    )
  })

  test('exists for every ground', () => {
    fc.assert(
      fc.property(colours, (ground) => {
        const faults = unreadable(paletteOf('light', { ground: nearestGround(defaultPalettes.light, ground) }))
        expect(faults).toEqual([])
      }),
    )
  })
})
