import { inLanguage, type Locale } from '../../src/base/languages.ts'
import type { Views } from '../../views/views.ts'
import type { Input, LoginMethod } from '../methods/method.ts'
import { carriedField } from './carried-passwords.ts'
import { typed } from './typed.ts'

/** What is posted again with an answer; a password is not among it, but sealed. */
const repeated = [
  'kind',
  'phone',
  'country',
  'identifier',
  'known',
  'agreement',
  'resend',
  'choice',
  'account',
  'invite',
] as const

interface Question {
  /** Absent where a choice was answered. */
  readonly method: LoginMethod | undefined
  readonly input: Input
  /** A password that was typed, sealed. */
  readonly carried: string | undefined
  readonly locale: Locale
}

/** What a page that asks something first shows of a form, and sends again with the answer. */
export function repeatedForm({ method, input, carried, locale }: Question): Omit<Views['agree'], 'agreements'> {
  const { phone, country = '86', identifier } = typed(input)
  const fields = {
    ...(method ? { method: method.id } : {}),
    ...Object.fromEntries(
      repeated.flatMap((name) => (input[name] === undefined ? [] : [[name, input[name]] as const])),
    ),
    ...(carried === undefined ? {} : { [carriedField]: carried }),
  }
  const connection = method?.connection
  const kind = input['kind'] === undefined ? '' : `.${input['kind']}`
  const shown = connection
    ? {
        kind: 'connection' as const,
        provider: connection.provider,
        text: connection.label && inLanguage(connection.label, locale),
      }
    : phone
      ? { kind: 'phone' as const, text: `+${country} ${phone}` }
      : { kind: 'identifier' as const, text: identifier }
  return {
    fields: Object.entries(fields).map(([name, value]) => ({ name, value: String(value) })),
    typed: connection || shown.text ? shown : undefined,
    back: connection || !method ? '' : `${method.id}${kind}`,
  }
}
