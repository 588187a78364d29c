import type { Country, TypedValues } from '../../views/form-values.ts'
import type { RegisterKind } from '../../views/views.ts'
import type { Input } from '../methods/method.ts'
import { hintedPhone, loginHint } from './login-hint.ts'

/** Letters of a field that are shown again. */
const longest = 200

/** What may be shown again: never a password, never a code. */
export function typed(input: Input = {}): TypedValues {
  const { phone, country, identifier, agreement } = input
  const short = (value: string | undefined) => value?.slice(0, longest)
  return {
    phone: short(phone),
    country: short(country),
    identifier: short(identifier),
    agreed: agreement !== undefined,
  }
}

/** Whether a form came with a field for a number or a name. */
export function isTyped({ phone, identifier }: TypedValues): boolean {
  return phone !== undefined || identifier !== undefined
}

/**
 * What is kept of a form for the next one: what its field says takes the place of what another said before. An empty
 * field says nothing.
 */
export function keptOf(input: Input, before: TypedValues = {}): TypedValues {
  const { phone, country, identifier, agreed } = typed(input)
  if (identifier?.trim()) return { identifier, agreed }
  if (phone?.trim()) return { phone, country, agreed }
  return { ...before, agreed }
}

/** The forms that ask who somebody is: by a number, by any name, or by one of these alone. */
export type WhoForm = 'sms' | 'password' | 'reset' | RegisterKind

/** What a form begins with: what was typed into one like it, or what it can take of what was typed elsewhere. */
export function carriedTo(form: WhoForm, kept: TypedValues, countries: readonly Country[]): TypedValues {
  const { phone, country, identifier, agreed } = kept
  const asksPhone = form === 'sms' || form === 'phone'
  if (asksPhone) return { agreed, ...(phone === undefined ? numberIn(identifier, countries) : { phone, country }) }
  const text = identifier ?? (phone && written(phone, country))
  return { agreed, ...(text !== undefined && takes(form, text) ? { identifier: text } : {}) }
}

/** What kind of account somebody makes who has typed this; undefined if nothing was. */
export function kindOf({ phone, identifier }: TypedValues): RegisterKind | undefined {
  if (identifier === undefined) return phone === undefined ? undefined : 'phone'
  return isNumber(identifier) ? 'phone' : loginHint(identifier)?.kind
}

function takes(form: Exclude<WhoForm, 'sms' | 'phone'>, text: string): boolean {
  if (form === 'password') return true
  if (form === 'reset') return isNumber(text) || text.includes('@')
  return !isNumber(text) && (form === 'email') === text.includes('@')
}

/** A number that is not complete yet is one, too. */
function isNumber(text: string): boolean {
  return /^[+\d\s().-]+$/.test(text.normalize('NFKC'))
}

function numberIn(text: string | undefined, countries: readonly Country[]): TypedValues {
  if (text === undefined || !isNumber(text)) return {}
  const read = loginHint(text)
  // A number of a country that nobody can choose here would only be refused; it stays what it is for a password.
  return read?.phone === undefined ? { phone: text } : hintedPhone(read, countries)
}

/** As somebody writes a number who is not asked for the country beside it. */
export function written(phone: string, country = '86'): string {
  return country === '86' || phone.trim().startsWith('+') ? phone : `+${country} ${phone}`
}

/** A parameter that was given once; undefined for anything else. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
