const withoutZone = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?$/
const withZone = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s?(?:Z|[+-]\d\d(?::?\d\d)?)$/i
/** 2001 in milliseconds, and the year 5138 in seconds: no account is so old, or so young. */
const leastMilliseconds = 100_000_000_000

/** The zone that times without one are read in, as databases in China write them. */
export const usualZone = '+08:00'

/**
 * A time as other systems write it: ISO 8601, what databases write, or a number of seconds or milliseconds since the
 * epoch. Undefined for everything else.
 */
export function readMoment(given: string | number): Date | undefined {
  const number = typeof given === 'number' ? given : /^\d{9,14}$/.test(given) ? Number(given) : undefined
  if (number !== undefined) return number > 0 ? valid(number < leastMilliseconds ? number * 1000 : number) : undefined
  const text = String(given).trim()
  const [, day, time = '00:00:00'] = withoutZone.exec(text) ?? []
  if (day !== undefined) return valid(Date.parse(`${day}T${time}${usualZone}`))
  if (!withZone.test(text)) return undefined
  return valid(
    Date.parse(
      text
        .replace(' ', 'T')
        .replace(' ', '')
        .replace(/([+-]\d\d)(\d\d)?$/, '$1:$2')
        .replace(/:$/, ':00'),
    ),
  )
}

function valid(ms: number): Date | undefined {
  const year = Number.isNaN(ms) ? 0 : new Date(ms).getUTCFullYear()
  return year >= 1970 && year < 2200 ? new Date(ms) : undefined
}
