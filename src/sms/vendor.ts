import { AppError } from '../base/errors.ts'
import { type HttpClient, type HttpRequest, type HttpResponse, UpstreamFailure } from '../base/http.ts'
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
    return { accepted: status >= 200 && status < 300, body: JSON.parse(text) }
  } catch {
    throw unclear('unparsable')
  }
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
