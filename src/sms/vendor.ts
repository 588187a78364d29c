import { z } from 'zod'
import { AppError } from '../base/errors.ts'
import { type HttpClient, type HttpRequest, type HttpResponse, UpstreamFailure } from '../base/http.ts'
import { readVendorText, UnreadableText } from '../base/vendor-text.ts'
import { type CloudKeys, type KeySource, KeysUnavailable } from './rotating-keys.ts'
import { undeliverable } from './sms-sender.ts'

/** A vendor's answer before its meaning is known. */
export interface VendorAnswer {
  readonly accepted: boolean
  readonly body: unknown
}

/**
 * Asks a vendor exactly once; sending an SMS is not idempotent. Throws `sms.undeliverable`: certainly not sent when the
 * request never left or came too fast, unclear when there was no answer, a 5xx, or something that is not JSON.
 */
export async function askVendor(http: HttpClient, url: URL, request: HttpRequest): Promise<VendorAnswer> {
  const { status, text } = await requestOnce(http, url, request)
  if (status >= 500) throw unclear(`http_${status}`)
  try {
    return { accepted: status >= 200 && status < 300, body: readVendorText(text) }
  } catch (thrown) {
    if (!(thrown instanceof UnreadableText)) throw thrown
    if (status !== 429) throw unclear('unparsable')
    throw undeliverable({ vendorCode: 'http_429', certainlyNotSent: true, level: 'warn' })
  }
}

/** A word of a vendor, without blanks around it; what is no text says nothing. */
export const told = z
  .unknown()
  .optional()
  .transform((value) => (typeof value === 'string' ? value.trim() : ''))
  .transform((text) => (text === '' ? undefined : text))

/** Whether a vendor's code says that it took the message. */
export function isAccepted(code: string): boolean {
  return code.toUpperCase() === 'OK'
}

/** The keys to sign with. Throws `sms.undeliverable` when there are none: nothing was sent then. */
export async function keysOf(source: KeySource): Promise<CloudKeys> {
  try {
    return await source.current()
  } catch (thrown) {
    if (!(thrown instanceof KeysUnavailable)) throw thrown
    throw undeliverable({
      vendorCode: 'no_keys',
      certainlyNotSent: true,
      level: 'error',
      remedy: `look at the role of this machine and its metadata_url: ${thrown.message}`,
      cause: thrown,
    })
  }
}

/** The vendor may have sent: neither a repeat nor another vendor is safe. */
export function unclear(vendorCode: string, cause?: unknown): AppError {
  return undeliverable({ vendorCode, certainlyNotSent: false, level: 'warn', cause })
}

async function requestOnce(http: HttpClient, url: URL, request: HttpRequest): Promise<HttpResponse> {
  try {
    return await http.request(url, request)
  } catch (thrown) {
    if (!(thrown instanceof AppError && thrown.cause instanceof UpstreamFailure)) throw thrown
    const failure = thrown.cause
    if (failure.kind === 'unclear') throw unclear('unclear', failure)
    throw undeliverable({ vendorCode: 'unreachable', certainlyNotSent: true, level: 'warn', cause: failure })
  }
}
