import { describe, expect, it } from 'vitest'
import type { Availability } from '../../interactions/upstreams/connector.ts'
import { wechat } from '../../interactions/upstreams/wechat.ts'
import { type HttpClient, httpClient } from '../../src/base/http.ts'
import { unshared } from '../support/unshared.ts'

const agents = {
  windows: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36',
  mac: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15',
  ipad: 'Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1',
  iphone: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1',
  android: 'Mozilla/5.0 (Linux; Android 15; V2324A) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36',
  androidTablet: 'Mozilla/5.0 (Linux; Android 15; SM-X710) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36',
  harmonyPhone: 'Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 Chrome/132.0.0.0 ArkWeb/6.0 Mobile',
  harmonyTablet: 'Mozilla/5.0 (Tablet; OpenHarmony 5.0) AppleWebKit/537.36 Chrome/132.0.0.0 ArkWeb/6.0 Mobile',
  wechatPhone: 'Mozilla/5.0 (Linux; Android 15; V2324A) AppleWebKit/537.36 Mobile MicroMessenger/8.0.60 NetType/WIFI',
  wechatDesktop: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 MicroMessenger/7.0.20 WindowsWechat',
  wecomPhone: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5) Mobile/15E148 wxwork/4.1.36 MicroMessenger/7.0.1',
  wecomDesktop: 'Mozilla/5.0 (Windows NT 10.0; WOW64) Chrome/108.0 Safari/537.36 wxwork/4.1.36 MicroMessenger/7.0.1',
  none: '',
}
const app = { appid: 'wx0000000000000001', secret: 'secret' }
const apps = { website: { website: app }, official: { official_account: app } }
const http = httpClient({ timeoutMs: 1 })

function connector(settings: Readonly<Record<string, unknown>>) {
  const options = wechat.options.parse({ type: 'wechat', ...settings })
  return wechat.build(options, { http, clock: () => 0, shared: unshared, allowInsecure: false })
}
const visit = (agent: keyof typeof agents, locale: 'zh-CN' | 'en' = 'zh-CN') => ({ userAgent: agents[agent], locale })
const authorization = {
  redirectUri: 'https://id.example.com/callback/wechat',
  state: 'StateOfLettersAndDigits123456789',
  nonce: 'nonce',
  codeVerifier: 'verifier',
}

describe('WeChat is offered', () => {
  it.each<[keyof typeof agents, Availability, Availability, Availability]>([
    ['windows', 'here', 'elsewhere', 'here'],
    ['mac', 'here', 'elsewhere', 'here'],
    ['ipad', 'here', 'elsewhere', 'here'],
    ['androidTablet', 'here', 'elsewhere', 'here'],
    ['harmonyTablet', 'here', 'elsewhere', 'here'],
    ['none', 'here', 'elsewhere', 'here'],
    ['iphone', 'elsewhere', 'elsewhere', 'elsewhere'],
    ['android', 'elsewhere', 'elsewhere', 'elsewhere'],
    ['harmonyPhone', 'elsewhere', 'elsewhere', 'elsewhere'],
    ['wechatPhone', 'elsewhere', 'here', 'here'],
    ['wechatDesktop', 'elsewhere', 'here', 'here'],
    ['wecomPhone', 'elsewhere', 'elsewhere', 'elsewhere'],
    ['wecomDesktop', 'here', 'elsewhere', 'here'],
  ])('in %s: %s by website app, %s by official account, %s with both', (agent, website, official, both) => {
    const offered = [apps.website, apps.official, { ...apps.website, ...apps.official }].map((settings) =>
      connector(settings).availability(visit(agent)),
    )
    expect(offered).toEqual([website, official, both])
  })

  it('to nobody when it has no app', () => {
    expect(connector({}).availability(visit('windows'))).toBe('hidden')
  })
})

describe('the address of WeChat', () => {
  const both = connector({ ...apps.website, ...apps.official })
  const address = async (agent: keyof typeof agents, locale: 'zh-CN' | 'en' = 'zh-CN') => {
    const seen = visit(agent, locale)
    const url = await both.authorizationUrl({ ...authorization, variant: both.variant(seen) }, seen)
    return url.href
  }
  const common =
    'appid=wx0000000000000001&redirect_uri=https%3A%2F%2Fid.example.com%2Fcallback%2Fwechat&response_type=code'

  it('is the QR page outside WeChat, in the language of the visitor', async () => {
    const page = `https://open.weixin.qq.com/connect/qrconnect?${common}&scope=snsapi_login&state=${authorization.state}`
    expect(await address('windows')).toBe(`${page}&lang=cn#wechat_redirect`)
    expect(await address('windows', 'en')).toBe(`${page}&lang=en#wechat_redirect`)
  })

  it('is the page inside WeChat there, its parameters in the order WeChat compares with', async () => {
    const page = `https://open.weixin.qq.com/connect/oauth2/authorize?${common}&scope=snsapi_userinfo`
    expect(await address('wechatPhone')).toBe(`${page}&state=${authorization.state}#wechat_redirect`)
  })

  it('does not exist for an app that is not configured', async () => {
    const variant = 'official_account'
    const work = connector(apps.website).authorizationUrl({ ...authorization, variant }, visit('wechatPhone'))
    await expect(work).rejects.toMatchObject({ code: 'upstream.misconfigured' })
  })
})

describe('the token of the mini program’s API', () => {
  it('is kept for the server that gave it, and shown to no other', async () => {
    const names: string[] = []
    const shared = { ...unshared, get: async (name: string) => names.push(name).toString() }
    const answers = { jscode2session: { openid: 'o1' }, getuserphonenumber: { errcode: 45011 } }
    const answering: HttpClient = {
      async request(url) {
        const json = Object.entries(answers).find(([path]) => String(url).includes(path))?.[1]
        return { status: 200, headers: new Headers(), text: JSON.stringify(json) }
      },
    }
    const gateway = 'https://gateway.example.cn'
    for (const api_url of ['https://api.weixin.qq.com', gateway, `${gateway}/one`, `${gateway}/two`]) {
      const options = wechat.options.parse({ type: 'wechat', mini_program: app, api_url })
      const built = wechat.build(options, { http: answering, clock: () => 0, shared, allowInsecure: false })
      const login = await built.apps?.wechat_mini_program?.({ upstream_code: 'code', phone_code: 'phone' })
      expect(login?.ifUnknown?.code).toBe('upstream.busy')
    }
    expect(new Set(names).size).toBe(4)
  })
})
