import { readdirSync } from 'node:fs'

/** Tag of a language that the pages speak (BCP 47): the name of a file in `views/locales`. */
export type Locale = string

/** A text that is the same in every language, or one for each. */
export type Localized = string | Readonly<Record<Locale, string | undefined>>

/** Those that come first in every list: the default, and what is shown to whoever speaks none of the others. */
const first: readonly Locale[] = ['zh-CN', 'en']

let found: readonly Locale[] | undefined

/** The languages of every sentence a person reads: a further one is a further file. The first is the default. */
export function locales(): readonly Locale[] {
  found ??= inOrder(readdirSync(new URL('../../views/locales/', import.meta.url)))
  return found
}

function inOrder(files: readonly string[]): readonly Locale[] {
  const tags = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length))
  return [...first, ...tags.filter((tag) => !first.includes(tag)).sort()]
}

/** Something for each language, as a table. */
export function tableOf<Value>(make: (locale: Locale) => Value): Readonly<Record<Locale, Value>> {
  return Object.fromEntries(locales().map((locale) => [locale, make(locale)]))
}

/** Something for each language, made once. The answer is for the nearest one, should it be asked for another. */
export function eachLanguage<Value>(make: (locale: Locale) => Value): (locale: Locale) => Value {
  const made = new Map(Object.entries(tableOf(make)))
  return (locale) => {
    const value = made.get(locale) ?? made.get(nearest(locale, locales()))
    if (value === undefined) throw new Error(`nothing was made for ${locale}`)
    return value
  }
}

/** The text for a language; where it has none, the one for the nearest that it has. */
export function inLanguage(text: Localized, locale: Locale): string {
  if (typeof text === 'string') return text
  const written = Object.keys(text).filter((tag) => text[tag] !== undefined)
  return written.length === 0 ? '' : (text[nearest(locale, written)] ?? '')
}

/** The one of these languages that somebody reads who asked for another: one in the same writing, else English. */
export function nearest(locale: Locale, among: readonly Locale[]): Locale {
  return matching(locale, among) ?? among.find((each) => each === 'en') ?? among[0] ?? locale
}

/**
 * The one of these languages that a tag asks for: that very one, else the same language in the same writing, as `zh-HK`
 * is written as in `zh-TW`, else the same language. Undefined for another language, and for what is no tag.
 */
export function matching(tag: string, among: readonly Locale[]): Locale | undefined {
  if (among.includes(tag)) return tag
  const wanted = likely(tag)
  if (wanted === undefined) return undefined
  const same = among.filter((each) => likely(each)?.language === wanted.language)
  return same.find((each) => likely(each)?.script === wanted.script) ?? same[0]
}

/** Whether a text in this language is Chinese, in whatever characters. */
export function isChinese(locale: Locale): boolean {
  return likely(locale)?.language === 'zh'
}

/** Language and writing, with what a tag leaves out. Cantonese is read as Chinese. */
function likely(tag: string): { readonly language: string; readonly script: string | undefined } | undefined {
  if (!/^[a-z]{2,8}([-_][a-z0-9]{1,8}){0,4}$/i.test(tag)) return undefined
  try {
    const { language, script } = new Intl.Locale(tag.replaceAll('_', '-')).maximize()
    return { language: language === 'yue' ? 'zh' : language, script }
  } catch {
    return undefined
  }
}
