import type { CountryCallingCode, PhoneNumber as Parsed } from 'libphonenumber-js/max'
import { AppError } from './errors.ts'
import { eachLanguage, type Locale } from './languages.ts'
import { whenNeeded } from './when-needed.ts'

const library = whenNeeded<typeof import('libphonenumber-js/max')>('libphonenumber-js/max')
const metadata = whenNeeded<typeof import('libphonenumber-js/metadata.max').default>('libphonenumber-js/metadata.max')

declare const brand: unique symbol
/** A phone number in E.164, the only form used past the edge: `+8613800138000`. */
export type PhoneNumber = `+${string}` & { readonly [brand]: 'PhoneNumber' }

/**
 * Reads what a person typed: spaces, dashes, full-width digits, `86`, `+86` and `0086` are fine. New mainland ranges
 * appear every year, so any `1[3-9]` number of eleven digits is accepted there. Throws `phone.missing` and
 * `phone.invalid`.
 */
export function parsePhone(text: string, country = '86'): PhoneNumber {
  // What is stored already is the same after all that follows.
  if (mainland.test(text)) return text as PhoneNumber
  if (text.trim() === '') throw new AppError('phone.missing', { field: 'phone' })
  if (text.length > 40 || !/^\d{1,4}$/.test(country)) throw invalid()
  const parsed = read(text.normalize('NFKC').replace(/^\s*00/, '+'), country)
  if (parsed === undefined || !isReachable(parsed)) throw invalid()
  return parsed.number as unknown as PhoneNumber
}

const mainland = /^\+861[3-9]\d{9}$/

/** The library throws plain errors at calling codes that no country has. */
function read(typed: string, country: string): Parsed | undefined {
  try {
    return library().default(typed, { defaultCallingCode: country as CountryCallingCode })
  } catch {
    return undefined
  }
}

function isReachable(parsed: Parsed): boolean {
  if (parsed.ext !== undefined) return false
  if (parsed.countryCallingCode === '86') return /^1[3-9]\d{9}$/.test(parsed.nationalNumber)
  const type = parsed.getType()
  return parsed.isValid() && (type === 'MOBILE' || type === 'FIXED_LINE_OR_MOBILE' || type === undefined)
}

/** A number as people read it: `+86 138 0013 8000`. */
export function readablePhone(phone: PhoneNumber): string {
  return library().default(phone)?.formatInternational() ?? phone
}

/** Country calling code of a number, without the plus. */
export function callingCode(phone: PhoneNumber): string {
  return library().default(phone)?.countryCallingCode ?? ''
}

/** The calling code that these digits begin with; `undefined` when no country has one. */
export function callingCodeOf(digits: string): string | undefined {
  const codes = [1, 2, 3].map((length) => digits.slice(0, length))
  return codes.find((code) => Object.hasOwn(metadata().country_calling_codes, code))
}

/** National part of a number, for vendors that want eleven digits. */
export function nationalNumber(phone: PhoneNumber): string {
  return library().default(phone)?.nationalNumber ?? phone.slice(1)
}

function invalid(): AppError {
  return new AppError('phone.invalid', { field: 'phone' })
}

/** Made once, because that takes longer than everything else that a login page draws. */
let regionNames: ((language: Locale) => Intl.DisplayNames) | undefined

/** What the parts of China are called beside their calling codes, where the name of a region says something else. */
const ownNames: Partial<Readonly<Record<Locale, Readonly<Record<string, string>>>>> = {
  'zh-CN': { CN: '中国大陆', HK: '中国香港', MO: '中国澳门', TW: '中国台湾' },
  en: { CN: 'Chinese mainland', HK: 'Hong Kong, China', MO: 'Macao, China', TW: 'Taiwan, China' },
}

/** Name of the country (or territory) a calling code belongs to, for a list people choose from. */
export function countryName(callingCode: string, language: Locale): string {
  const [region] = metadata().country_calling_codes[callingCode] ?? []
  if (region === undefined) return ''
  const own = ownNames[language]?.[region]
  if (own !== undefined) return own
  regionNames ??= eachLanguage((locale) => new Intl.DisplayNames(locale, { type: 'region' }))
  return regionNames(language).of(region) ?? ''
}
