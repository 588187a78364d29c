import { type MessageLimit, messageBudget } from '../../interactions/methods/message-budget.ts'
import { type OtpCodes, otpCodes } from '../../interactions/methods/otp.ts'
import { type OwnerMessageLimit, tellOwners } from '../../interactions/owner-deliveries.ts'
import type { Guard } from '../abuse/abuse-guard.ts'
import { ownerMessages } from '../accounts/owner-messages.ts'
import { type AfterAnswer, afterAnswer } from '../base/after-answer.ts'
import { httpClient } from '../base/http.ts'
import type { MailMessage, MailSender } from '../mail/mail-sender.ts'
import { smtpMail } from '../mail/smtp.ts'
import { mailText } from '../mail/texts.ts'
import type { AlarmOf } from '../ops/alarm.ts'
import { countersWatch } from '../ops/counters-watch.ts'
import type { Limits } from '../ops/limits.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { SmsSender } from '../sms/sms-sender.ts'
import { buildSmsSender } from '../sms/sms-senders.ts'
import { metadataClient } from '../sms/vendor-keys.ts'
import type { Core } from './core.ts'
import { countedCodes, countedMail } from './counted-outcomes.ts'
import type { Face } from './face.ts'

/** What stands in for senders where none is configured. */
export interface MessageStandIns {
  readonly sms: SmsSender
  readonly mail: MailSender
}

/** One-time codes, and what sends them. */
export interface Messages {
  readonly codes: OtpCodes
  /** What there is a sender for. */
  readonly channels: readonly ('sms' | 'email')[]
  /** What is sent after an answer. */
  readonly background: AfterAnswer
  /** Looks how many messages of the day are used, and whether what was counted is still there. */
  readonly measure: () => Promise<void>
  /** Tells owners of accounts what is due. */
  readonly tellOwners: () => Promise<unknown>
}

const senderTimeoutMs = 5000

interface Dependencies {
  readonly limits: Limits<MessageLimit | OwnerMessageLimit>
  readonly guard: Guard<MessageLimit>
  readonly alarm: AlarmOf
  readonly metrics: Metrics
  readonly face: Face
}

/** Builds the one-time codes with their senders, their budget and its alarm. */
export function buildMessages(
  { config, database, log, clock, store, sealer, directory, audit }: Core,
  standIns: MessageStandIns | undefined,
  { limits, guard, alarm, metrics, face }: Dependencies,
): Messages {
  const { senders, countries } = config.sms
  const http = httpClient({ timeoutMs: senderTimeoutMs, allowInsecure: config.sandbox })
  const onOutcome = (vendor: string, outcome: string) => metrics.smsSent.inc({ vendor, outcome })
  const outward = { http, metadata: metadataClient(), clock, countries, log, onOutcome }
  const budget = messageBudget({ limits, guard, onUsed: (limit, share) => alarm(limit, share) })
  const { translate } = face.i18n
  const write = (message: MailMessage) => mailText(message, { translate, brand: face.mailBrand })
  const background = afterAnswer({ report: (error) => log.error({ err: error }, 'a code was not sent') })
  const sms = standIns && senders.length === 0 ? standIns.sms : buildSmsSender(senders, outward)
  const mail = config.mail ? countedMail(smtpMail(config.mail, write), metrics, log) : standIns?.mail
  const issuing = otpCodes({
    ...{ store, sms, mail, budget, guard, background, clock },
    ownerOf: ({ channel, to }, device) =>
      directory.findByIdentifier({ provider: channel === 'sms' ? 'phone' : 'email', subject: to }, device),
    options: { countries, mac: (text) => sealer.mac('otp', text) },
  })
  const channels = [
    ...(standIns || senders.length > 0 ? (['sms'] as const) : []),
    ...(standIns || config.mail ? (['email'] as const) : []),
  ]
  const { open } = ownerMessages({ sealer })
  const watch = countersWatch({
    ...{ store, clock },
    onLost() {
      metrics.countersLost.inc()
      log.error('the store came back without what it had counted: limits begin anew, money does not')
    },
  })
  return {
    codes: countedCodes(issuing, metrics),
    channels,
    background,
    async measure() {
      await Promise.all([budget.measure(), guard.spent(), watch()])
    },
    tellOwners: () => tellOwners({ database, clock, open, sms, mail, limits, log, metrics, audit, translate }),
  }
}
