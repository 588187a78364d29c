import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  failure,
  flag,
  numericSubject,
  openSubject,
  optional,
  parseAnswer,
  readAnswer,
  secondsText,
  shown,
  strictJson,
  subject,
  tokenText,
} from '../../interactions/upstreams/vendor-answers.ts'

const read = (schema: z.ZodType, json: string) => schema.safeParse((readAnswer(`{"it":${json}}`) as { it: unknown }).it)

describe('who somebody is', () => {
  it('is taken exactly as it came', () => {
    expect(read(subject, '"oABC-_1"').data).toBe('oABC-_1')
    expect(read(numericSubject, '12345678901234567890').data).toBe('12345678901234567890')
    expect(read(numericSubject, '"007"').data).toBe('007')
    expect(read(openSubject, '"张三 at works"').data).toBe('张三 at works')
  })

  it.each([
    '"o1\t"',
    '"o1\\u0000"',
    '" o1"',
    '"o1 "',
    '""',
    'null',
    '[]',
    '{}',
    'true',
    '["o1"]',
    `"${'o'.repeat(256)}"`,
  ])('is not guessed: %s', (json) => {
    expect(read(subject, json).success).toBe(false)
    expect(read(tokenText, json).success).toBe(json.length > 200)
  })

  it.each(['1.0', '1e3', '-1', '"+1"', '"1 "', '"0x1"'])('is no number like %s', (json) => {
    expect(read(numericSubject, json).success).toBe(false)
  })

  it('is nobody where an answer names two', () => {
    const schema = z.object({ openid: subject, unionid: optional(subject), nickname: shown })
    const forged = '{"openid":"o1","nickname":"x","unionid":"u1","unionid":"u2"}'
    expect(() => parseAnswer(schema, readAnswer(forged))).toThrow('upstream.refused')
    const harmless = '{"openid":"o1","nickname":"x","nickname":"y"}'
    expect(parseAnswer(schema, readAnswer(harmless))).toEqual({ openid: 'o1', nickname: '' })
  })
})

describe('what is empty', () => {
  it.each(['null', '""', '[]'])('is absent: %s', (json) => {
    const schema = z.object({ it: optional(subject) })
    expect(parseAnswer(schema, readAnswer(`{"it":${json}}`)).it).toBeUndefined()
    expect(parseAnswer(z.object({ it: failure }), readAnswer(`{"it":${json}}`)).it).toBeUndefined()
    expect(parseAnswer(z.object({ it: failure, is: flag }), {})).toEqual({ it: undefined, is: undefined })
  })

  it('is no failure where it is zero or false, and everything else is one', () => {
    expect(['0', '"0"', 'false', '"false"'].map((json) => read(failure, json).data)).toEqual(Array(4).fill(undefined))
    expect(['-1', '"invalid_grant"', '40029'].map((json) => read(failure, json).data)).toEqual([
      '-1',
      'invalid_grant',
      '40029',
    ])
    expect(read(failure, '{"error":1}').success).toBe(false)
  })
})

it('yes and no are read in whatever way they are written, and what is unclear is yes', () => {
  expect(['true', '"true"', '1', '"1"', '2', '"yes"'].map((json) => read(flag, json).data)).toEqual(Array(6).fill(true))
  expect(['false', '"False"', '0', '"0"'].map((json) => read(flag, json).data)).toEqual(Array(4).fill(false))
})

it('seconds are numbers, however they are written', () => {
  expect(['7200', '"7200"', '1.5'].map((json) => read(secondsText, json).data)).toEqual([7200, 7200, 1.5])
  expect(['-1', '"soon"', 'null', '1e99'].filter((json) => read(secondsText, json).success)).toEqual([])
})

it('a strict parser gets JSON without what is absent, and nothing where there is no object', () => {
  expect(strictJson('callback({"a":1,"b":null,"c":"","d":[],"e":"x\u0001",})')).toBe('{"a":"1","e":"x\\u0001"}')
  expect(strictJson('{"sub":"a","sub":"b"}')).toBe('{}')
  expect(['', '<html>', '[]', '7'].map(strictJson)).toEqual(Array(4).fill(undefined))
})
