import { createInstance } from 'i18next'
import { chineseFormats, markSeams, spaced } from './chinese-spacing.ts'
import { isChinese, type Locale, matching, nearest } from './languages.ts'

/** What a sentence has to name: numbers and names, by parameter. */
export type TranslationParams = Readonly<Record<string, string | number>>

/** What a visitor said about languages, strongest first. */
export interface LanguageWishes {
  /** `ui_locales`, as OIDC Core §3.1.2.1 writes it: tags separated by spaces. */
  readonly uiLocales?: string | undefined
  readonly cookie?: string | undefined
  readonly acceptLanguage?: string | undefined
}

/** Chooses a language for a visitor and translates sentences. */
export interface I18n {
  readonly locales: readonly Locale[]
  /**
   * The first wish we can meet. A visitor who names Chinese anywhere in `Accept-Language` gets the Chinese they name;
   * who names nothing gets the default, and who names only what we do not speak gets English.
   */
  negotiate(wishes: LanguageWishes): Locale
  /**
   * The sentence for a key, as plain text: whoever puts it into HTML escapes it. `{{wait}}` is always at hand, made
   * from `retryAfterSeconds`, and `{{span}}` where there is `spanSeconds`. Throws when the key or a parameter is
   * missing, so that no raw key reaches a page.
   */
  translate(locale: Locale, key: string, params?: TranslationParams): string
}

/** Sentences by their keys. */
export type Sentences = Readonly<Record<string, string>>

/**
 * Builds the translator from one flat table of sentences per language, the default first. A language that has none is
 * answered in the nearest one.
 */
export function i18n({ resources }: { resources: Readonly<Record<Locale, Sentences>> }): I18n {
  const locales = Object.keys(resources)
  const tables = new Map(Object.entries(resources))
  const instance = createInstance()
  void instance.init({
    initAsync: false,
    lng: locales[0] ?? '',
    fallbackLng: false,
    supportedLngs: locales,
    load: 'currentOnly',
    keySeparator: false,
    nsSeparator: false,
    resources: Object.fromEntries(
      [...tables].map(([locale, table]) => [locale, { translation: ready(locale, table) }]),
    ),
    interpolation: { escapeValue: false },
    missingInterpolationHandler: (text: string, [name]: RegExpExecArray) => {
      throw new Error(`no value for ${name} in "${text}"`)
    },
  })
  for (const [name, format] of Object.entries(chineseFormats)) {
    instance.services.formatter?.add(name, (value: string | number) => format(String(value)))
  }

  const translate: I18n['translate'] = (asked, key, params = {}) => {
    const locale = speaker(asked, key)
    const table = tables.get(locale) ?? {}
    const sentence = table[key]
    if (sentence === undefined) throw new Error(`no sentence "${key}" in ${locale}`)
    // Most sentences have nothing to fill in, and asking the library costs as much as drawing the rest of a page.
    if (!sentence.includes('{{')) return sentence
    const given = { ...params, wait: waitText(params['retryAfterSeconds']), lng: locale }
    const span = Number(params['spanSeconds'])
    return instance.t(key, span > 0 ? { ...given, span: duration(locale, span) } : given)

    function waitText(seconds: string | number | undefined): string {
      const whole = Math.ceil(Number(seconds))
      if (!(whole > 0)) return table['wait.later'] ?? ''
      return instance.t('wait.after', { duration: duration(locale, whole), lng: locale })
    }
  }

  /** Nobody is kept out because a language is one sentence behind: the nearest one says it. */
  function speaker(asked: Locale, key: string): Locale {
    if (tables.get(asked)?.[key] !== undefined) return asked
    return nearest(
      asked,
      locales.filter((locale) => locale !== asked),
    )
  }

  return { locales, negotiate: (wishes) => negotiate(wishes, locales), translate }
}

/** In Chinese a parameter has to know what it touches. */
function ready(locale: Locale, sentences: Sentences): Sentences {
  if (!isChinese(locale)) return sentences
  return Object.fromEntries(Object.entries(sentences).map(([key, sentence]) => [key, markSeams(sentence)]))
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

function negotiate({ uiLocales, cookie, acceptLanguage }: LanguageWishes, locales: readonly Locale[]): Locale {
  const wished = [...(uiLocales?.split(/\s+/) ?? []), cookie ?? '']
  return firstKnown(wished, locales) ?? fromHeader(acceptLanguage, locales)
}

function firstKnown(tags: readonly string[], locales: readonly Locale[]): Locale | undefined {
  for (const tag of tags) {
    const found = matching(tag, locales)
    if (found !== undefined) return found
  }
  return undefined
}

function fromHeader(header: string | undefined, locales: readonly Locale[]): Locale {
  const tags = (header ?? '')
    .split(',', 20)
    .filter((part) => !/;\s*q=0(\.0*)?\s*$/i.test(part))
    .map((part) => (part.split(';')[0] ?? '').trim())
    .filter((tag) => tag !== '' && tag !== '*')
  const [usual = 'en'] = locales
  if (tags.length === 0) return usual
  return firstKnown(tags.filter(isChinese), locales) ?? firstKnown(tags, locales) ?? nearest('en', locales)
}
