import { createTransport } from 'nodemailer'
import { z } from 'zod'
import { AppError } from '../base/errors.ts'
import { secret } from '../base/secret.ts'
import type { MailSender } from './mail-sender.ts'
import { mailText } from './texts.ts'

/** Settings of outgoing mail. */
export const mailOptions = z.strictObject({
  url: secret()
    .refine(
      (url) => /^smtps?:$/.test(URL.parse(url.reveal())?.protocol ?? ''),
      'expected an smtp:// or smtps:// address',
    )
    .meta({ secret: true })
    .describe('Mail server, `smtps://user:password@host` or `smtp://…`'),
  from: z
    .string()
    .regex(/^[^\r\n]*@[^\r\n]+$/, 'expected an e-mail address')
    .describe('Sender, as an address or "Name" <address>'),
})

/** The settings of mail, after they were checked. */
export type MailOptions = z.output<typeof mailOptions>

const timeoutMs = 10_000

/**
 * Sends plain text over SMTP, one attempt a message. Credentials go to another machine only over TLS: with `smtp://`
 * they require STARTTLS, so nobody on the way can strip it. Throws `mail.undeliverable`.
 */
export function smtpMail(options: MailOptions): MailSender {
  const url = new URL(options.url.reveal())
  const transport = createTransport({
    url: url.href,
    requireTLS: url.protocol === 'smtp:' && url.username !== '' && !isLoopback(url.hostname),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
  })
  return {
    async send(message) {
      try {
        await transport.sendMail({
          from: options.from,
          // SECURITY: an address object is taken whole; a string is a list and `a@x, b@y` would reach two people.
          to: { name: '', address: message.to },
          ...mailText(message),
          headers: { 'Auto-Submitted': 'auto-generated' },
        })
      } catch (thrown) {
        throw new AppError('mail.undeliverable', { cause: new SmtpFailure(thrown) })
      }
    },
  }
}

/** What went wrong, in codes only: the server's prose quotes the recipient. */
class SmtpFailure extends Error {
  override readonly name = 'SmtpFailure'
  /** The server said no, or was never given the text of the mail. */
  readonly certainlyNotSent: boolean

  constructor(thrown: unknown) {
    const { code, responseCode, command } = Object(thrown) as Readonly<Record<string, unknown>>
    super(`SMTP failed: ${[code, responseCode].filter((part) => part !== undefined).join(' ') || 'unknown'}`)
    this.certainlyNotSent = responseCode !== undefined || (typeof command === 'string' && command !== 'DATA')
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}
