import { describe, expect, test } from 'vitest'
import { duration, durationOrNone, formatDuration, parseDuration } from '../../src/base/duration.ts'

describe('durations', () => {
  test.each([
    ['30s', 30],
    ['10m', 600],
    ['12h', 43_200],
    ['30d', 2_592_000],
  ])('%s is %i seconds and is printed the same way', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds)
    expect(duration.parse(text)).toBe(seconds)
    expect(formatDuration(seconds)).toBe(text)
  })

  test.each(['', '10', '0s', '-5m', '1.5h', '10 m', '10M', '1w', 'none', '99999999999s'])('%j is refused', (text) => {
    expect(parseDuration(text)).toBeUndefined()
    expect(duration.safeParse(text).success).toBe(false)
  })

  test('a duration longer than a century is refused, because dates made from it overflow', () => {
    expect(duration.safeParse('36501d').success).toBe(false)
    expect(duration.parse('36500d')).toBe(36_500 * 86_400)
  })

  test('none is allowed only where it is named', () => {
    expect(durationOrNone.parse('none')).toBe('none')
    expect(durationOrNone.parse('1d')).toBe(86_400)
    expect(formatDuration('none')).toBe('none')
    expect(durationOrNone.safeParse('never').success).toBe(false)
  })

  test('seconds that fit no larger unit are printed as seconds', () => {
    expect(formatDuration(90)).toBe('90s')
    expect(formatDuration(86_400)).toBe('1d')
    expect(formatDuration(90_000)).toBe('25h')
  })

  test('a number without a unit is answered with what was expected', () => {
    expect(duration.safeParse(600).error?.issues[0]?.message).toBe('expected a duration such as 30s, 10m, 12h or 30d')
  })
})
