import { Secret } from '../base/secret.ts'

const hidden = '[redacted]'
const longestText = 16_000
const longestValue = 200

/**
 * What a record keeps of a text that strangers may have had a hand in. SECURITY: it is cut before any pattern looks at
 * it, because a header may have 16 KB: one rule for the log and for the audit.
 */
export function excerpt(text: string, most = longestValue): string {
  return text.length > most ? `${text.slice(0, most)}…` : text
}

// SECURITY: every pattern is linear, so that a hostile message cannot hold the process. Each begins at a word of its
// own, at the begin of a run of its letters, or reads a bounded number of them; none can read one stretch of text again
// from many beginnings. What lies inside an address is found by a second look at the address alone.
const start = String.raw`(?:(?<![0-9A-Za-z])|(?<=\\[bfnrt]))`
const runStart = String.raw`(?:(?<![\w-])|(?<=\\[bfnrt]))`
const secretWords = 'secret|password|passwd|token|assertion|auth_session|verifier|cookie|signature|accesskeyid'
type Replacement = string | ((found: string, ...groups: string[]) => string)
const rules: readonly (readonly [RegExp, Replacement])[] = [
  // A token may hang on a word (`sid-eyJ…`): the first one in a run that goes on behind a dot.
  [
    new RegExp(String.raw`${runStart}(?=[\w-]+\.[\w-])((?:[\w-]*?[-_])??)eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*){0,3}`, 'g'),
    '$1[token]',
  ],
  [/\b(bearer|dpop|basic) {1,4}[\w~+/.=-]{6,}/gi, `$1 ${hidden}`],
  [/:\/\/[^\s/@"'\\]{1,300}@/g, `://${hidden}@`],
  [/https?:\/\/[^\s"'\\]+/gi, (address) => address.replace(/[?#][^<>]*/g, '')],
  [/(\/[\w./~%-]*)(?:[?#][A-Za-z_][\w.-]{0,60}=[^\s"'<>\\]*)?/g, '$1'],
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
  [/(?<![\w.+-])[\w.+-]+@[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[A-Za-z]{2,24}/g, '[email]'],
]

/**
 * A text without what may never be logged: phone numbers, e-mail addresses, one-time codes, tokens, `secret=` and its
 * kind, passwords inside URLs, query strings. What third parties put into their error messages is the reason it exists.
 */
export function scrub(text: string): string {
  let clean = excerpt(text, longestText)
  for (const [pattern, replacement] of rules) clean = clean.replace(pattern, replacement as string)
  return clean
}

const secretKey =
  /^(?:.*(?:password|secret|token|assertion|verifier|cookie)|otp|code|(?:upstream|phone|js)_code|raw_nonce|session_key|phone|phone_number|email|identifier|authorization|auth_session|session_id|jti)$/i

/**
 * A copy of a value for a record that stays: texts cut and scrubbed, members whose name says secret hidden, errors as
 * their message.
 */
export function scrubValue(value: unknown, longest = longestValue, depth = 0): unknown {
  if (typeof value === 'string') return scrub(excerpt(value, longest))
  if (typeof value === 'number') return scrub(String(value)) === String(value) ? value : hidden
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? scrub(String(value)) : value
  if (depth >= 8) return '[deep]'
  if (value instanceof Secret) return hidden
  if (value instanceof Date) return value
  if (value instanceof Error) return scrub(excerpt(value.message, longest))
  if (Array.isArray(value)) return value.map((item) => scrubValue(item, longest, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      hides(key, member) ? hidden : scrubValue(member, longest, depth + 1),
    ]),
  )
}

/** Error codes are called `code` too, so a code of letters, dots and underscores stays. */
function hides(key: string, member: unknown): boolean {
  if (member === undefined || member === null || typeof member === 'boolean' || !secretKey.test(key)) return false
  return !(/^code$/i.test(key) && typeof member === 'string' && /^(?:\d{5}|[A-Za-z][\w.]{0,60})$/.test(member))
}
