import type { OwnerEvent } from '../src/accounts/owner-events.ts'
import type { MessageChannel, MessageDetail, ownerMessages } from '../src/accounts/owner-messages.ts'
import { AppError } from '../src/base/errors.ts'
import type { UserId } from '../src/base/ids.ts'
import { type Locale, locales } from '../src/base/languages.ts'
import type { PhoneNumber } from '../src/base/phone.ts'
import type { MailSender } from '../src/mail/mail-sender.ts'
import type { Audit } from '../src/ops/audit.ts'
import type { Limits } from '../src/ops/limits.ts'
import type { Log } from '../src/ops/log.ts'
import type { Metrics } from '../src/ops/metrics.ts'
import { noTemplate, SmsRefusal, type SmsSender } from '../src/sms/sms-sender.ts'
import { type DueRow, type DueTable, isLastAttempt, sendDue } from '../src/store/due-rows.ts'

/** Limits of messages to owners: of one kind to one number or address, and of all together. */
export type OwnerMessageLimit = 'owner.kind' | 'owner.sms' | 'owner.mail'

type DueDependencies = Parameters<typeof sendDue>[0]

interface Dependencies extends DueDependencies {
  readonly open: ReturnType<typeof ownerMessages>['open']
  readonly sms: SmsSender
  /** Absent: nothing sends mail. */
  readonly mail: MailSender | undefined
  readonly limits: Pick<Limits<OwnerMessageLimit>, 'tryAll' | 'giveBack'>
  readonly log: Pick<Log, 'warn'>
  readonly metrics: Pick<Metrics, 'ownerMessages'>
  readonly audit: Pick<Audit, 'write'>
  /** Names what a text message has room for in the language of the owner. */
  readonly translate: (locale: Locale, key: string) => string
}

interface Row extends DueRow {
  readonly user_id: UserId
  readonly event: OwnerEvent
  readonly channel: MessageChannel
  readonly address: string
  readonly detail: MessageDetail
  readonly locale: Locale | null
  readonly happened_at: Date
}

/** More than a day in all: a vendor that is away is back by then, and an operator has seen the alarm. */
const messages: DueTable = {
  table: 'owner_messages',
  columns: ['user_id', 'event', 'channel', 'address', 'detail', 'locale', 'happened_at'],
  pausesSeconds: [10, 60, 600, 3600, 21_600, 86_400],
}

/** What became of one attempt. `unclear`: it may arrive, and is not sent once more. */
type Outcome = 'sent' | 'unclear' | 'no_template' | 'limited' | 'refused' | 'failed' | 'given_up'

/**
 * Tells owners of accounts what is due, each message by one process. One that may have been sent is not sent again; one
 * that was not is tried again with growing pauses, for more than a day. Answers how many were tried.
 */
export function tellOwners(dependencies: Dependencies): Promise<number> {
  return sendDue<Row>(dependencies, messages, async (row) => {
    const outcome = await tell(row, dependencies)
    dependencies.metrics.ownerMessages.inc({ event: row.event, channel: row.channel, outcome })
    return outcome === 'failed' ? 'failed' : 'over'
  })
}

async function tell(row: Row, { open, sms, mail, limits, log, audit, translate }: Dependencies): Promise<Outcome> {
  const { event, channel, user_id: userId, attempts } = row
  const total = channel === 'sms' ? 'owner.sms' : 'owner.mail'
  try {
    const to = open(row.address)
    // SECURITY: whoever can log in must not be able to bury their number under messages, or our bill.
    const first = attempts === 1 ? ([['owner.kind', `${userId} ${event} ${to}`]] as const) : []
    const verdict = await limits.tryAll([...first, [total, 'all']])
    if (verdict.refusedBy.includes('owner.kind')) return 'limited'
    if (!verdict.isTaken) throw new AppError('server.unavailable')
    return await (channel === 'sms' ? sendSms(row, to, { sms, translate }) : sendMail(row, to, mail)).catch(
      async (error: unknown) => {
        await limits.giveBack([[total, 'all']])
        throw error
      },
    )
  } catch (error) {
    const told = reasonOf(error)
    if (told === noTemplate) return 'no_template'
    const isRefused = error instanceof AppError && error.code === 'sms.number_refused'
    const isOver = isRefused || isLastAttempt(row, messages)
    const outcome = isRefused ? 'refused' : isOver ? 'given_up' : 'failed'
    log.warn(
      { event, channel, user_id: userId, attempts, outcome, error: told },
      'the owner of an account was not told',
    )
    if (isOver) {
      await audit.write({ event: 'owner.untold', userId, detail: { about: event, channel, attempts, error: told } })
    }
    return outcome
  }
}

function sendSms(
  { event, detail, locale, happened_at: happenedAt }: Row,
  to: string,
  { sms, translate }: Pick<Dependencies, 'sms' | 'translate'>,
) {
  const { what, until } = detail
  const where = what?.place && 'province' in what.place ? `place.${what.place.province}` : undefined
  const values = {
    time: minuteOf(happenedAt),
    // The province comes first: the vendor takes little, and a device is known by the beginning of its name as well.
    what: asValue([where && translate(locale ?? usual(), where), what?.label].filter(Boolean).join(' ')),
    until: until === undefined ? '' : minuteOf(new Date(until)),
  }
  return sms.send({ to: to as PhoneNumber, template: event, values })
}

async function sendMail({ event, detail, locale, happened_at: happenedAt }: Row, to: string, mail?: MailSender) {
  if (!mail) return 'no_template'
  const { what, until } = detail
  const named = { what, until: until === undefined ? undefined : new Date(until) }
  return mail.send({ to, template: event, locale: locale ?? usual(), happenedAt, ...named })
}

/** The language of whoever has never shown one. */
function usual(): Locale {
  return locales()[0] ?? 'en'
}

/** What vendors of the mainland take for one variable. */
const longestValue = 20

/**
 * A name as vendors of the mainland take it: not empty, and without brackets, which enclose signatures. SECURITY: and
 * without what makes a link, because an app may give its device any name.
 */
function asValue(label = ''): string {
  const text = label.replaceAll(/[^\p{L}\p{N} ·*+@._()-]+/gu, ' ').trim()
  return Array.from(text).slice(0, longestValue).join('') || '-'
}

const minutes = new Intl.DateTimeFormat('sv-SE', {
  ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
  timeZone: 'Asia/Shanghai',
})

/** `2026-11-29 22:30`, in the time of Beijing: the same in every language. */
function minuteOf(date: Date): string {
  return minutes.format(date)
}

/** A code and never the prose, which may quote the number. */
function reasonOf(error: unknown): string {
  if (!(error instanceof AppError)) return error instanceof Error ? error.message : String(error)
  return error.cause instanceof SmsRefusal ? error.cause.vendorCode : error.code
}
