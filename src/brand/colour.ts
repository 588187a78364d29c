/** A colour as the settings write it, in lower case: `#rrggbb`. */
export type Colour = `#${string}`

const pattern = /^#[\da-f]{6}$/

/** Reads `#rrggbb` or `#rgb`; undefined for what is no such colour. */
export function parseColour(text: string): Colour | undefined {
  const given = text.trim().toLowerCase()
  const long = /^#[\da-f]{3}$/.test(given) ? `#${[...given.slice(1)].map((digit) => digit + digit).join('')}` : given
  return pattern.test(long) ? (long as Colour) : undefined
}

/** How well one colour is read on another, from 1 to 21 (WCAG 2.2, contrast ratio). */
export function contrast(one: Colour, other: Colour): number {
  const [light, dark] = [luminance(one), luminance(other)].toSorted((a, b) => b - a) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

/** The one of some colours that is read best on another. */
export function bestOn(ground: Colour, candidates: readonly [Colour, ...Colour[]]): Colour {
  return candidates.reduce((best, each) => (contrast(each, ground) > contrast(best, ground) ? each : best))
}

/**
 * The colour nearest to this one, of the same hue, that is read on every one of the grounds; undefined when there is
 * none, because the grounds are too different from one another.
 */
export function nearestReadable(colour: Colour, grounds: readonly Colour[], atLeast: number): Colour | undefined {
  const { lightness } = toOklch(colour)
  const steps = 400
  const offsets = Array.from({ length: steps }, (_, index) => (index + 1) / steps)
  const passes = (candidate: Colour) => grounds.every((ground) => contrast(candidate, ground) >= atLeast)
  if (passes(colour)) return colour
  for (const offset of offsets) {
    const found = [lightness - offset, lightness + offset]
      .filter((each) => each >= 0 && each <= 1)
      .map((each) => withLightness(colour, each))
      .find(passes)
    if (found !== undefined) return found
  }
  return undefined
}

/** Part of one colour laid over another, as a half transparent layer would look. */
export function mixed(over: Colour, under: Colour, share: number): Colour {
  const [top, bottom] = [channels(over), channels(under)]
  return hexOf(top.map((value, index) => (value * share + (bottom[index] ?? 0) * (1 - share)) / 255))
}

/** The same hue, lighter or darker by a share of the whole way from black to white. */
export function shifted(colour: Colour, by: number): Colour {
  return withLightness(colour, Math.min(1, Math.max(0, toOklch(colour).lightness + by)))
}

function channels(colour: Colour): readonly number[] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
}

function linear(colour: Colour): readonly [number, number, number] {
  return channels(colour).map((value) => {
    const part = value / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as unknown as readonly [number, number, number]
}

function luminance(colour: Colour): number {
  const [red, green, blue] = linear(colour)
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

interface Oklch {
  readonly lightness: number
  readonly a: number
  readonly b: number
}

/** Lightness as people see it, and two coordinates that hold hue and strength (Oklab, CSS Color 4 §9.2). */
function toOklch(colour: Colour): Oklch {
  const [red, green, blue] = linear(colour)
  const long = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
  const medium = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
  const short = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
  return {
    lightness: 0.2104542553 * long + 0.793617785 * medium - 0.0040720468 * short,
    a: 1.9779984951 * long - 2.428592205 * medium + 0.4505937099 * short,
    b: 0.0259040371 * long + 0.7827717662 * medium - 0.808675766 * short,
  }
}

/** The same hue in another lightness, as strong as a screen can show it there. */
function withLightness(colour: Colour, lightness: number): Colour {
  const { a, b } = toOklch(colour)
  for (let strength = 1; strength >= 0; strength -= 0.02) {
    const parts = toLinear({ lightness, a: a * strength, b: b * strength })
    if (parts.every((part) => part >= -0.0005 && part <= 1.0005)) return hexOf(parts.map(companded))
  }
  return hexOf(toLinear({ lightness, a: 0, b: 0 }).map(companded))
}

function toLinear({ lightness, a, b }: Oklch): readonly number[] {
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ]
}

function companded(part: number): number {
  const bounded = Math.min(1, Math.max(0, part))
  return bounded <= 0.0031308 ? bounded * 12.92 : 1.055 * bounded ** (1 / 2.4) - 0.055
}

function hexOf(parts: readonly number[]): Colour {
  const digits = parts.map((part) =>
    Math.round(Math.min(1, Math.max(0, part)) * 255)
      .toString(16)
      .padStart(2, '0'),
  )
  return `#${digits.join('')}`
}
