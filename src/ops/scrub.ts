import { Secret } from '../base/secret.ts'

const hidden = '[redacted]'
const longestText = 16_000

// Every pattern is linear: each start is an anchor word or is bounded, so a hostile message cannot hold the process.
const start = String.raw`(?:(?<![0-9A-Za-z])|(?<=\\[bfnrt]))`
const secretWords = 'secret|password|passwd|token|assertion|auth_session|verifier|cookie|signature|accesskeyid'
const rules: readonly (readonly [RegExp, string])[] = [
  [new RegExp(String.raw`${start}eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*){0,3}`, 'g'), '[token]'],
  [/\b(bearer|dpop|basic) {1,4}[\w~+/.=-]{6,}/gi, `$1 ${hidden}`],
  [/:\/\/[^\s/@"'\\]{1,300}@/g, `://${hidden}@`],
  [/(https?:\/\/[^\s"'?#\\]{1,2000})[?#][^\s"'<>\\]*/gi, '$1'],
  [/(\/[\w./~%-]{0,200})[?#][A-Za-z_][\w.-]{0,60}=[^\s"'<>\\]*/g, '$1'],
  [
    new RegExp(
      String.raw`((?:${secretWords})\\?["']?\s{0,3}[=:]\s{0,3}(?:\\?["'])?)(?!\[redacted\])[^\s"'&,;{}[\]\\]+`,
      'gi',
    ),
    `$1${hidden}`,
  ],
  [/(code\\?["']?\s{0,3}[=:]\s{0,3}(?:\\?["'])?)[\w-]{24,}/gi, `$1${hidden}`],
  [/((?:otp|code|验证码)[^0-9A-Za-z]{0,6}(?:is |为|是)?\s{0,3})\d{6}(?!\d)/gi, `$1${hidden}`],
  [
    new RegExp(String.raw`${start}(?:(?:\+|%2B|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![0-9A-Za-z])`, 'gi'),
    '[phone]',
  ],
  [/(?:\+|%2B)[1-9]\d{7,14}(?!\d)/gi, '[phone]'],
  [new RegExp(String.raw`${start}[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[A-Za-z]{2,24}`, 'g'), '[email]'],
]

/**
 * A text without what may never be logged: phone numbers, e-mail addresses, one-time codes, tokens, `secret=` and its kind,
 * passwords inside URLs, query strings. What third parties put into their error messages is the reason it exists.
 */
export function scrub(text: string): string {
  let clean = text.length > longestText ? `${text.slice(0, longestText)}…` : text
  for (const [pattern, replacement] of rules) clean = clean.replace(pattern, replacement)
  return clean
}

const secretKey =
  /^(?:.*(?:password|secret|token|assertion|verifier|cookie)|otp|code|(?:upstream|phone|js)_code|raw_nonce|session_key|phone|phone_number|email|identifier|authorization|auth_session|session_id|jti)$/i

/** A copy of a value for a record that stays: texts scrubbed, members whose name says secret hidden, errors as their message. */
export function scrubValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return scrub(value)
  if (typeof value === 'number') return scrub(String(value)) === String(value) ? value : hidden
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? scrub(String(value)) : value
  if (depth >= 8) return '[deep]'
  if (value instanceof Secret) return hidden
  if (value instanceof Date) return value
  if (value instanceof Error) return scrub(value.message)
  if (Array.isArray(value)) return value.map((item) => scrubValue(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, hides(key, member) ? hidden : scrubValue(member, depth + 1)]),
  )
}

/** Error codes are called `code` too, so a code of letters, dots and underscores stays. */
function hides(key: string, member: unknown): boolean {
  if (member === undefined || member === null || typeof member === 'boolean' || !secretKey.test(key)) return false
  return !(/^code$/i.test(key) && typeof member === 'string' && /^(?:\d{5}|[A-Za-z][\w.]{0,60})$/.test(member))
}
