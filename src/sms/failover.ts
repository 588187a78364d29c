import type { Logger } from 'pino'
import { AppError, asAppError } from '../base/errors.ts'
import { callingCode } from '../base/phone.ts'
import { isNotice, noTemplate, SmsRefusal, type SmsSender, type SmsVendor, undeliverable } from './sms-sender.ts'

/** A vendor and its name. */
export interface NamedSmsVendor {
  readonly name: string
  readonly vendor: SmsVendor
}

interface FailoverDeps {
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Told of every message handed to a vendor: `sent`, `unclear`, or the code of what was thrown. */
  readonly onOutcome?: ((vendor: string, outcome: string) => void) | undefined
}

/**
 * Tries the vendors that serve the number in order, each at most once. Goes on only when one certainly did not send for
 * a reason of its own; an unclear answer, a refused number and a vendor's frequency limit end the attempt. Throws what
 * the last vendor asked threw.
 */
export function failoverSms(
  vendors: readonly NamedSmsVendor[],
  { log, onOutcome = () => {} }: FailoverDeps,
): SmsSender {
  return {
    async send(message) {
      const event = isNotice(message) ? message.template : undefined
      let last = nobody(event)
      for (const { name, vendor } of vendors.filter(({ vendor }) => vendor.serves(message.to, event))) {
        try {
          await vendor.send(message)
          onOutcome(name, 'sent')
          return 'sent'
        } catch (thrown) {
          const refusal = thrown instanceof AppError ? thrown.cause : undefined
          const isUnclear = refusal instanceof SmsRefusal && !refusal.certainlyNotSent
          onOutcome(name, isUnclear ? 'unclear' : asAppError(thrown).code)
          if (!(thrown instanceof AppError && refusal instanceof SmsRefusal)) throw thrown
          log[refusal.level](
            {
              vendor: name,
              vendor_code: refusal.vendorCode,
              vendor_request_id: refusal.requestId,
              certainly_not_sent: refusal.certainlyNotSent,
              template: message.template,
              calling_code: callingCode(message.to),
              remedy: refusal.remedy,
            },
            isUnclear ? 'it is unclear whether an SMS vendor sent a message' : 'SMS vendor did not accept a message',
          )
          if (isUnclear) return 'unclear'
          if (thrown.code !== 'sms.undeliverable') throw thrown
          last = thrown
        }
      }
      throw last
    },
  }
}

/** An event without a template is one that the operator has not asked for. */
function nobody(event: string | undefined): AppError {
  return event === undefined
    ? undeliverable({ vendorCode: 'no_sender', certainlyNotSent: true, level: 'error' })
    : undeliverable({ vendorCode: noTemplate, certainlyNotSent: true, level: 'info' })
}
