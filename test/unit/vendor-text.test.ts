import { describe, expect, it } from 'vitest'
import { contradiction, readVendorText, UnreadableText } from '../../src/base/vendor-text.ts'

describe('what a vendor wrote is read', () => {
  it.each<[string, string, unknown]>([
    ['JSON', '{"a":"b","c":[true,false,null,{}]}', { a: 'b', c: [true, false, null, {}] }],
    [
      'numbers, digit by digit',
      '{"a":12345678901234567890,"b":-1.50,"c":1e3}',
      { a: '12345678901234567890', b: '-1.50', c: '1e3' },
    ],
    ['control characters, which stay', '{"a":"x\u0014\t\ny"}', { a: 'x\u0014\t\ny' }],
    ['control characters between the tokens', '{\u0001"a"\u0000:"b"\n}', { a: 'b' }],
    ['escapes, half of a pair too', '{"a":"\\"\\\\\\/\\n\\u5f20\\ud83d"}', { a: '"\\/\n张\ud83d' }],
    ['a backslash that escapes nothing, which stays', '{"a":"x\\-y\\u12"}', { a: 'x\\-y\\u12' }],
    ['a letter of GBK that ends in a backslash', '{"a":"\uFFFD\\","b":"c"}', { a: '\uFFFD', b: 'c' }],
    ['commas too many', '{"a":[1,2,],,"b":"c",}', { a: ['1', '2'], b: 'c' }],
    ['a byte order mark, blanks and zeros around', '\uFEFF\r\n {"a":"b"};\n\u0000', { a: 'b' }],
    ['a guard in front', ')]}\'\n{"a":"b"}', { a: 'b' }],
    ['a loop in front', 'while(1);{"a":"b"}', { a: 'b' }],
    ['a function call', 'callback( {"a":"(b);"} );\n', { a: '(b);' }],
    ['a function call with a name of its own', '/**/ jQuery17_8.cb ({"a":"b"})', { a: 'b' }],
    ['a form', 'access_token=FE04&scope=a%20b&n=1\n', { access_token: 'FE04', scope: 'a b', n: '1' }],
    [
      'a name that means something to JavaScript',
      '{"__proto__":"a","constructor":"b"}',
      JSON.parse('{"__proto__":"a","constructor":"b"}'),
    ],
    ['nothing at all as JSON says it', 'null', null],
  ])('%s', (_, text, values) => {
    expect(readVendorText(text)).toEqual(values)
  })

  it('and of two values for one name neither is, unless they are the same', () => {
    const forged = '{"openid":"mine","nickname":"x","openid":"yours"}'
    expect(readVendorText(forged)).toEqual({ openid: contradiction, nickname: 'x' })
    expect(readVendorText('openid=mine&openid=yours')).toEqual({ openid: contradiction })
    expect(readVendorText('{"openid":"mine","openid":"mine","id":1,"id":"1"}')).toEqual({ openid: 'mine', id: '1' })
    expect(readVendorText('{"a":{"b":1},"a":{"b":1},"c":{"b":1},"c":{}}')).toEqual({ a: { b: '1' }, c: contradiction })
  })
})

describe('what a vendor wrote is not guessed', () => {
  it.each([
    '',
    ' \n',
    'ok',
    '<html>callback( {"openid":"A"} );</html>',
    'openid=<html>',
    '{"a":"b"',
    '{"a":"b}',
    '{"a":}',
    '{"a" "b"}',
    '{"a":1 "b":2}',
    '{a:1}',
    "{'a':1}",
    '[1 2]',
    '{"a":1}}',
    '{"a":1} {"a":2}',
    '{"a":tru}',
    'callback( {"a":} );',
    '{"access_token":x"token-DNTL"}',
    `${'['.repeat(40)}${']'.repeat(40)}`,
    `${'a('.repeat(9)}1${')'.repeat(9)}`,
  ])('where it is broken: %s', (text) => {
    const read = () => readVendorText(text)
    expect(read).toThrow(UnreadableText)
    expect(read).not.toThrow(/DNTL/)
  })
})
