import type { OwnerEvent } from '../accounts/owner-events.ts'
import type { Named } from '../accounts/owner-messages.ts'
import type { Locale } from '../base/languages.ts'

/** What a mail is sent for. */
export type MailTemplate = 'login_code' | 'register_code' | 'reset_code' | 'bind_code'

/** A mail with a code. */
export interface MailCode {
  readonly to: string
  readonly template: MailTemplate
  readonly otp: string
  readonly ttlMinutes: number
  readonly locale: Locale
}

/** A mail that tells the owner of an account what has happened to it. */
export interface MailNotice {
  readonly to: string
  readonly template: OwnerEvent
  readonly locale: Locale
  readonly happenedAt: Date
  readonly what?: Named | undefined
  readonly until?: Date | undefined
}

/** Any mail. */
export type MailMessage = MailCode | MailNotice

/**
 * What became of a mail. `unclear`: the server was given the text and its answer was lost, so that it may arrive.
 */
export type MailOutcome = 'sent' | 'unclear'

/** Sends one e-mail. Throws `mail.undeliverable` when nothing was sent. */
export interface MailSender {
  send(message: MailMessage): Promise<MailOutcome>
}
