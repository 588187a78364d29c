/** What a mail is sent for. */
export type MailTemplate = 'login_code' | 'register_code' | 'reset_code' | 'bind_code'

/** A mail with a code. */
export interface MailMessage {
  readonly to: string
  readonly template: MailTemplate
  readonly otp: string
  readonly ttlMinutes: number
  readonly locale: string
}

/** Sends one e-mail. Throws `mail.undeliverable`. */
export interface MailSender {
  send(message: MailMessage): Promise<void>
}
