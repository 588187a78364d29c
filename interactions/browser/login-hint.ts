import { isId } from '../../src/base/ids.ts'
import { callingCode, nationalNumber, type PhoneNumber, parsePhone } from '../../src/base/phone.ts'
import type { TypedValues } from '../../views/form-values.ts'
import type { RegisterKind } from '../../views/views.ts'

/** Letters of a hint that are looked at; nobody types more. */
const longestHint = 200

/** Who an app says is about to log in (`login_hint`, OIDC Core §3.1.2.1). */
export interface LoginHint {
  readonly kind: RegisterKind
  /** As the app wrote it. */
  readonly text: string
  readonly phone?: PhoneNumber | undefined
}

/**
 * Reads a hint. SECURITY: it only fills fields, as the person could, and is never looked up: the page is the same
 * whether an account has it or not. The id of an account is nothing that anybody types.
 */
export function loginHint(hint: unknown): LoginHint | undefined {
  const text = typeof hint === 'string' ? hint.trim().slice(0, longestHint) : ''
  if (text === '' || isId('usr', text)) return undefined
  if (text.includes('@')) return { kind: 'email', text }
  const phone = phoneIn(text)
  return phone === undefined ? { kind: 'username', text } : { kind: 'phone', text, phone }
}

/** What a form is filled with that asks for a phone number, in one of these countries; a foreign number is none. */
export function hintedPhone(
  { phone }: Partial<LoginHint>,
  countries: readonly { readonly callingCode: string }[],
): TypedValues {
  const country = phone && callingCode(phone)
  if (!phone || !countries.some((each) => each.callingCode === country)) return {}
  return { phone: nationalNumber(phone), country }
}

function phoneIn(text: string): PhoneNumber | undefined {
  try {
    return parsePhone(text)
  } catch {
    return undefined
  }
}
