const mainlandCode = '86'
const hmtCodes = ['852', '853', '886']

/** The parts of the world that messages are priced and permitted by. */
export const countryClasses = ['mainland', 'hmt', 'international'] as const
/** One of them: `hmt` is Hong Kong, Macau and Taiwan. */
export type CountryClass = (typeof countryClasses)[number]

/** What settings call whom a message is for. */
export const destinationName = /^(mainland|hmt|international|[1-9]\d{0,6})$/

/**
 * Every name of a number (its digits, without the plus), of a calling code or of a class, the narrowest first: what is
 * said for the narrowest counts.
 */
export function destinationNames(destination: string): readonly string[] {
  if (!/^\d/.test(destination)) return destination === 'hmt' ? ['hmt', 'international'] : [destination]
  const prefixes = Array.from({ length: destination.length }, (_, index) => destination.slice(0, index + 1))
  const own = countryClassOf(destination)
  return [...prefixes.toReversed(), own, ...(own === 'hmt' ? ['international'] : [])]
}

/** The class of a number or calling code, by its digits. */
export function countryClassOf(digits: string): CountryClass {
  if (digits.startsWith(mainlandCode)) return 'mainland'
  return hmtCodes.some((code) => digits.startsWith(code)) ? 'hmt' : 'international'
}
