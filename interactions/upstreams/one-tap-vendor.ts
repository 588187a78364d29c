import { AppError, type ErrorCode } from '../../src/base/errors.ts'
import type { HttpClient, HttpRequest } from '../../src/base/http.ts'
import { type PhoneNumber, parsePhone } from '../../src/base/phone.ts'
import { parseJson, UpstreamAnswer, type UpstreamResponse, upstreamError } from './connector.ts'
import { call } from './upstream-call.ts'

/**
 * What the codes of a one-tap vendor become. One that is not named is the vendor's own trouble: `one_tap.unavailable`.
 */
export type OneTapCodes = ReadonlyMap<string, Extract<ErrorCode, `one_tap.${string}`>>

/** A vendor that asks the carrier whose SIM a phone is online with. */
export interface OneTapVendor {
  readonly vendor: string
  /** The number of the SIM. Throws `one_tap.…` with an `UpstreamAnswer` as cause, and `request.invalid`. */
  number(credential: UpstreamResponse): Promise<PhoneNumber>
  /** Throws the same, and `one_tap.other_number`, unless the carrier says that the SIM has this mainland number. */
  confirm?(credential: UpstreamResponse, phone: PhoneNumber): Promise<void>
}

/** What a vendor answers, JSON whatever its status. Throws `one_tap.unavailable` where there is nothing of the kind. */
export async function askOneTap(
  http: HttpClient,
  url: URL,
  request: HttpRequest,
): Promise<{ readonly status: number; readonly json: unknown }> {
  try {
    const { status, text } = await call(http, url, request)
    return { status, json: parseJson(text) }
  } catch (error) {
    throw error instanceof AppError ? unavailable(error) : error
  }
}

/** Something that is not of the shape the vendor promises. */
export function unexpectedShape(): AppError {
  return upstreamError('one_tap.unavailable', { vendorCode: 'unexpected_shape' })
}

function unavailable({ cause }: AppError): AppError {
  if (cause instanceof UpstreamAnswer) return new AppError('one_tap.unavailable', { cause })
  return upstreamError('one_tap.unavailable', { vendorCode: 'no_answer', cause })
}

/**
 * The number in an answer that says it went well. Carriers know mainland numbers only. Throws `one_tap.failed` for any
 * other.
 */
export function mainlandNumber(text: unknown): PhoneNumber {
  if (typeof text === 'string' && /^1[3-9]\d{9}$/.test(text)) return parsePhone(text, '86')
  throw upstreamError('one_tap.failed', { vendorCode: 'no_mainland_number' })
}
