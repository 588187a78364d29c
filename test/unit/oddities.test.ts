import { describe, expect, it } from 'vitest'
import { type Oddity, oddities, writtenOddly } from '../../sandbox/simulators/oddities.ts'

const body = '{"uid":9007199254740993,"code":"12345678901234567890","nickname":"张三","is_new":true,"errcode":0}'
const written = (oddity: Oddity, answer: unknown = body) => writtenOddly({ status: 200, body: answer }, [oddity])
const text = (oddity: Oddity) => written(oddity).body.toString('latin1')
const names = Buffer.from('张三').toString('latin1')

describe('an answer of a simulator', () => {
  it('is what it was without an oddity, and something else with each that fits it', () => {
    expect(writtenOddly({ status: 200, body }, []).body.toString()).toBe(body)
    const plain = { status: 200, headers: {}, body: Buffer.from(body) }
    const fitting = Object.keys(oddities).filter((each) => each !== 'failures_as_400') as Oddity[]
    expect(fitting.filter((each) => JSON.stringify(written(each)) === JSON.stringify(plain))).toEqual([])
  })

  it.each<[Oddity, string]>([
    ['raw_control_characters', `"nickname":"\u0001\u0014\t\n${names}"`],
    ['cut_emoji', `"nickname":"${names}\\ud83d"`],
    ['cut_letter', `"nickname":"${names}\u00e5\u00b0"`],
    ['gbk_names', `"nickname":"${names}\u00d0\u00a1\u00c3\u00f7\u00d5\\"`],
    ['null_names', '"nickname":null'],
    ['list_names', '"nickname":[]'],
    ['numbers_as_texts', '"uid":"9007199254740993"'],
    ['texts_as_numbers', '"code":12345678901234567890'],
    ['booleans_as_texts', '"is_new":"true"'],
    ['absent_as_null', '"unionid":null'],
    ['absent_as_text', '"unionid":""'],
    ['absent_as_list', '"unionid":[]'],
    ['repeated_member', ',"uid":9007199254740993}'],
    ['trailing_comma', '"errcode":0,}'],
    ['byte_order_mark', '\u00ef\u00bb\u00bf{"uid"'],
    ['leading_blanks', '\r\n\n  {"uid"'],
    ['guard_prefix', ')]}\'\n{"uid"'],
    ['function_call', 'callback( {"uid"'],
    ['form_encoded', 'uid=9007199254740993&code=12345678901234567890&nickname=%E5%BC%A0%E4%B8%89'],
  ])('can have %s', (oddity, part) => {
    expect(text(oddity)).toContain(part)
  })

  it.each<[Oddity, string]>([
    ['text_plain', 'text/plain'],
    ['text_html', 'text/html'],
    ['charset_gbk', 'text/plain; charset=gbk'],
  ])('can come with another content type: %s', (oddity, type) => {
    expect(written(oddity).headers).toEqual({ 'content-type': type })
  })

  it('has status 400 only where it tells a failure', () => {
    expect(written('failures_as_400').status).toBe(200)
    expect(written('failures_as_400', { errcode: 40029 }).status).toBe(400)
    expect(written('failures_as_400', { error: 'invalid_grant' }).status).toBe(400)
  })

  it('stays as it is where the oddity does not fit', () => {
    expect(written('form_encoded', { list: [1] }).body.toString()).toBe('{"list":[1]}')
    expect(written('trailing_comma', {}).body.toString()).toBe('{}')
    expect(written('numbers_as_texts', 'Not Found').body.toString()).toBe('Not Found')
  })
})
