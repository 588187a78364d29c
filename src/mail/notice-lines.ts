import { shownTime } from '../../views/shown-time.ts'
import type { OwnerEvent } from '../accounts/owner-events.ts'
import type { Named } from '../accounts/owner-messages.ts'
import type { Locale } from '../base/languages.ts'
import type { Place } from '../ops/ip-places.ts'
import type { MailBrand, MailLines, MailWords } from './mail-parts.ts'
import type { MailNotice } from './mail-sender.ts'

/** Nobody can look after an account that is no more. */
const beyondRepair: readonly OwnerEvent[] = ['deletion_done']

/** What a mail says to the owner of an account: what has happened, when, and what to do if it was not them. */
export function noticeLines(
  { template, locale, happenedAt, what, until }: MailNotice,
  words: MailWords,
  { accountUrl }: Pick<MailBrand, 'accountUrl'>,
): MailLines {
  const time = (date: Date) => `${shownTime(locale, date, 'short')} UTC+8`
  const named = { what: what ? placed(what, words, locale) : '', until: until ? time(until) : '' }
  const title = words(`notice.${template}`, named)
  const isOver = beyondRepair.includes(template)
  return {
    subject: words('mail.subject', { what: title }),
    lead: title,
    paragraphs: [
      words(`notice.${template}_body`, named),
      words('notice.time', { time: time(happenedAt) }),
      words(isOver ? 'notice.ask_support' : 'notice.not_you'),
    ],
    ...(isOver ? {} : { href: accountUrl }),
  }
}

/** With where it was used, where that is known. */
function placed({ place, isNewPlace, ...what }: Named, words: MailWords, locale: Locale): string {
  const name = nameOf(what, words)
  return place
    ? words(isNewPlace ? 'notice.at_new_place' : 'notice.at_place', { name, place: placeName(place, words, locale) })
    : name
}

function placeName(place: Place, words: MailWords, locale: Locale): string {
  if ('province' in place) return words(`place.${place.province}`)
  return new Intl.DisplayNames(locale, { type: 'region' }).of(place.country) ?? place.country
}

/** A way in with the name of its kind, a device or an app without. */
function nameOf({ provider, label }: Named, words: MailWords): string {
  if (provider === undefined) return label ?? words('notice.unknown_device')
  const [kind = ''] = provider.split(':')
  const name = knownKinds.has(kind) ? words(`provider.${kind}`) : provider
  return label === undefined ? name : words('notice.way', { name, label })
}

const knownKinds: ReadonlySet<string> = new Set([
  'phone',
  'email',
  'username',
  'wechat',
  'qq',
  'weibo',
  'github',
  'apple',
])
