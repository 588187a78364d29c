import { createInstance } from 'i18next'
import { chineseFormats, markSeams, spaced } from './chinese-spacing.ts'

/** The languages of every sentence a person reads. The first is the default. */
export const locales = ['zh-CN', 'en'] as const

/** A language that every sentence exists in. */
export type Locale = (typeof locales)[number]
/** What a sentence has to name: numbers and names, by parameter. */
export type TranslationParams = Readonly<Record<string, string | number>>

/** A text that is the same in every language, or one for each. */
export type Localized = string | { readonly [Language in Locale]?: string | undefined }

/** The text for a language; where it has none, the one of the first language that has. */
export function inLanguage(text: Localized, locale: Locale): string {
  if (typeof text === 'string') return text
  return text[locale] ?? locales.map((each) => text[each]).find((each) => each !== undefined) ?? ''
}

/** Something for each language. */
export function eachLanguage<Value>(make: (locale: Locale) => Value): Readonly<Record<Locale, Value>> {
  return Object.fromEntries(locales.map((locale) => [locale, make(locale)])) as Record<Locale, Value>
}

/** What a visitor said about languages, strongest first. */
export interface LanguageWishes {
  /** `ui_locales`, as OIDC Core §3.1.2.1 writes it: tags separated by spaces. */
  readonly uiLocales?: string | undefined
  readonly cookie?: string | undefined
  readonly acceptLanguage?: string | undefined
}

/** Chooses a language for a visitor and translates sentences. */
export interface I18n {
  readonly locales: typeof locales
  /**
   * The first wish we can meet. A visitor who names Chinese anywhere in `Accept-Language`, or names nothing, gets
   * `zh-CN`.
   */
  negotiate(wishes: LanguageWishes): Locale
  /**
   * The sentence for a key, as plain text: whoever puts it into HTML escapes it. `{{wait}}` is always at hand, made
   * from `retryAfterSeconds`, and `{{span}}` where there is `spanSeconds`. Throws when the key or a parameter is
   * missing, so that no raw key reaches a page.
   */
  translate(locale: Locale, key: string, params?: TranslationParams): string
}

/** Builds the translator from one flat table of sentences per language. */
export function i18n({ resources }: { resources: Readonly<Record<Locale, Readonly<Record<string, string>>>> }): I18n {
  const instance = createInstance()
  void instance.init({
    initAsync: false,
    lng: locales[0],
    fallbackLng: false,
    supportedLngs: [...locales],
    load: 'currentOnly',
    keySeparator: false,
    nsSeparator: false,
    resources: Object.fromEntries(locales.map((locale) => [locale, { translation: readyToFill(locale) }])),
    interpolation: { escapeValue: false },
    missingInterpolationHandler: (text: string, [name]: RegExpExecArray) => {
      throw new Error(`no value for ${name} in "${text}"`)
    },
  })
  for (const [name, format] of Object.entries(chineseFormats)) {
    instance.services.formatter?.add(name, (value: string | number) => format(String(value)))
  }

  function readyToFill(locale: Locale): Record<string, string> {
    const marked = ([key, sentence]: [string, string]) => [key, isChinese(locale) ? markSeams(sentence) : sentence]
    return Object.fromEntries(Object.entries(resources[locale]).map(marked))
  }

  const translate: I18n['translate'] = (locale, key, params = {}) => {
    const sentence = resources[locale][key]
    if (sentence === undefined) throw new Error(`no sentence "${key}" in ${locale}`)
    // Most sentences have nothing to fill in, and asking the library costs as much as drawing the rest of a page.
    if (!sentence.includes('{{')) return sentence
    const given = { ...params, wait: waitText(params['retryAfterSeconds']), lng: locale }
    const span = Number(params['spanSeconds'])
    return instance.t(key, span > 0 ? { ...given, span: duration(locale, span) } : given)

    function waitText(seconds: string | number | undefined): string {
      const whole = Math.ceil(Number(seconds))
      if (!(whole > 0)) return resources[locale]['wait.later'] ?? ''
      return instance.t('wait.after', { duration: duration(locale, whole), lng: locale })
    }
  }

  return { locales, negotiate, translate }
}

/**
 * A length of time the way people say it: `60 秒`, `5 minutes`. Rounded up, because waiting a little long never fails.
 */
function duration(locale: Locale, seconds: number): string {
  const [unit, size]: readonly [string, number] =
    seconds <= 120
      ? ['second', 1]
      : seconds <= 7200
        ? ['minute', 60]
        : seconds <= 172_800
          ? ['hour', 3600]
          : ['day', 86_400]
  // In Chinese the long form is the stiff one: `60秒钟`.
  const unitDisplay = isChinese(locale) ? 'short' : 'long'
  const format = new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay })
  const text = format.format(Math.ceil(seconds / size))
  return isChinese(locale) ? spaced(text) : text
}

const isChinese = (locale: Locale) => language(locale) === 'zh'

function negotiate({ uiLocales, cookie, acceptLanguage }: LanguageWishes): Locale {
  return firstKnown(uiLocales?.split(/\s+/)) ?? firstKnown([cookie ?? '']) ?? fromHeader(acceptLanguage)
}

function firstKnown(tags: readonly string[] = []): Locale | undefined {
  for (const tag of tags) {
    const found = locales.find((locale) => language(locale) === language(tag))
    if (found !== undefined) return found
  }
  return undefined
}

function fromHeader(header = ''): Locale {
  const tags = header
    .split(',', 20)
    .filter((part) => !/;\s*q=0(\.0*)?\s*$/i.test(part))
    .map((part) => language(part.split(';')[0] ?? ''))
    .filter((tag) => tag !== '' && tag !== '*')
  return tags.length === 0 || tags.includes('zh') ? 'zh-CN' : 'en'
}

function language(tag: string): string {
  return (tag.trim().split(/[-_]/)[0] ?? '').toLowerCase()
}
