import type { Locale } from '../base/languages.ts'

/** Who a mail is from, in the words and colours of the operator. */
export interface MailBrand {
  readonly name: (locale: Locale) => string
  readonly company: string | undefined
  readonly homeUrl: string | undefined
  readonly supportUrl: string | undefined
  /** Where its reader looks after their account. */
  readonly accountUrl: string
  /** Of the code, on white. */
  readonly color: string
}

/** What stands between the name and the foot of a mail. */
export interface MailLines {
  readonly subject: string
  /** What the mail is about, in one line. */
  readonly lead: string
  /** Large, and by itself. */
  readonly code?: string
  readonly paragraphs: readonly string[]
  /** An address of ours, last of all. */
  readonly href?: string
}

/** The sentence for a key in the reader’s language. */
export type MailWords = (key: string, params?: Readonly<Record<string, string | number>>) => string
