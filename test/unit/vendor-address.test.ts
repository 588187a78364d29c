import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { oneTapOptions } from '../../interactions/methods/one-tap.ts'
import { buildConnectors, connectionOptions } from '../../interactions/upstreams/connections.ts'
import { httpClient } from '../../src/base/http.ts'
import { addressBelow, vendorAddress, wholeAddress } from '../../src/base/vendor-address.ts'
import { unshared } from '../support/unshared.ts'

describe('an address below another', () => {
  it.each([
    ['https://api.example.cn', '/sns/userinfo', {}, 'https://api.example.cn/sns/userinfo'],
    ['https://gw.example.cn/wx', '/sns/userinfo', { a: 'b c' }, 'https://gw.example.cn/wx/sns/userinfo?a=b+c'],
    ['https://gw.example.cn/wx//', '/user', {}, 'https://gw.example.cn/wx/user'],
    ['https://gw.example.cn/sms', '', {}, 'https://gw.example.cn/sms'],
    ['https://gw.example.cn', '', {}, 'https://gw.example.cn/'],
    ['https://fc.example.cn/run?env=1', '', { a: '&' }, 'https://fc.example.cn/run?env=1&a=%26'],
  ])('%s with %s', (address, path, query, expected) => {
    expect(addressBelow(address, path, query).href).toBe(expected)
  })
})

describe('the setting for an address', () => {
  const address = vendorAddress('https://api.example.cn')
  const takes = (schema: z.ZodType, text: string) => schema.safeParse(text).success

  it('takes a path at another server, and none where the vendor itself is', () => {
    expect(address.parse(undefined)).toBe('https://api.example.cn')
    for (const text of ['https://api.example.cn/', 'http://127.0.0.1:4000', 'https://gw.example.cn/wx/']) {
      expect([text, takes(address, text)]).toEqual([text, true])
    }
    const wrong = ['?a=b', '#a', '/v3', '/?'].map((end) => `https://api.example.cn${end}`)
    for (const text of [...wrong, 'https://gw.example.cn/wx?key=1', 'https://me:you@gw.example.cn', 'ftp://gw/x']) {
      expect([text, takes(address, text)]).toEqual([text, false])
    }
  })

  it('that is asked as it is takes a query, but no fragment and no user name', () => {
    expect(takes(wholeAddress(), 'https://fc.example.cn/run?env=1')).toBe(true)
    expect(takes(wholeAddress(), 'https://fc.example.cn/run#1')).toBe(false)
    expect(takes(wholeAddress(), 'https://me@fc.example.cn/run')).toBe(false)
  })
})

const secret = 'app-secret'
const gateway = 'https://gw.example.cn/up'
const apple = { type: 'apple', client_id: 'c', team_id: 't', key_id: 'k', private_key: 'p' }

describe('a vendor behind a path', () => {
  it.each([
    [{ type: 'wechat', website: { appid: 'wx', secret } }, 'open_url', 'https://gw.example.cn/up/connect/qrconnect'],
    [{ type: 'qq', client_id: '1', client_secret: secret }, 'graph_url', 'https://gw.example.cn/up/oauth2.0/authorize'],
    [{ type: 'weibo', client_id: '1', client_secret: secret }, 'api_url', 'https://gw.example.cn/up/oauth2/authorize'],
  ])('is asked below it: %o', async (settings, setting, expected) => {
    const options = connectionOptions.parse({ ...settings, [setting]: gateway })
    const http = httpClient({ timeoutMs: 1 })
    const [connector] = buildConnectors([options], { http, clock: () => 0, shared: unshared, allowInsecure: false })
    const visit = { userAgent: '', locale: 'zh-CN' } as const
    const authorization = { redirectUri: 'https://id.example.cn/cb', state: 's', nonce: 'n', codeVerifier: 'v' }
    const url = await connector?.authorizationUrl({ ...authorization, variant: 'website' }, visit)
    expect(`${url?.origin}${url?.pathname}`).toBe(expected)
  })

  it('is refused where the address is also who vouches', () => {
    const told = connectionOptions.safeParse({ ...apple, issuer: 'https://gw.example.cn/apple' }).error?.issues
    expect(told?.find(({ path }) => path[0] === 'issuer')?.message).toContain('no path')
    const ghe = { type: 'github', client_id: 'c', client_secret: secret, web_url: 'https://ghe.example.cn/git' }
    expect(connectionOptions.safeParse({ ...ghe, api_url: 'https://ghe.example.cn/api/v3' }).success).toBe(false)
  })

  it('may have a query in the address of a cloud function', () => {
    const settings = { vendor: 'univerify', secret: 'at least 16 characters', function_url: `${gateway}?env=1` }
    expect(oneTapOptions.safeParse(settings).success).toBe(true)
  })
})

describe('phones', () => {
  const phone = { userAgent: 'Mozilla/5.0 (Linux; Android 15) Mobile Safari/537.36', locale: 'en' } as const
  const desktop = { userAgent: 'Mozilla/5.0 (Windows NT 10.0) Chrome/142.0.0.0', locale: 'zh-CN' } as const
  const authorization = { redirectUri: 'https://id.example.cn/cb', state: 's', nonce: 'n', codeVerifier: 'v' }
  const address = async (settings: object, visit: typeof phone | typeof desktop) => {
    const options = connectionOptions.parse(settings)
    const http = httpClient({ timeoutMs: 1 })
    const [connector] = buildConnectors([options], { http, clock: () => 0, shared: unshared, allowInsecure: false })
    const url = await connector?.authorizationUrl({ ...authorization, variant: 'web' }, visit)
    return [url?.origin, url?.searchParams.get('display'), url?.searchParams.get('language')]
  }
  const weibo = { type: 'weibo', client_id: '1', client_secret: secret }

  it('see the pages of Weibo for phones, in English where that is asked for', async () => {
    expect(await address(weibo, phone)).toEqual(['https://open.weibo.cn', 'mobile', 'en'])
    expect(await address(weibo, desktop)).toEqual(['https://api.weibo.com', null, null])
    const elsewhere = { ...weibo, api_url: 'https://gw.example.cn' }
    expect(await address(elsewhere, phone)).toEqual(['https://gw.example.cn', 'mobile', 'en'])
    const named = { ...elsewhere, mobile_url: 'https://m.example.cn' }
    expect(await address(named, phone)).toEqual(['https://m.example.cn', 'mobile', 'en'])
  })

  it('see the page of QQ for phones', async () => {
    const qq = { type: 'qq', client_id: '1', client_secret: secret }
    expect(await address(qq, phone)).toEqual(['https://graph.qq.com', 'mobile', null])
    expect(await address(qq, desktop)).toEqual(['https://graph.qq.com', null, null])
  })
})
