import { z } from 'zod'

const units = { s: 1, m: 60, h: 3600, d: 86_400 } as const
const longestSeconds = 36_500 * units.d
const pattern = /^([1-9]\d{0,9})([smhd])$/

const expected = 'expected a duration such as 30s, 10m, 12h or 30d'
const expectedOrNone = `${expected}, or none`

/**
 * Seconds in a text such as `30s`, `10m`, `12h`, `30d`; undefined when the text is no duration or is longer than 100
 * years.
 */
export function parseDuration(text: string): number | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const seconds = Number(match[1]) * units[match[2] as keyof typeof units]
  return seconds > longestSeconds ? undefined : seconds
}

/** The shortest text that `parseDuration` reads as these seconds; `none` stays `none`. */
export function formatDuration(seconds: number | 'none'): string {
  if (seconds === 'none') return seconds
  const unit = (['d', 'h', 'm'] as const).find((name) => seconds >= units[name] && seconds % units[name] === 0) ?? 's'
  return `${seconds / units[unit]}${unit}`
}

/** Schema of a setting that is a length of time: text in, seconds out. */
export const duration = z
  .string({ error: expected })
  .regex(pattern, { error: expected, abort: true })
  .refine((text) => parseDuration(text) !== undefined, { error: 'is longer than 36500d' })
  .transform((text) => parseDuration(text) ?? 0)
  .meta({ duration: true })

/** As `duration`, where the setting may also be `none`: no end. */
export const durationOrNone = z
  .string({ error: expectedOrNone })
  .regex(/^(none|[1-9]\d{0,9}[smhd])$/, { error: expectedOrNone, abort: true })
  .refine((text) => text === 'none' || parseDuration(text) !== undefined, { error: 'is longer than 36500d' })
  .transform((text): number | 'none' => (text === 'none' ? text : (parseDuration(text) ?? 0)))
  .meta({ duration: true })

/** As `duration`, where the setting may also be `0s`: at once. */
export const durationOrZero = z
  .string({ error: expected })
  .regex(/^(0s|[1-9]\d{0,9}[smhd])$/, { error: expected, abort: true })
  .refine((text) => text === '0s' || parseDuration(text) !== undefined, { error: 'is longer than 36500d' })
  .transform((text) => parseDuration(text) ?? 0)
  .meta({ duration: true })

/** Schema of what slides with use and ends at a limit. */
export const slidingLimit = (idle: string, max: string) =>
  z
    .strictObject({
      idle: duration.prefault(idle).describe('Ends after this long without use.'),
      max: durationOrNone
        .prefault(max)
        .describe('Ends this long after the login, however much it is used; `none`: never.'),
    })
    .prefault({})
