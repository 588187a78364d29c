import type { ErrorCode } from '../../src/base/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../../src/base/http.ts'
import { upstreamError } from './connector.ts'
import { readAnswer, readRefusal } from './vendor-answers.ts'

/** Our code for each code of a vendor; a code that is not listed becomes `upstream.refused`. */
export type VendorCodes = ReadonlyMap<string, Extract<ErrorCode, `upstream.${string}`>>

/**
 * Makes one call, and makes it only once. Throws `upstream.busy` for status 429 and above 499, and for a page that came
 * instead of an answer; the caller judges every other answer.
 */
export async function call(http: HttpClient, url: URL, request?: HttpRequest): Promise<HttpResponse> {
  const answer = await http.request(url, request)
  if (answer.status === 429 || answer.status >= 500) {
    throw upstreamError('upstream.busy', { vendorCode: answer.status })
  }
  if (isGood(answer.status) && /^\s*</.test(answer.text)) throw upstreamError('upstream.busy', { vendorCode: 'page' })
  return answer
}

/** What a vendor answered, and whether the status says that all is well. */
export interface VendorReply {
  readonly status: number
  readonly isGood: boolean
  /** Empty if it cannot be read and the status already says that something is wrong. */
  readonly content: unknown
}

/**
 * Makes one call and reads the answer, also that of a refusal. Throws what `call` throws, and `upstream.refused` for
 * what cannot be read.
 */
export async function ask(http: HttpClient, url: URL, request?: HttpRequest): Promise<VendorReply> {
  const { status, text } = await call(http, url, request)
  return { status, isGood: isGood(status), content: isGood(status) ? readAnswer(text) : readRefusal(text) }
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300
}

/** Throws `upstream.refused` for an answer that looks like a good one, although its status says that it is not. */
export function requireGood({ status, isGood: isRight }: VendorReply): void {
  if (!isRight) throw upstreamError('upstream.refused', { vendorCode: status })
}

/**
 * SECURITY: secrets, codes and tokens are sent to the addresses of a vendor, so these must be https. Throws if one of
 * the settings is an address that is not.
 */
export function requireHttps(whose: string, options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (!name.endsWith('_url') && name !== 'issuer' && name !== 'endpoint') continue
    if (URL.parse(String(value))?.protocol === 'https:') continue
    throw new Error(`${whose}: ${name} must be an https address outside the sandbox`)
  }
}

/** A form for a POST. */
export function form(fields: Readonly<Record<string, string>>): HttpRequest {
  return {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  }
}

/**
 * The address of a picture, changed to https: some vendors still give http addresses, which our pages must not load.
 */
export function overHttps(picture: string): string {
  return picture.replace(/^http:/i, 'https:')
}
