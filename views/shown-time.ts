import type { PageLocale } from './views.ts'

/** In the time of Beijing; where it can, the script shows a `time` with `data-local` in that of the browser. */
export function shownTime(locale: PageLocale, date: Date, timeStyle: 'short' | 'medium'): string {
  const format = { dateStyle: 'medium', timeStyle, timeZone: 'Asia/Shanghai', hourCycle: 'h23' } as const
  return new Intl.DateTimeFormat(locale === 'en' ? 'en-GB' : `${locale}-u-nu-latn`, format).format(date)
}
