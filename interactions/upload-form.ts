import type { Context } from 'koa'
import { AppError } from '../src/base/errors.ts'
import { readBytes } from './form.ts'

/** A form that a page has posted with a file. */
export interface UploadForm {
  readonly fields: Readonly<Record<string, string>>
  /** Empty where the person has chosen none. */
  readonly file: Buffer
}

/** The largest file that is taken. */
export const maxFileBytes = 2_000_000
/** Everything else: the other fields, the headers of the parts and what stands between them. */
const maxRestBytes = 4096
/** Where a part begins; by chance one file in two thousand has it inside, and none so often. */
const beginning = '\r\n--'
const mostBeginnings = 16

/**
 * Reads a form with one file, taken apart by the parser that Node brings. Throws `request.unsupported_type`,
 * `request.too_large` for the file, and `request.invalid` for what is no such form: a name twice, a second file, more
 * around the file than a form has.
 */
export async function readUpload(ctx: Context, fileName: string): Promise<UploadForm> {
  if (!ctx.is('multipart/form-data')) throw new AppError('request.unsupported_type')
  const body = await readBytes(ctx, maxFileBytes + maxRestBytes)
  const parts = await partsOf(body, ctx.get('content-type'))
  const fields: Record<string, string> = Object.create(null) as Record<string, string>
  let file: Buffer | undefined
  for (const [name, value] of parts) {
    if (typeof value === 'string' && name !== fileName && !(name in fields)) fields[name] = value
    else if (typeof value !== 'string' && name === fileName && !file) file = Buffer.from(await value.arrayBuffer())
    else throw new AppError('request.invalid')
  }
  if (!file || body.length - file.length > maxRestBytes) throw new AppError('request.invalid')
  if (file.length > maxFileBytes) throw new AppError('request.too_large')
  return { fields: { ...fields }, file }
}

async function partsOf(body: Buffer, type: string): Promise<FormData> {
  // SECURITY: forty thousand parts of fifty bytes would keep the parser, and with it everybody else, for long.
  let at = 0
  for (let count = 0; at !== -1; count++, at = body.indexOf(beginning, at + 1)) {
    if (count > mostBeginnings) throw new AppError('request.invalid')
  }
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData()
  } catch (cause) {
    throw new AppError('request.invalid', { cause })
  }
}
