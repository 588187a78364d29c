import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { chineseFormats, markSeams, spaced } from '../../src/base/chinese-spacing.ts'
import { viewsFolder } from '../../views/engine.ts'

const repository = join(viewsFolder, '..')
const folders = ['views/locales', 'sandbox/demo/locales']
const read = (file: string): Record<string, string> => JSON.parse(readFileSync(join(repository, file), 'utf8'))
const catalogues = folders.flatMap((folder) =>
  readdirSync(join(repository, folder)).map((name) => ({ file: `${folder}/${name}`, language: name.slice(0, 2) })),
)
const chinese = catalogues.filter(({ language }) => language === 'zh').map(({ file }) => file)
const english = catalogues.filter(({ language }) => language === 'en').map(({ file }) => file)

/** A sentence as people read it when every parameter is this value. */
const filled = (sentence: string, value: string) =>
  markSeams(sentence).replace(/\{\{\w+((?:, \w+)*)\}\}/g, (_, formats: string) =>
    formats.split(', ').reduce((text, name) => chineseFormats[name]?.(text) ?? text, value),
  )

describe.each(chinese)('the Chinese of %s', (file) => {
  const sentences = Object.entries(read(file))

  it.each(['门神', 'Example', '12'])('has one space between Chinese and Latin and no other, with %s', (value) => {
    const wrong = sentences
      .map(([key, sentence]) => [key, filled(sentence, value)] as const)
      .filter(([, text]) =>
        [
          /\p{Script=Han}[A-Za-z0-9]|[A-Za-z0-9]\p{Script=Han}/u,
          /\p{Script=Han} +\p{Script=Han}| {2}/u,
          / [，。；：？！、）”》]|[，。；：？！、（“《] /u,
        ].some((fault) => fault.test(text)),
      )
    expect(wrong).toEqual([])
  })

  it('has full-width punctuation', () => {
    const half = sentences.filter(([, text]) => /\p{Script=Han}[,;:?!()"']|\p{Script=Han}\.(?!\w)/u.test(text))
    expect(half).toEqual([])
  })
})

/** One word for one thing, and none that people do not say. */
const unwanted: Readonly<Record<string, RegExp>> = {
  zh: /秒钟|设备代码|找回密码|重设密码|没有更改任何|这个\{\{|账户|帐号|登陆|撤消|回执/,
  en: /\b(un)?(bind|bound)\b|\be-mail|\blog ?in\b|\blog ?out\b| to go\b|\buser name|\bplease kindly\b/i,
}

it.each(['zh-CN', 'en'])('the pages keep to their words in %s', (locale) => {
  const wrong = unwanted[locale.slice(0, 2)]
  const found = Object.entries(read(`views/locales/${locale}.json`)).filter(([, text]) => wrong?.test(text))
  expect(found).toEqual([])
})

it.each(english)('the English of %s has no double space and no space before a full stop', (file) => {
  expect(Object.entries(read(file)).filter(([, text]) => / {2}| [.,;:?!](?!\w)(?! -)/.test(text))).toEqual([])
})

describe('a parameter in a Chinese sentence', () => {
  it.each([
    ['登录{{brand}}', '登录 Example', '登录门神'],
    ['登录 {{brand}}', '登录 Example', '登录门神'],
    ['{{client}} 请求访问', 'Example 请求访问', '门神请求访问'],
    ['请在{{app}}中打开', '请在 Example 中打开', '请在门神中打开'],
    ['您好，{{name}}。', '您好，Example。', '您好，门神。'],
    ['编号：{{id}}', '编号：Example', '编号：门神'],
  ])('takes a space in %s only beside a Latin letter', (sentence, latin, han) => {
    expect(filled(sentence, 'Example')).toBe(latin)
    expect(filled(sentence, '门神')).toBe(han)
  })

  it('keeps its own spaces, and a text that is all there is spaced once', () => {
    expect(filled('登录{{brand}}', '门神 Example')).toBe('登录门神 Example')
    expect(spaced(spaced('该GitHub有60秒'))).toBe('该 GitHub 有 60 秒')
  })
})
