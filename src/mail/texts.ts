import { escapeHtml } from '../../views/escape.ts'
import type { I18n } from '../base/i18n.ts'
import type { Locale } from '../base/languages.ts'
import type { MailMessage } from './mail-sender.ts'

/** Who a mail is from, in the words and colours of the operator. */
export interface MailBrand {
  readonly name: (locale: Locale) => string
  readonly company: string | undefined
  readonly homeUrl: string | undefined
  readonly supportUrl: string | undefined
  /** Of the code, on white. */
  readonly color: string
}

interface Dependencies {
  readonly translate: I18n['translate']
  readonly brand: MailBrand
}

/** A mail as it is sent: for programs that show text, and for those that show HTML. */
export interface MailText {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** Writes a mail in the reader's language. The code stays out of the subject, which lock screens show. */
export function mailText(message: MailMessage, { translate, brand }: Dependencies): MailText {
  const { template, otp, ttlMinutes, locale } = message
  const name = brand.name(locale)
  const what = translate(locale, `mail.${template}`)
  const [lead, validity, ignore, sender] = [
    translate(locale, 'mail.code', { what }),
    translate(locale, 'mail.validity', { minutes: ttlMinutes }),
    translate(locale, 'mail.ignore'),
    translate(locale, 'mail.sender', { brand: name }),
  ]
  const help = brand.supportUrl && `${translate(locale, 'page.support')}: ${brand.supportUrl.replace(/^mailto:/, '')}`
  const foot = [sender, brand.company, brand.homeUrl, help].filter((line) => line !== undefined)
  return {
    subject: translate(locale, 'mail.subject', { what, brand: name }),
    text: [name, '', `${lead}${otp}`, '', validity, ignore, '', '--', ...foot, ''].join('\n'),
    html: document(brand, {
      locale,
      direction: translate(locale, 'language.direction'),
      name,
      lead,
      otp,
      paragraphs: [validity, ignore],
      foot,
    }),
  }
}

interface Parts {
  readonly locale: Locale
  readonly direction: string
  readonly name: string
  readonly lead: string
  readonly otp: string
  readonly paragraphs: readonly string[]
  readonly foot: readonly string[]
}

const outer = 'margin:0;padding:24px;background:#f3f6f5;color:#17211e;font:16px/1.6 sans-serif'
const sheet = 'max-width:480px;margin:0 auto;padding:24px 32px;border-radius:10px;background:#ffffff'
const small = 'margin:0;color:#53605c;font-size:13px'

/**
 * Tables and styles inline, as mail programs ask for. It loads nothing: a picture from elsewhere would tell when and
 * where a mail is read, and no program shows it unasked. What a page says about contrast holds here too, on white.
 */
function document({ color }: MailBrand, { locale, direction, name, lead, otp, paragraphs, foot }: Parts): string {
  const code = `margin:0 0 16px;color:${color};font:bold 32px/1.4 monospace;letter-spacing:4px`
  const paragraph = (style: string) => (text: string) => `<p style="${style}">${escapeHtml(text)}</p>`
  return [
    `<!doctype html><html lang="${locale}" dir="${direction}"><head><meta charset="utf-8"><title>${escapeHtml(name)}</title></head>`,
    `<body dir="auto" style="${outer}"><div style="${sheet}">`,
    paragraph('margin:0 0 16px;font-size:18px;font-weight:bold')(name),
    paragraph('margin:0')(lead),
    paragraph(code)(otp),
    ...paragraphs.map(paragraph('margin:0 0 8px')),
    '<hr style="margin:24px 0 16px;border:0;border-top:1px solid #d6dedb">',
    ...foot.map(paragraph(small)),
    '</div></body></html>',
  ].join('\n')
}
