import { describe, expect, it } from 'vitest'
import { parseQq } from '../../interactions/upstreams/qq.ts'
import { parseExactly } from '../../interactions/upstreams/weibo.ts'

describe('an answer of QQ', () => {
  it.each([
    ['{"openid":"A"}', { openid: 'A' }],
    ['callback( {"client_id":"101","openid":"A"} );\n', { client_id: '101', openid: 'A' }],
    ['callback({"error":100016});', { error: 100016 }],
    ['  callback ( {"openid":"(A);"} )  ', { openid: '(A);' }],
    ['access_token=FE04&expires_in=7776000\n', { access_token: 'FE04', expires_in: '7776000' }],
    ['', {}],
  ])('is read from %j', (text, values) => {
    expect(parseQq(text)).toEqual(values)
  })

  it('is not looked for inside a page', () => {
    expect(parseQq('<html>callback( {"openid":"A"} );</html>')).not.toHaveProperty('openid')
  })

  it.each(['{"openid":"A"', 'callback( {"openid":} );'])('is refused when it is broken: %s', (text) => {
    expect(() => parseQq(text)).toThrow('upstream.refused')
  })
})

describe('an answer of Weibo', () => {
  it('keeps whole numbers digit by digit', () => {
    const text = '{"uid":9007199254740993,"small":-7,"list":[12345678901234567890,1.5],"text":"9007199254740993"}'
    expect(parseExactly(text)).toEqual({
      uid: '9007199254740993',
      small: '-7',
      list: ['12345678901234567890', 1.5],
      text: '9007199254740993',
    })
  })

  it.each(['', '<html>', '{"uid":1'])('is refused when it is broken: %j', (text) => {
    expect(() => parseExactly(text)).toThrow('upstream.refused')
  })
})
