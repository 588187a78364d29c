import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseIdentifier, parseNewIdentifier } from '../../src/accounts/identifier.ts'
import { AppError } from '../../src/base/errors.ts'
import { leastCpuMs } from '../support/patience.ts'

function refusal(text: string, parse = parseIdentifier): { code: string; field: string | undefined } | undefined {
  try {
    parse(text)
    return undefined
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return { code: error.code, field: error.field }
  }
}

describe('an identifier', () => {
  test.each([
    ['13800138000', 'phone', '+8613800138000'],
    [' +86 138-0013-8000 ', 'phone', '+8613800138000'],
    ['１３８００１３８０００', 'phone', '+8613800138000'],
    ['0086 138 0013 8000', 'phone', '+8613800138000'],
    ['Zhang.San+shop@Example.COM', 'email', 'zhang.san+shop@example.com'],
    ['ａ@ｅｘａｍｐｌｅ．ｃｏｍ', 'email', 'a@example.com'],
    ['张三@例子.中国', 'email', '张三@例子.中国'],
    ['Zhang_San', 'username', 'zhang_san'],
    ['张三丰', 'username', '张三丰'],
    ['ｚｈａｎｇ－３', 'username', 'zhang-3'],
    ['a.b', 'username', 'a.b'],
  ])('%s is read as %s %s', (text, provider, subject) => {
    expect(parseIdentifier(text)).toEqual({ provider, subject })
  })

  test('the country decides about a number without one', () => {
    expect(parseIdentifier('91234567', '852')).toEqual({ provider: 'phone', subject: '+85291234567' })
  })

  test.each([
    ['1380013800', 'phone.invalid'],
    ['1'.repeat(40), 'phone.invalid'],
    ['138-0013', 'phone.invalid'],
    ['a@b', 'email.invalid'],
    ['a@@example.com', 'email.invalid'],
    ['a@b@example.com', 'email.invalid'],
    ['@example.com', 'email.invalid'],
    ['a@', 'email.invalid'],
    ['a,b@example.com', 'email.invalid'],
    ['"a b"@example.com', 'email.invalid'],
    ['a\r\nbcc: b@example.com', 'email.invalid'],
    ['a\u0000@example.com', 'email.invalid'],
    ['a@-example.com', 'email.invalid'],
    ['a@example..com', 'email.invalid'],
    [`${'a'.repeat(250)}@example.com`, 'email.invalid'],
    ['', 'username.invalid'],
    ['ab', 'username.invalid'],
    ['a'.repeat(33), 'username.invalid'],
    ['---', 'username.invalid'],
    ['zhang san', 'username.invalid'],
    ['zhang\u0000san', 'username.invalid'],
    ['zhang\u200bsan', 'username.invalid'],
    ['zhang\u202esan', 'username.invalid'],
    ['zhang\ufe0fsan', 'username.invalid'],
    ['zhang🙂san', 'username.invalid'],
    ['zhang\ud800san', 'username.invalid'],
    ['аdmin', 'username.invalid'],
    ['<script>', 'username.invalid'],
    ['x'.repeat(100_000), 'username.invalid'],
  ])('%j is refused with %s at its field', (text, code) => {
    expect(refusal(text)).toEqual({ code, field: 'identifier' })
  })

  test.each(['admin', 'Root', 'MenShen', 'ad.min', 'ａｄｍｉｎ', '管理员', '系统管理员'])(
    'the name %s cannot be registered',
    (name) => {
      expect(refusal(name, parseNewIdentifier)).toEqual({ code: 'username.invalid', field: 'identifier' })
    },
  )

  test('a reserved name still reads as a name when logging in, and an ordinary one can be registered', () => {
    expect(parseIdentifier('admin')).toEqual({ provider: 'username', subject: 'admin' })
    expect(parseNewIdentifier('zhangsan')).toEqual({ provider: 'username', subject: 'zhangsan' })
  })

  const country = fc.option(fc.oneof(fc.stringMatching(/^\d{1,4}$/), fc.string({ maxLength: 5 })), { nil: undefined })
  const typed = fc.oneof(
    fc.stringMatching(/^[+]?[0-9 ()-]{5,16}$/),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...'aA1０ａ.-_+@ ()张İſΩ\u0345\u0301\u200b\u0000'), maxLength: 24 }),
    fc
      .tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 9 }), fc.constantFrom('@example.com', 'abc', '张三'))
      .map((parts) => parts.join('')),
  )

  test('reading what was read changes nothing, and whatever is typed throws nothing but a refusal', () => {
    fc.assert(
      fc.property(typed, country, (text, country) => {
        try {
          const once = parseIdentifier(text, country)
          expect(parseIdentifier(once.subject)).toEqual(once)
          expect(once.subject).not.toMatch(/[\p{Cc}\p{Cs}\p{Cf}\s]/u)
        } catch (error) {
          if (!(error instanceof AppError)) throw error
          expect(error.field).toBe('identifier')
        }
      }),
      { seed: 20261120, numRuns: 3000 },
    )
  })
})

test('a text that grows when it is brought into one form, or is made to be read again and again, is refused at once', () => {
  const grown = `a@${'\ufdfa'.repeat(300)}`
  for (const text of [
    grown,
    `a@${'a-'.repeat(150)}`,
    `a@${'-'.repeat(300)}`,
    '1'.repeat(4000),
    `${'('.repeat(300)}x`,
  ]) {
    expect(leastCpuMs(() => expect(() => parseIdentifier(text)).toThrow(), 3)).toBeLessThan(50)
  }
  expect(parseIdentifier('a@xn--fiq228c.a-b--c.cn').subject).toBe('a@xn--fiq228c.a-b--c.cn')
  expect(() => parseIdentifier('a@b-.cn')).toThrow()
  expect(() => parseIdentifier('a@b.c')).toThrow()
})
