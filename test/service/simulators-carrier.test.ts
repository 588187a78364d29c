import { describe, expect, it } from 'vitest'
import { Carrier, carrierOf } from '../../sandbox/simulators/carrier.ts'

const start = Date.parse('2026-01-01T00:00:00Z')

describe('the carrier of a number', () => {
  it.each([
    ['mobile', ['13400000000', '13800138000', '14700000000', '16500000000', '17030000000', '19800000000']],
    ['unicom', ['13000000000', '14500000000', '16600000000', '17040000000', '17100000000', '18600000000']],
    ['telecom', ['13300000000', '13490000000', '14900000000', '17000000000', '17405000000', '19300000000']],
    [undefined, ['19200000000', '17406000000', '17490000000', '15400000000', '1380013800', '+8613800138000']],
  ])('%s is told by the range', (name, phones) => {
    expect(phones.map(carrierOf)).toEqual(phones.map(() => name))
  })
})

describe('a token of a carrier', () => {
  let now = start
  const carrier = new Carrier({ clock: () => now, univerifyAppid: '__UNI__0000001', aliyunScheme: 'ours' })

  it('looks as the vendor writes it', () => {
    const { access_token, openid } = carrier.issueUniverify('+8618600000000')
    expect(access_token).toMatch(/^[\w+/]{54}==$/)
    expect(Buffer.from(access_token, 'base64').toString()).toMatch(/^[0-9a-f]{32}\|\|2\|v2\|2$/)
    expect(openid).toMatch(/^[0-9A-F]{32}[0-9a-f]{36}$/)
    expect(carrier.issueUniverify('18600000000').openid).toBe(openid)
    expect(carrier.issueUniverify('18600000000', '__UNI__9999999').openid).not.toBe(openid)
    expect(carrier.issueAliyunToken('18600000000')).toMatch(/^[\w+/]{22}==$/)
  })

  it('is there for a number of the three carriers alone', () => {
    expect(() => carrier.issueUniverify('19200000000')).toThrow('no carrier')
    expect(() => carrier.issueAliyunAccessCode('+85291234567')).toThrow('no carrier')
  })

  it('is found only as it was written', () => {
    const token = carrier.issueAliyunToken('13800138000')
    expect(carrier.find(token)?.state).toBe('live')
    expect(carrier.find(token.slice(0, -2))).toBeUndefined()
    expect(carrier.find(`${token} `)).toBeUndefined()
    expect(carrier.find('')).toBeUndefined()
    const { access_token } = carrier.issueUniverify('13800138000')
    expect(carrier.find(access_token.slice(0, -2))).toBeUndefined()
  })

  it.each([
    ['13800138000', 2],
    ['18600000000', 30],
    ['18900000000', 10],
  ])('of %s lives for %i minutes', (phone, minutes) => {
    now = start
    const tokens = [
      carrier.issueUniverify(phone).access_token,
      carrier.issueAliyunToken(phone),
      carrier.issueAliyunAccessCode(phone),
    ]
    const states = () => new Set(tokens.map((token) => carrier.find(token)?.state))
    now = start + minutes * 60_000 - 1
    expect(states()).toEqual(new Set(['live']))
    now += 1
    expect(states()).toEqual(new Set(['expired']))
  })
})
