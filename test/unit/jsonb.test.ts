import { expect, test } from 'vitest'
import { isJsonb } from '../../src/store/jsonb.ts'

test.each([
  ['a NUL', 'a\u0000b'],
  ['a high surrogate alone', 'a\ud800'],
  ['a low surrogate alone', '\udfffb'],
  ['a NUL behind a backslash', '\\\u0000'],
])('%s is no text of jsonb, as a value and as a name', (_, text) => {
  expect(isJsonb(JSON.stringify({ value: text }))).toBe(false)
  expect(isJsonb(JSON.stringify({ [text]: 1 }))).toBe(false)
})

test.each([
  ['a pair of surrogates', '😀'],
  ['other control characters', '\u0001\t\n\u001f'],
  ['the escape written out', '\\u0000 \\ud800'],
  ['many backslashes', '\\\\\\u0000'],
])('%s is', (_, text) => {
  expect(isJsonb(JSON.stringify({ value: text }))).toBe(true)
})
