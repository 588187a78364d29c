import { AppError, type ErrorCode } from '../../src/base/errors.ts'
import type { HttpClient, HttpRequest } from '../../src/base/http.ts'
import { type PhoneNumber, parsePhone } from '../../src/base/phone.ts'
import { type Question, UpstreamAnswer, type UpstreamResponse, upstreamError } from './connector.ts'
import { ask, type VendorReply } from './upstream-call.ts'

/**
 * Our code for each code of a one-tap vendor. A code that is not listed means trouble at the vendor:
 * `one_tap.unavailable`.
 */
export type OneTapCodes = ReadonlyMap<string, Extract<ErrorCode, `one_tap.${string}`>>

/** A vendor that asks the carrier which SIM a phone is using to be online. */
export interface OneTapVendor {
  readonly vendor: string
  /** The number of the SIM. Throws `one_tap.…` with an `UpstreamAnswer` as cause, and `request.invalid`. */
  number(credential: UpstreamResponse): Promise<PhoneNumber>
  /** What `menshen doctor` asks it, with a token that was made up: a vendor that knows us says that it is over. */
  questions(): readonly Question[]
  /**
   * Throws the same errors, and also `one_tap.other_number`, unless the carrier says that the SIM has this mainland
   * number.
   */
  confirm?(credential: UpstreamResponse, phone: PhoneNumber): Promise<void>
}

/** What a vendor answers, whatever the status is. Throws `one_tap.unavailable` if it cannot be read. */
export async function askOneTap(http: HttpClient, url: URL, request: HttpRequest): Promise<VendorReply> {
  try {
    return await ask(http, url, request)
  } catch (error) {
    throw error instanceof AppError ? unavailable(error) : error
  }
}

/** The error for an answer that does not have the shape the vendor promises. */
export function unexpectedShape(): AppError {
  return upstreamError('one_tap.unavailable', { vendorCode: 'unexpected_shape' })
}

function unavailable({ cause }: AppError): AppError {
  if (cause instanceof UpstreamAnswer) return new AppError('one_tap.unavailable', { cause })
  return upstreamError('one_tap.unavailable', { vendorCode: 'no_answer', cause })
}

/**
 * The number in an answer that reports success. Carriers know only mainland numbers, so any other number throws
 * `one_tap.failed`.
 */
export function mainlandNumber(text: unknown): PhoneNumber {
  if (typeof text === 'string' && /^1[3-9]\d{9}$/.test(text)) return parsePhone(text, '86')
  throw upstreamError('one_tap.failed', { vendorCode: 'no_mainland_number' })
}
