import { z } from 'zod'
import { AppError } from '../base/errors.ts'
import { isPasswordCut, specialCharacters } from '../base/password-in-address.ts'
import { secret } from '../base/secret.ts'
import type { MailMessage, MailSender } from './mail-sender.ts'
import type { MailText } from './texts.ts'

/** Settings of outgoing mail. */
export const mailOptions = z.strictObject({
  url: secret()
    .refine(
      (url) => /^smtps?:$/.test(URL.parse(url.reveal())?.protocol ?? ''),
      'expected an smtp:// or smtps:// address',
    )
    .refine((url) => !isPasswordCut(url.reveal()), `cannot be read: percent-encode ${specialCharacters}`)
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
 * Sends text and HTML over SMTP, one attempt a message. Credentials go to another machine only over TLS: with `smtp://`
 * they require STARTTLS, so nobody on the way can strip it. A mail whose text was on its way when the connection was
 * lost may have been sent. Throws `mail.undeliverable`.
 */
export function smtpMail(options: MailOptions, write: (message: MailMessage) => MailText): MailSender {
  const url = new URL(options.url.reveal())
  const transportOptions = {
    url: url.href,
    requireTLS: url.protocol === 'smtp:' && url.username !== '' && !isLoopback(url.hostname),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  }
  return {
    async send(message) {
      const conversation = watched()
      // It is large, and most starts send no mail.
      const { createTransport } = await import('nodemailer')
      try {
        await createTransport({ ...transportOptions, ...conversation.options }).sendMail({
          from: options.from,
          // SECURITY: an address object is taken whole; a string is a list and `a@x, b@y` would reach two people.
          to: { name: '', address: message.to },
          ...write(message),
          headers: { 'Auto-Submitted': 'auto-generated' },
        })
        return 'sent'
      } catch (thrown) {
        const failure = new SmtpFailure(thrown)
        if (conversation.textWasSent() && !failure.isRefusal) return 'unclear'
        throw new AppError('mail.undeliverable', { cause: failure })
      }
    },
  }
}

/**
 * Options that tell how far one conversation came: an error of the library names the connection alone, whether it was
 * lost before the text of the mail or after.
 */
function watched() {
  let textWasSent = false
  const ignore = () => {}
  const debug = ({ tnx }: { readonly tnx?: string }, line: unknown) => {
    if (tnx === 'client' && line === 'DATA') textWasSent = true
  }
  const logger = { level: ignore, trace: ignore, debug, info: ignore, warn: ignore, error: ignore, fatal: ignore }
  return { options: { logger, transactionLog: true }, textWasSent: () => textWasSent }
}

/** What went wrong, in codes only: the server's prose quotes the recipient. */
class SmtpFailure extends Error {
  override readonly name = 'SmtpFailure'
  /** Thrown only where the server said no, or was never given the text of the mail. */
  readonly certainlyNotSent = true
  /** The server said no. */
  readonly isRefusal: boolean

  constructor(thrown: unknown) {
    const { code, responseCode } = Object(thrown) as Readonly<Record<string, unknown>>
    super(`SMTP failed: ${[code, responseCode].filter((part) => part !== undefined).join(' ') || 'unknown'}`)
    this.isRefusal = responseCode !== undefined
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}
