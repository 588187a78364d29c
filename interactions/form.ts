import type { Context } from 'koa'
import getRawBody from 'raw-body'
import { AppError } from '../src/base/errors.ts'

/** A form that a page has posted. */
export interface Form {
  readonly fields: Readonly<Record<string, string>>
  /** Values of the one name that may come several times. */
  readonly list: readonly string[]
}

/** The one name that may come several times, and how large a form with it may be. */
interface ListField {
  readonly name: string
  readonly most: number
  readonly bytes: number
}

const maxBytes = 16 * 1024
const maxFields = 40
const maxFieldLength = 4000

/**
 * Reads a posted form. Throws `request.unsupported_type`, `request.too_large`, or `request.invalid` for a name that
 * comes twice, too many or too long fields, bytes that are no UTF-8, and NUL.
 */
export async function readForm(ctx: Context, listed?: string | ListField): Promise<Form> {
  if (!ctx.is('application/x-www-form-urlencoded')) throw new AppError('request.unsupported_type')
  const several = typeof listed === 'object' ? listed : { name: listed, most: 0, bytes: maxBytes }
  const body = await readText(ctx, several.bytes)
  const fields: Record<string, string> = Object.create(null) as Record<string, string>
  const list: string[] = []
  const pairs = body === '' ? [] : body.split('&')
  if (pairs.length > maxFields + several.most) throw invalid()
  for (const pair of pairs) {
    const separator = pair.indexOf('=')
    const name = decode(separator === -1 ? pair : pair.slice(0, separator))
    const value = decode(separator === -1 ? '' : pair.slice(separator + 1))
    if (name === several.name) list.push(value)
    else if (name in fields) throw invalid()
    else fields[name] = value
  }
  if (pairs.length - list.length > maxFields) throw invalid()
  return { fields: { ...fields }, list }
}

/** Reads a body as text. Throws `request.too_large`, or `request.invalid` for bytes that are no UTF-8. */
export async function readText(ctx: Context, limit = maxBytes): Promise<string> {
  const body = await readBytes(ctx, limit)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (cause) {
    throw new AppError('request.invalid', { cause })
  }
}

/** Reads a body. Throws `request.too_large`, or `request.invalid` where it breaks off. */
export async function readBytes(ctx: Context, limit: number): Promise<Buffer> {
  try {
    return await getRawBody(ctx.req, { limit, length: ctx.request.length ?? null })
  } catch (cause) {
    const type = (cause as { type?: string }).type
    throw new AppError(type === 'entity.too.large' ? 'request.too_large' : 'request.invalid', { cause })
  }
}

/** Percent-decoding that refuses what is no UTF-8 instead of replacing it. */
function decode(text: string): string {
  let decoded: string
  try {
    decoded = decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalid()
  }
  if (decoded.length > maxFieldLength || decoded.includes('\0')) throw invalid()
  return decoded
}

function invalid(): AppError {
  return new AppError('request.invalid')
}
