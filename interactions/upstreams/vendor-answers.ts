import { z } from 'zod'
import { readVendorText } from '../../src/base/vendor-text.ts'
import { upstreamError } from './connector.ts'

/**
 * What vendors write into their answers. `readVendorText` has made texts of all numbers. What identifies somebody is
 * read strictly, what is only shown is read as far as it goes, and what a vendor has left empty is absent.
 */

/** The content of an answer, whatever its content type says. Throws `upstream.refused`. */
export function readAnswer(text: string): unknown {
  try {
    return readVendorText(text)
  } catch {
    throw upstreamError('upstream.refused', { vendorCode: 'unparsable' })
  }
}

/** The same for an answer whose status says that it is a refusal; nothing, if a page comes with it. */
export function readRefusal(text: string): unknown {
  try {
    return readVendorText(text)
  } catch {
    return {}
  }
}

/** The value, if it fits the schema of a vendor's answer. Throws `upstream.refused` if it does not. */
export function parseAnswer<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  // SECURITY: the issues name paths, not values, so no token of the answer reaches the log.
  throw upstreamError('upstream.refused', { vendorCode: 'unexpected_shape' })
}

/** `null`, an empty text and the empty list of a PHP server stand for something that is not there. */
function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
}

/** The answer as JSON for a strict parser, without what is absent; undefined if it holds no object. */
export function strictJson(text: string): string | undefined {
  const content = readRefusal(text)
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return undefined
  const entries = Object.entries(content).filter(([, value]) => !isAbsent(value))
  return entries.length === 0 ? undefined : JSON.stringify(Object.fromEntries(entries))
}

/** Something that an answer may leave out. */
export function optional<Schema extends z.ZodType>(schema: Schema) {
  return z
    .unknown()
    .transform((value) => (isAbsent(value) ? undefined : value))
    .pipe(schema.optional())
    .optional()
}

/**
 * Who somebody is at a vendor. SECURITY: letters that can be seen, exactly as they came. If blanks or control
 * characters were dropped, two people could become one.
 */
export const subject = z.string().regex(/^[\x21-\x7e]{1,255}$/)

/** The same for signed tokens of providers that may use any letters. SECURITY: none that cannot be seen. */
export const openSubject = z.string().regex(/^[^\p{C}]{1,255}$/u)

/** A number by which a vendor names somebody, digit by digit. */
export const numericSubject = z.string().regex(/^\d{1,30}$/)

/** A token, which must fit into the header or address of the next call. */
export const tokenText = z.string().regex(/^[\x21-\x7e]+$/)

/** Something that is only shown; `displayable` judges it. */
export const shown = z.string().catch('')

/** A vendor's code for what went wrong. Zero and `false` say that nothing did. */
export const failure = optional(z.union([z.string(), z.literal(false)])).transform((code) =>
  code === false || code === '0' || code === 'false' ? undefined : code,
)

/** Yes or no, in whatever way it is written. */
export const flag = optional(z.union([z.boolean(), z.string()])).transform((value) =>
  value === undefined ? undefined : value !== false && value !== '0' && String(value).toLowerCase() !== 'false',
)

/** Seconds, or a moment in seconds. */
export const secondsText = z
  .string()
  .regex(/^\d{1,12}(?:\.\d+)?$/)
  .transform(Number)
