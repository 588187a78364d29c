import type { Logger } from 'pino'
import { AppError, asAppError } from '../base/errors.ts'
import { SmsRefusal, type SmsSender } from './sms-sender.ts'

/** A sender and the name of its vendor. */
export interface NamedSmsSender {
  readonly name: string
  readonly sender: SmsSender
}

interface FailoverDeps {
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Told of every message handed to a vendor: `sent`, or the code of what was thrown. */
  readonly onOutcome?: ((vendor: string, outcome: string) => void) | undefined
}

/**
 * Tries vendors in order, each at most once. Goes on only when one certainly did not send for a reason of its own; an
 * unclear answer, a refused number and a vendor's frequency limit end the attempt. Throws what the last vendor asked
 * threw.
 */
export function failoverSms(
  senders: readonly NamedSmsSender[],
  { log, onOutcome = () => {} }: FailoverDeps,
): SmsSender {
  return {
    async send(message) {
      let last = new AppError('sms.undeliverable', { cause: new Error('no SMS sender is configured') })
      for (const { name, sender } of senders) {
        try {
          await sender.send(message)
          onOutcome(name, 'sent')
          return
        } catch (thrown) {
          onOutcome(name, asAppError(thrown).code)
          if (!(thrown instanceof AppError && thrown.cause instanceof SmsRefusal)) throw thrown
          const { vendorCode, requestId, certainlyNotSent, level } = thrown.cause
          log[level](
            {
              vendor: name,
              vendor_code: vendorCode,
              vendor_request_id: requestId,
              certainly_not_sent: certainlyNotSent,
            },
            'SMS vendor did not accept a message',
          )
          if (thrown.code !== 'sms.undeliverable' || !certainlyNotSent) throw thrown
          last = thrown
        }
      }
      throw last
    },
  }
}
