import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { i18n } from '../../src/base/i18n.ts'
import { eachLanguage, inLanguage, locales, matching } from '../../src/base/languages.ts'

const all = ['zh-CN', 'en', 'ar', 'zh-TW']

test('there are as many languages as files, the default and English first', () => {
  const files = readdirSync(new URL('../../views/locales/', import.meta.url))
  expect(locales().slice(0, 2)).toEqual(['zh-CN', 'en'])
  expect(locales().toSorted()).toEqual(files.map((file) => file.replace('.json', '')).sort())
})

test.each([
  ['zh-TW', 'zh-TW'],
  ['zh-HK', 'zh-TW'],
  ['zh-MO', 'zh-TW'],
  ['zh-Hant', 'zh-TW'],
  ['zh-Hant-HK', 'zh-TW'],
  ['zh_hk', 'zh-TW'],
  ['yue', 'zh-TW'],
  ['zh', 'zh-CN'],
  ['zh-SG', 'zh-CN'],
  ['zh-Hans', 'zh-CN'],
  ['zh-Hans-HK', 'zh-CN'],
  ['ZH-cn', 'zh-CN'],
  ['ar-EG', 'ar'],
  ['en-GB', 'en'],
  ['fr', undefined],
  ['', undefined],
  ['<b>', undefined],
  ['x'.repeat(5000), undefined],
])('%s is answered in %s', (tag, expected) => {
  expect(matching(tag, all)).toBe(expected)
})

test('a text that an operator wrote in two languages is there for the others in the nearer one', () => {
  const text = { 'zh-CN': '门神', en: 'Menshen' }
  expect(all.map((locale) => inLanguage(text, locale))).toEqual(['门神', 'Menshen', 'Menshen', '门神'])
  expect(all.map((locale) => inLanguage({ 'zh-CN': '门神' }, locale))).toEqual(['门神', '门神', '门神', '门神'])
  expect(inLanguage('everywhere', 'ar')).toBe('everywhere')
  expect(inLanguage({}, 'en')).toBe('')
})

test('what is made for each language is there for one that there is no file of', () => {
  const made = eachLanguage((locale) => `for ${locale}`)
  expect([made('en'), made('fr'), made('zh-SG')]).toEqual(['for en', 'for en', 'for zh-CN'])
})

const resources = Object.fromEntries(all.map((locale) => [locale, { hello: locale }]))
const { negotiate, translate } = i18n({ resources })

test.each([
  [{ acceptLanguage: 'zh-TW,zh;q=0.9,en-US;q=0.8' }, 'zh-TW'],
  [{ acceptLanguage: 'zh-HK,en;q=0.5' }, 'zh-TW'],
  [{ acceptLanguage: 'zh-CN,zh-TW;q=0.5' }, 'zh-CN'],
  [{ acceptLanguage: 'en-US,en;q=0.9,zh-TW;q=0.8' }, 'zh-TW'],
  [{ acceptLanguage: 'ar-SA,ar;q=0.9,en;q=0.8' }, 'ar'],
  [{ acceptLanguage: 'fr,ar;q=0.5' }, 'ar'],
  [{ acceptLanguage: 'ar;q=0, en' }, 'en'],
  [{ acceptLanguage: 'fr' }, 'en'],
  [{ acceptLanguage: 'en', uiLocales: 'fr zh-MO en' }, 'zh-TW'],
  [{ acceptLanguage: 'zh', uiLocales: 'ar' }, 'ar'],
  [{ acceptLanguage: 'zh-CN', cookie: 'zh-TW' }, 'zh-TW'],
  [{}, 'zh-CN'],
])('%j gives %s', (wishes, locale) => {
  expect(negotiate(wishes)).toBe(locale)
})

test('a translator without a language answers in the nearest it has', () => {
  const { translate: ofTwo } = i18n({ resources: { 'zh-CN': { hello: '你好' }, en: { hello: 'Hello' } } })
  expect([ofTwo('zh-TW', 'hello'), ofTwo('ar', 'hello')]).toEqual(['你好', 'Hello'])
  expect(all.map((locale) => translate(locale, 'hello'))).toEqual(all)
})

test('a language that is one sentence behind has it in the nearest, and no page fails', () => {
  const late = i18n({ resources: { 'zh-CN': { hello: '你好' }, en: { hello: 'Hello' }, ar: {}, 'zh-TW': {} } })
  expect([late.translate('zh-TW', 'hello'), late.translate('ar', 'hello')]).toEqual(['你好', 'Hello'])
  expect(() => late.translate('ar', 'goodbye')).toThrow('no sentence')
})
