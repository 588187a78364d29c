import type { PhoneNumber } from '../base/phone.ts'

export type SmsTemplate = 'login_code' | 'register_code' | 'reset_code' | 'bind_code'

export interface SmsMessage {
  readonly to: PhoneNumber
  readonly template: SmsTemplate
  readonly otp: string
  readonly ttlMinutes: number
}

/**
 * Sends one message. Throws `sms.number_refused` when the number cannot be served, `sms.undeliverable` when nothing was sent or
 * it is unclear whether it was. `SmsRefusal` (a cause) tells a fail-over that the vendor certainly did not send.
 */
export interface SmsSender {
  send(message: SmsMessage): Promise<void>
}
