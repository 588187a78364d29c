import { beforeEach, expect, test } from 'vitest'
import type { Answer, AskedFor } from '../../interactions/challenges/human-challenge.ts'
import { question } from '../../interactions/challenges/question.ts'
import { AppError } from '../../src/base/errors.ts'
import { i18n } from '../../src/base/i18n.ts'
import { type Locale, locales } from '../../src/base/languages.ts'
import { Secret } from '../../src/base/secret.ts'
import { sealer, sealing } from '../../src/store/seal.ts'
import { sentencesOf } from '../../views/engine.ts'

let now = Date.now()
let answersLeft = 100
const marks = new Set<string>()
beforeEach(() => {
  marks.clear()
  answersLeft = 100
})

const keyOf = (byte: number) => new Secret(Buffer.alloc(32, byte).toString('base64url'))
const { translate } = i18n({ resources: Object.fromEntries(locales().map((each) => [each, sentencesOf(each)])) })
const server = (...keys: readonly [Secret, ...Secret[]]) =>
  question({
    store: {
      add: async (key) => {
        const isFirst = !marks.has(key)
        marks.add(key)
        return isFirst
      },
    },
    limits: {
      takeAll: async () => {
        answersLeft -= 1
        if (answersLeft < 0) throw new AppError('request.too_many')
        return { isTaken: true, refusedBy: [], waitSeconds: 0, counts: [] }
      },
    },
    clock: () => now,
    translate,
    ...sealing(sealer({ keys }), 'question'),
  })

const here = server(keyOf(1))
const wanted = { purpose: 'message', attemptId: 'attempt-1', to: '["sms","13800138000"]' } as const
const asking: AskedFor = { ...wanted, level: 2, ip: '203.0.113.7', locale: 'zh-CN' }

async function ask(locale: Locale = 'zh-CN', from = here) {
  const { text, question: token } = (await from.shown({ ...asking, locale })) as { text: string; question: string }
  return { text, token, right: solve(text, locale) }
}

/** As a person would: reads the two numbers in words, and whether they are to be added. */
function solve(text: string, locale: Locale): number {
  const words = translate(locale, 'human.numbers').split('|')
  const pattern = (key: string) =>
    new RegExp(`^${translate(locale, key, { one: '(.+)', two: '(.+)' }).replace('?', '[?]')}$`)
  const read = (word = '') => words.indexOf(word.replace(/[\u2068\u2069]/g, ''))
  const sum = pattern('human.sum').exec(text)
  const [, one, two] = sum ?? pattern('human.difference').exec(text) ?? []
  return sum ? read(one) + read(two) : read(one) - read(two)
}

const verify = (token: string | undefined, given: string, other: Partial<Answer> = {}, by = here) =>
  by.verify({
    ...wanted,
    ip: '203.0.113.7',
    fields: { ...(token === undefined ? {} : { question: token }), question_answer: given },
    ...other,
  })

test.each(locales())('is asked in words of %s, and answered by a number or a word', async (locale) => {
  const words = translate(locale, 'human.numbers').split('|')
  expect(words).toHaveLength(19)
  for (const write of [String, (right: number) => ` ${words[right]} `, arabic, wide]) {
    const { text, token, right } = await ask(locale)
    expect(text).not.toMatch(/\d/)
    expect(await verify(token, write(right))).toEqual({ verdict: 'human', level: 2 })
  }
})
const arabic = (right: number) => String(right).replace(/\d/g, (digit) => '٠١٢٣٤٥٦٧٨٩'.charAt(Number(digit)))
const wide = (right: number) => String(right).replace(/\d/g, (digit) => '０１２３４５６７８９'.charAt(Number(digit)))

test('has one answer: a wrong one uses it up, and so does a right one', async () => {
  const wrong = await ask()
  expect((await verify(wrong.token, String(wrong.right + 1))).verdict).toBe('refused')
  expect(await verify(wrong.token, String(wrong.right))).toEqual({ verdict: 'refused', vendorCode: 'used' })
  const right = await ask()
  const both = await Promise.all([1, 2].map(() => verify(right.token, String(right.right))))
  expect(both.map(({ verdict }) => verdict).sort()).toEqual(['human', 'refused'])
})

test.each<[string, Partial<Answer>]>([
  ['another purpose', { purpose: 'registration' }],
  ['another attempt', { attemptId: 'attempt-2' }],
  ['another number', { to: 'other' }],
])('counts for nothing for %s', async (_, other) => {
  const { token, right } = await ask()
  expect(await verify(token, String(right), other)).toEqual({ verdict: 'refused', vendorCode: 'for_something_else' })
  expect(marks.size).toBe(0)
})

test('is over after five minutes', async () => {
  const { token, right } = await ask()
  now += 300_001
  expect(await verify(token, String(right))).toEqual({ verdict: 'refused', vendorCode: 'expired' })
})

test.each([undefined, '', 'sealed', 'a.b', 'x'.repeat(5000)])(
  'that was never asked (%.10s) has no answer',
  async (token) => {
    expect((await verify(token, '7')).verdict).toBe('refused')
    expect(marks.size).toBe(0)
  },
)

test('of another server has no answer here, and that of the master key before has one', async () => {
  const { token, right } = await ask('en', server(keyOf(2)))
  expect((await verify(token, String(right))).verdict).toBe('refused')
  expect((await verify(token, String(right), {}, server(keyOf(1), keyOf(2)))).verdict).toBe('human')
})

test('does not tell the answer in what the page holds', async () => {
  const { token } = await ask()
  expect(Buffer.from(token.split('.').at(-1) ?? '', 'base64url').toString('latin1')).not.toContain('attempt-1')
})

test('is not answered without end', async () => {
  answersLeft = 0
  const { token, right } = await ask()
  await expect(verify(token, String(right))).rejects.toMatchObject({ code: 'request.too_many' })
})
