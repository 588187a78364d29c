import type { OwnerEvent } from '../accounts/owner-events.ts'
import { AppError } from '../base/errors.ts'
import type { PhoneNumber } from '../base/phone.ts'

/** What messages are sent for; a vendor has a text for each. */
export const smsTemplates = ['login_code', 'register_code', 'reset_code', 'bind_code'] as const
/** What a message is sent for. */
export type SmsTemplate = (typeof smsTemplates)[number]

/** A message with a code. */
export interface SmsCode {
  readonly to: PhoneNumber
  readonly template: SmsTemplate
  readonly otp: string
  readonly ttlMinutes: number
}

/** What the text of a message to the owner of an account may name, by the names that settings use. */
export const noticeValues = ['time', 'what', 'until'] as const
/** One of these names. */
export type NoticeValue = (typeof noticeValues)[number]

/** A message to the owner of an account. The vendor has its text, where the settings name one for the event. */
export interface SmsNotice {
  readonly to: PhoneNumber
  readonly template: OwnerEvent
  readonly values: Readonly<Record<NoticeValue, string>>
}

/** Any message. */
export type SmsMessage = SmsCode | SmsNotice

/** Whether a message tells the owner of an account something, and brings no code. */
export function isNotice(message: SmsMessage): message is SmsNotice {
  return 'values' in message
}

/** The vendor code of a message that no sender has a template for. */
export const noTemplate = 'no_template'

/**
 * What became of a message. `unclear`: it was handed over and the answer was lost, so that it may arrive and must not
 * be sent once more.
 */
export type SmsOutcome = 'sent' | 'unclear'

/**
 * Sends one message. Throws `sms.number_refused` when the number cannot be served, `otp.too_soon` when the vendor wants
 * a pause, `sms.undeliverable` when nothing was sent.
 */
export interface SmsSender {
  send(message: SmsMessage): Promise<SmsOutcome>
}

/**
 * One vendor. Throws what a sender throws, with an `SmsRefusal` as cause, and `sms.undeliverable` also where it is
 * unclear whether the message was sent.
 */
export interface SmsVendor {
  /** Whether the settings have what a message to this number needs: with a code, or for this event. */
  serves(to: PhoneNumber, event?: OwnerEvent): boolean
  send(message: SmsMessage): Promise<void>
  /** Asks for a message to nobody. A vendor that knows the keys throws that there is no number. */
  askNothing(): Promise<void>
}

interface SmsRefusalFacts {
  readonly vendorCode: string
  readonly requestId?: string | undefined
  readonly certainlyNotSent: boolean
  /** `error` wakes the operator: money, configuration or clock. */
  readonly level: 'info' | 'warn' | 'error'
  /** What the operator can do about it. */
  readonly remedy?: string | undefined
  readonly cause?: unknown
}

/** What the vendor said, for the log. Never holds the vendor's prose, which may quote the number. */
export class SmsRefusal extends Error {
  override readonly name = 'SmsRefusal'
  readonly vendorCode: string
  readonly requestId: string | undefined
  readonly certainlyNotSent: boolean
  readonly level: SmsRefusalFacts['level']
  readonly remedy: string | undefined

  constructor({ vendorCode, requestId, certainlyNotSent, level, remedy, cause }: SmsRefusalFacts) {
    const code = /^[A-Za-z][\w.]{0,79}$/.test(vendorCode) ? vendorCode : 'unrecognised'
    super(`the vendor answered ${code}`, cause === undefined ? undefined : { cause })
    this.vendorCode = code
    this.requestId = requestId !== undefined && /^[\w-]{1,64}$/.test(requestId) ? requestId : undefined
    this.certainlyNotSent = certainlyNotSent
    this.level = level
    this.remedy = remedy
  }
}

/** `sms.undeliverable` with what the vendor said. */
export function undeliverable(facts: SmsRefusalFacts): AppError {
  return new AppError('sms.undeliverable', { cause: new SmsRefusal(facts) })
}

/** `sms.number_refused`: no other vendor is asked, as the number is malformed or its owner has unsubscribed. */
export function numberRefused(vendorCode: string, requestId: string | undefined): AppError {
  const cause = new SmsRefusal({ vendorCode, requestId, certainlyNotSent: true, level: 'info' })
  return new AppError('sms.number_refused', { field: 'phone', cause })
}

/** `otp.too_soon` by the vendor's own limit: no other vendor is asked, as that would walk around the limit. */
export function tooSoon(vendorCode: string, requestId: string | undefined, retryAfterSeconds: number): AppError {
  const cause = new SmsRefusal({ vendorCode, requestId, certainlyNotSent: true, level: 'warn' })
  return new AppError('otp.too_soon', { params: { retryAfterSeconds }, cause })
}
