import { sentencesOf } from '../../views/engine.ts'
import { type Locale, locales, tableOf } from '../base/languages.ts'
import { meant } from '../base/schema-problems.ts'
import type { BrandProblem } from './brand-problems.ts'

/** Sentences of an operator in the place of ours, for each language. */
export type Phrases = Readonly<Record<Locale, Readonly<Record<string, string>> | undefined>>

/** What people agree to must be what they read: these sentences are ours to answer for. */
const fixed = /^(agreement|consent|scope)\./
const markup = /<[a-z!/?]|&(#\d+|#x[\da-f]+|[a-z]+);/i
const hidden = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u
const mostTimes = 3
const spare = 40

/** What is wrong with the sentences of an operator. */
export function phraseProblems(phrases: Phrases = {}): BrandProblem[] {
  return locales().flatMap((locale) => {
    const own = Object.entries(phrases[locale] ?? {})
    if (own.length === 0) return []
    const sentences = sentencesOf(locale)
    return own.flatMap(([key, text]) => {
      const message = faultOf(key, text, sentences)
      return message === undefined ? [] : [{ path: ['phrases', locale, key], message }]
    })
  })
}

/** Every sentence by language and key, the operator's in the place of ours. */
export function sentencesWith(phrases: Phrases = {}): Readonly<Record<Locale, Readonly<Record<string, string>>>> {
  return tableOf((locale) => ({ ...sentencesOf(locale), ...phrases[locale] }))
}

function faultOf(key: string, text: string, sentences: Readonly<Record<string, string>>): string | undefined {
  const before = Object.hasOwn(sentences, key) ? sentences[key] : undefined
  if (before === undefined) return `is no sentence${meant(key, Object.keys(sentences))}`
  if (fixed.test(key)) return 'is a sentence by which people agree to something, and stays as it is'
  if (text.trim() === '') return 'is empty'
  if (markup.test(text)) return 'holds HTML; a sentence is text, and its signs are shown as they are'
  if (hidden.test(text)) return 'holds a character that cannot be seen'
  if (text.includes('$t(')) return 'refers to another sentence'
  if (text.length > before.length * mostTimes + spare) {
    return `has ${text.length} characters; there is room for ${before.length * mostTimes + spare}`
  }
  const [named, expected] = [parameters(text), parameters(before)]
  if (named.join() === expected.join()) return undefined
  return `names ${list(named)}, and has to name ${list(expected)}`
}

function parameters(text: string): readonly string[] {
  return [...new Set(Array.from(text.matchAll(/\{\{([^}]*)\}\}/g), ([, name = '']) => name.trim()))].toSorted()
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'no parameter' : names.map((name) => `{{${name}}}`).join(', ')
}
