import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Carrier, carrierOf } from '../../sandbox/simulators/carrier.ts'
import { type CarrierPageSimulator, startCarrierPage } from '../../sandbox/simulators/carrier-page.ts'

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

describe('the page of a carrier', () => {
  const carrier = new Carrier({ clock: () => start, univerifyAppid: '__UNI__0000001', aliyunScheme: 'ours' })
  const returnTo = 'https://app.example.com/native?step=2'
  let page: CarrierPageSimulator
  beforeAll(async () => {
    const returnOrigins = ['https://app.example.com']
    page = await startCarrierPage({ carrier, clock: () => start, appName: '门神 <示例>', returnOrigins })
  })
  afterAll(() => page.close())

  const url = (bent: Partial<Parameters<typeof page.consentUrl>[0]> = {}) =>
    page.consentUrl({ vendor: 'univerify', phone: '+8613800138000', returnTo, ...bent })
  const press = (address: string, form: Record<string, string>) =>
    fetch(address, { method: 'POST', redirect: 'manual', body: new URLSearchParams(form) })
  const back = async (address: string, form: Record<string, string>) => {
    const response = await press(address, form)
    expect(response.status).toBe(302)
    const { origin, pathname, searchParams } = new URL(response.headers.get('location') ?? '')
    expect(origin + pathname).toBe('https://app.example.com/native')
    return Object.fromEntries(searchParams)
  }
  const agreed = { decision: 'accept', agreement: 'on' }

  it.each([
    ['13800138000', '138****8000', '中国移动'],
    ['18600001234', '186****1234', '中国联通'],
    ['18900001234', '189****1234', '中国电信'],
  ])('for %s shows %s and the agreement of %s, unticked', async (phone, masked, name) => {
    const response = await fetch(url({ phone }))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none';.* frame-ancestors 'none'/)
    const text = await response.text()
    expect(text).toContain(masked)
    expect(text).toContain(`《${name}认证服务条款》`)
    expect(text).toContain('门神 &#60;示例&#62;')
    expect(text).not.toMatch(/checked|<script/)
    expect(text.replaceAll(`phone=${phone}`, '')).not.toContain(phone)
  })

  it('sends who agrees back with what the SDK of the vendor gives', async () => {
    const { step, access_token = '', openid, ...none } = await back(url(), agreed)
    expect([step, none]).toEqual(['2', {}])
    expect(carrier.find(access_token)).toMatchObject({ state: 'live', about: { phone: '13800138000', openid } })
    const { token = '' } = await back(url({ vendor: 'aliyun' }), agreed)
    expect(carrier.find(token)).toMatchObject({ state: 'live', about: { purpose: 'aliyun_one_tap' } })
  })

  it('asks again who has not ticked the agreement', async () => {
    const response = await press(url(), { decision: 'accept' })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('role="alert"')
  })

  it('sends who wants another way, or nothing, back with a code', async () => {
    expect(await back(url(), { decision: 'other' })).toEqual({ step: '2', code: '30002' })
    expect(await back(url(), { decision: 'close' })).toEqual({ step: '2', code: '30003' })
    expect(await back(url({ vendor: 'aliyun' }), { decision: 'other' })).toEqual({ step: '2', code: 'other_way' })
  })

  it('hands no token to somebody else, and knows no number of no carrier', async () => {
    const refusal = async (address: string) => {
      const response = await press(address, agreed)
      expect([response.status, response.headers.get('location')]).toEqual([400, null])
      return /<code>(\w+)<\/code>/.exec(await response.text())?.[1]
    }
    for (const other of ['https://evil.example.net/', 'https://app.example.com.evil.example.net/', '/native', '']) {
      expect(await refusal(url({ returnTo: other }))).toBe('return_to')
    }
    expect(await refusal(url({ phone: '19200000000' }))).toBe('phone')
    expect(await refusal(url().replace('univerify', 'jiguang'))).toBe('vendor')
    expect((await fetch(`${page.url}/elsewhere`)).status).toBe(404)
  })
})
