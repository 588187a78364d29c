import { escapeHtml } from '../../views/escape.ts'
import type { I18n } from '../base/i18n.ts'
import type { Locale } from '../base/languages.ts'
import type { MailBrand, MailLines, MailWords } from './mail-parts.ts'
import type { MailCode, MailMessage } from './mail-sender.ts'
import { noticeLines } from './notice-lines.ts'

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

/** Writes a mail in the reader's language. */
export function mailText(message: MailMessage, { translate, brand }: Dependencies): MailText {
  const { locale } = message
  const name = brand.name(locale)
  const words: MailWords = (key, params = {}) => translate(locale, key, { brand: name, ...params })
  const lines = 'otp' in message ? codeLines(message, words) : noticeLines(message, words, brand)
  const help = brand.supportUrl && `${words('page.support')}: ${brand.supportUrl.replace(/^mailto:/, '')}`
  const foot = [words('mail.sender'), brand.company, brand.homeUrl, help].filter((line) => line !== undefined)
  const { subject, lead, code, paragraphs, href } = lines
  const told = code === undefined ? [lead] : [`${lead}${code}`]
  return {
    subject,
    text: [name, '', ...told, '', ...paragraphs, ...(href === undefined ? [] : [href]), '', '--', ...foot, ''].join(
      '\n',
    ),
    html: document(brand, { locale, direction: words('language.direction'), name, lines, foot }),
  }
}

/** The code stays out of the subject, which lock screens show. */
function codeLines({ template, otp, ttlMinutes }: MailCode, words: MailWords): MailLines {
  const what = words(`mail.${template}`)
  return {
    subject: words('mail.subject', { what }),
    lead: words('mail.code', { what }),
    code: otp,
    paragraphs: [words('mail.validity', { minutes: ttlMinutes }), words('mail.ignore')],
  }
}

interface Parts {
  readonly locale: Locale
  readonly direction: string
  readonly name: string
  readonly lines: MailLines
  readonly foot: readonly string[]
}

const outer = 'margin:0;padding:24px;background:#f3f6f5;color:#17211e;font:16px/1.6 sans-serif'
const sheet = 'max-width:480px;margin:0 auto;padding:24px 32px;border-radius:10px;background:#ffffff'
const small = 'margin:0;color:#53605c;font-size:13px'

/**
 * Tables and styles inline, as mail programs ask for. It loads nothing: a picture from elsewhere would tell when and
 * where a mail is read, and no program shows it unasked. What a page says about contrast holds here too, on white.
 */
function document({ color }: MailBrand, { locale, direction, name, lines, foot }: Parts): string {
  const { lead, code, paragraphs, href } = lines
  const large = `margin:0 0 16px;color:${color};font:bold 32px/1.4 monospace;letter-spacing:4px`
  const paragraph = (style: string) => (text: string) => `<p style="${style}">${escapeHtml(text)}</p>`
  const link = (to: string) =>
    `<p style="margin:0"><a style="color:${color}" href="${escapeHtml(to)}">${escapeHtml(to)}</a></p>`
  return [
    `<!doctype html><html lang="${locale}" dir="${direction}"><head><meta charset="utf-8"><title>${escapeHtml(name)}</title></head>`,
    `<body dir="auto" style="${outer}"><div style="${sheet}">`,
    paragraph('margin:0 0 16px;font-size:18px;font-weight:bold')(name),
    paragraph(code === undefined ? 'margin:0 0 8px;font-weight:bold' : 'margin:0')(lead),
    ...(code === undefined ? [] : [paragraph(large)(code)]),
    ...paragraphs.map(paragraph('margin:0 0 8px')),
    ...(href === undefined ? [] : [link(href)]),
    '<hr style="margin:24px 0 16px;border:0;border-top:1px solid #d6dedb">',
    ...foot.map(paragraph(small)),
    '</div></body></html>',
  ].join('\n')
}
