import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWechat, type WechatSimulator } from '../../sandbox/simulators/wechat.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const web = { kind: 'website', appid: 'wx0000000000000001', secret: 'web-secret', openPlatform: 'ours' } as const
const h5 = { kind: 'official_account', appid: 'wx0000000000000002', secret: 'h5-secret', openPlatform: 'ours' } as const
const app = { kind: 'mobile', appid: 'wx0000000000000003', secret: 'app-secret', openPlatform: 'ours' } as const
const mini = { kind: 'mini_program', appid: 'wx0000000000000004', secret: 'mini-secret', openPlatform: 'ours' } as const
const alone = { kind: 'website', appid: 'wx0000000000000005', secret: 'alone-secret' } as const
const foreign = {
  kind: 'website',
  appid: 'wx9999999999999999',
  secret: 'their-secret',
  openPlatform: 'theirs',
} as const
const avatar = 'http://thirdwx.qlogo.cn/mmopen/vi_32/alice/132'
let now = start
let wechat: WechatSimulator

beforeEach(async () => {
  now = start
  wechat = await startWechat({
    clock: () => now,
    apps: [
      { ...web, name: '门神示例', callbackHost: 'login.example.com' },
      { ...h5, callbackHost: 'm.example.com' },
      app,
      mini,
      alone,
      { ...foreign, callbackHost: 'evil.example.net:8443' },
    ],
    people: [
      { id: 'alice', name: '爱丽丝 <b>', avatar },
      { id: 'bob', name: '微信用户' },
    ],
  })
})
afterEach(() => wechat.close())

type Params = Readonly<Record<string, string | undefined>>
type Body = Record<string, unknown>

function address(path: string, params: Params): string {
  const given = Object.entries(params).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as [string, string]],
  )
  return `${wechat.url}${path}?${new URLSearchParams(given)}`
}

async function get(path: string, params: Params): Promise<Body> {
  const response = await fetch(address(path, params))
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/plain')
  return JSON.parse(await response.text())
}

const exchange = (code: string, bent: Params = {}) =>
  get('/sns/oauth2/access_token', {
    appid: web.appid,
    secret: web.secret,
    code,
    grant_type: 'authorization_code',
    ...bent,
  })
const userinfo = (token: Body, bent: Params = {}) =>
  get('/sns/userinfo', { access_token: String(token['access_token']), openid: String(token['openid']), ...bent })
const auth = (token: Body, bent: Params = {}) =>
  get('/sns/auth', { access_token: String(token['access_token']), openid: String(token['openid']), ...bent })
const refresh = (token: Body, bent: Params = {}) =>
  get('/sns/oauth2/refresh_token', {
    appid: web.appid,
    grant_type: 'refresh_token',
    refresh_token: String(token['refresh_token']),
    ...bent,
  })

const qr: Params = {
  appid: web.appid,
  redirect_uri: 'https://login.example.com/callback/wechat?from=qr',
  response_type: 'code',
  scope: 'snsapi_login',
  state: 'Abc123',
}
const inApp: Params = {
  appid: h5.appid,
  redirect_uri: 'https://m.example.com/callback/wechat',
  response_type: 'code',
  scope: 'snsapi_userinfo',
  state: 'Abc123',
}
const phone = { 'user-agent': 'Mozilla/5.0 (iPhone) AppleWebKit/605 MicroMessenger/8.0.50', 'accept-language': 'zh-CN' }

const visit = (path: string, params: Params, init: RequestInit = {}) =>
  fetch(address(path, params), { redirect: 'manual', ...init })
const decide = (path: string, params: Params, form: Record<string, string>, headers: Record<string, string> = {}) =>
  visit(path, params, { method: 'POST', body: new URLSearchParams(form), headers })

async function refusal(response: Response): Promise<string | undefined> {
  expect(response.status).toBe(400)
  expect(response.headers.get('location')).toBeNull()
  return /<code>(\w+)<\/code>/.exec(await response.text())?.[1]
}

function sentBack(response: Response): URL {
  expect(response.status).toBe(302)
  return new URL(response.headers.get('location') ?? '')
}

describe('the QR page', () => {
  const path = '/connect/qrconnect'

  it('shows who asks and lets one choose a person, in the language of the visitor, without script', async () => {
    const response = await visit(path, qr, { headers: { 'accept-language': 'zh-CN' } })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const page = await response.text()
    expect(page).toContain('「门神示例」请求使用你的微信账号登录')
    expect(page).toContain('<svg')
    expect(page).toContain('爱丽丝 &#60;b&#62;')
    expect(page).not.toContain('<script')
    expect(await (await visit(path, { ...qr, lang: 'en' })).text()).toContain(
      'asks to log you in with your WeChat account',
    )
  })

  it('sends who accepts back with a code and the state, keeping the query of the address', async () => {
    const back = sentBack(await decide(path, qr, { person: 'bob', decision: 'accept' }))
    expect(back.origin + back.pathname).toBe('https://login.example.com/callback/wechat')
    expect([...back.searchParams.keys()]).toEqual(['from', 'code', 'state'])
    expect(back.searchParams.get('state')).toBe('Abc123')
    const token = await exchange(back.searchParams.get('code') ?? '')
    expect(token).toMatchObject({ openid: wechat.openid('bob', web.appid), scope: 'snsapi_login' })
  })

  it('sends who refuses back with the state and without a code', async () => {
    const back = sentBack(await decide(path, qr, { person: 'alice', decision: 'refuse' }))
    expect(back.search).toBe('?from=qr&state=Abc123')
  })

  it('opens for a website app with the registered host alone', async () => {
    expect(await refusal(await visit(path, { ...qr, appid: 'wx404' }))).toBe('appid')
    expect(await refusal(await visit(path, { ...qr, appid: h5.appid }))).toBe('appid')
    const hosts = [
      'https://www.login.example.com/',
      'https://example.com/',
      'javascript:alert(1)',
      'nonsense',
      undefined,
    ]
    for (const redirect_uri of hosts)
      expect(await refusal(await visit(path, { ...qr, redirect_uri }))).toBe('redirect_uri')
    expect(await refusal(await visit(path, { ...qr, appid: alone.appid }))).toBe('redirect_uri')
    const anyPort = 'https://login.example.com:8443/callback/wechat'
    expect((await visit(path, { ...qr, redirect_uri: anyPort })).status).toBe(200)
    const elsewhere = { ...qr, appid: foreign.appid, redirect_uri: 'https://evil.example.net:8443/' }
    expect((await visit(path, elsewhere)).status).toBe(200)
    expect(await refusal(await visit(path, { ...elsewhere, redirect_uri: 'https://evil.example.net/' }))).toBe(
      'redirect_uri',
    )
    expect(await refusal(await visit(path, { ...qr, response_type: 'token' }))).toBe('response_type')
    expect(await refusal(await visit(path, { ...qr, scope: 'snsapi_userinfo' }))).toBe('scope')
    expect(await refusal(await decide(path, qr, { person: 'mallory', decision: 'accept' }))).toBe('form')
  })
})

describe('the page inside WeChat', () => {
  const path = '/connect/oauth2/authorize'

  it('opens in WeChat only', async () => {
    const page = await visit(path, inApp, { headers: { 'user-agent': 'Mozilla/5.0 Safari', 'accept-language': 'zh' } })
    expect(await page.clone().text()).toContain('请在微信客户端打开链接')
    expect(await refusal(page)).toBe('wechat_only')
  })

  it('asks for consent before the profile is read', async () => {
    expect(await (await visit(path, inApp, { headers: phone })).text()).toContain('name="person"')
    const back = sentBack(await decide(path, inApp, { person: 'alice', decision: 'accept' }, phone))
    const token = await exchange(back.searchParams.get('code') ?? '', { appid: h5.appid, secret: h5.secret })
    expect(token).toMatchObject({ scope: 'snsapi_userinfo', unionid: wechat.unionid('alice', h5.appid) })
    expect(token).not.toHaveProperty('is_snapshotuser')
    const refused = sentBack(await decide(path, inApp, { person: 'alice', decision: 'refuse' }, phone))
    expect(refused.search).toBe('?state=Abc123')
  })

  it('sends the owner of the phone back at once for snsapi_base, whose token has no unionid and reads no profile', async () => {
    wechat.signIn('bob')
    const back = sentBack(await visit(path, { ...inApp, scope: 'snsapi_base' }, { headers: phone }))
    expect(back.searchParams.get('state')).toBe('Abc123')
    const token = await exchange(back.searchParams.get('code') ?? '', { appid: h5.appid, secret: h5.secret })
    expect(token).toMatchObject({ openid: wechat.openid('bob', h5.appid), scope: 'snsapi_base' })
    expect(token).not.toHaveProperty('unionid')
    expect((await userinfo(token))['errcode']).toBe(48001)
    expect(await auth(token)).toEqual({ errcode: 0, errmsg: 'ok' })
  })

  it('wants the parameters in its own order', async () => {
    const { appid, redirect_uri, response_type, scope, state } = inApp
    const orders: readonly Params[] = [
      { redirect_uri, appid, response_type, scope, state },
      { appid, redirect_uri, response_type, state, scope },
      { appid, redirect_uri, response_type, scope, state, more: '1' },
    ]
    for (const order of orders) expect(await refusal(await visit(path, order, { headers: phone }))).toBe('order')
    const stateless = await visit(path, { ...inApp, state: undefined }, { headers: phone })
    expect(stateless.status).toBe(200)
  })

  it('takes a state of up to 128 letters and digits', async () => {
    const answer = (state: string) => visit(path, { ...inApp, state }, { headers: phone })
    expect((await answer('a'.repeat(128))).status).toBe(200)
    for (const state of ['a'.repeat(129), 'with-dash', 'with_line', '状态']) {
      expect(await refusal(await answer(state))).toBe('state')
    }
  })

  it('opens for an official account with the registered host alone', async () => {
    const answer = async (bent: Params) => refusal(await visit(path, { ...inApp, ...bent }, { headers: phone }))
    expect(await answer({ appid: web.appid })).toBe('appid')
    expect(await answer({ redirect_uri: 'https://login.example.com/callback/wechat' })).toBe('redirect_uri')
    expect(await answer({ scope: 'snsapi_login' })).toBe('scope')
  })

  it('shows a stranger to a page that demands the profile in a snapshot', async () => {
    wechat.setSnapshot(true)
    const openids = new Set([wechat.openid('alice', h5.appid)])
    const unionids = new Set([wechat.unionid('alice', h5.appid)])
    for (const forceSnapShot of [undefined, 'true']) {
      const back = sentBack(await visit(path, { ...inApp, forceSnapShot }, { headers: phone }))
      const token = await exchange(back.searchParams.get('code') ?? '', { appid: h5.appid, secret: h5.secret })
      expect(token['is_snapshotuser']).toBe(1)
      expect((await userinfo(token))['errcode']).toBe(48001)
      openids.add(String(token['openid']))
      unionids.add(String(token['unionid']))
      wechat.setSnapshot(false)
    }
    expect(openids.size).toBe(3)
    expect(unionids.size).toBe(3)
  })
})

describe('exchanging a code', () => {
  it('answers text/plain with status 200 and no errcode', async () => {
    const token = await exchange(wechat.authorize('alice', web.appid))
    expect(token).toEqual({
      access_token: expect.any(String),
      expires_in: 7200,
      refresh_token: expect.any(String),
      openid: wechat.openid('alice', web.appid),
      scope: 'snsapi_login',
      unionid: wechat.unionid('alice', web.appid),
    })
  })

  it('names what is missing and what is wrong, with a request id', async () => {
    const code = wechat.authorize('alice', web.appid)
    const wrongs: readonly (readonly [number, Params])[] = [
      [41002, { appid: undefined }],
      [41004, { secret: '' }],
      [41008, { code: undefined }],
      [40013, { appid: 'wx404' }],
      [40125, { secret: 'guess' }],
      [40002, { grant_type: undefined }],
    ]
    for (const [errcode, bent] of wrongs) {
      const body = await exchange(code, bent)
      expect(body).toEqual({ errcode, errmsg: expect.stringMatching(/, rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/) })
    }
    expect(await exchange(code)).toHaveProperty('openid')
  })

  it('is a GET', async () => {
    const response = await fetch(address('/sns/oauth2/access_token', {}), { method: 'POST' })
    expect(JSON.parse(await response.text())['errcode']).toBe(43001)
  })

  it('takes a code once', async () => {
    const code = wechat.authorize('alice', web.appid)
    await exchange(code)
    expect(await exchange(code)).toMatchObject({
      errcode: 40163,
      errmsg: expect.stringMatching(/^code been used, rid: /),
    })
  })

  it('takes a code for five minutes', async () => {
    const [early, late] = [wechat.authorize('alice', web.appid), wechat.authorize('alice', web.appid)]
    now += 299_999
    expect(await exchange(early)).toHaveProperty('openid')
    now += 1
    expect((await exchange(late))['errcode']).toBe(42003)
  })

  it('can be told to have codes expired or forgotten', async () => {
    const code = wechat.authorize('alice', web.appid)
    wechat.expireCodes()
    expect((await exchange(code))['errcode']).toBe(42003)
    wechat.forgetCodes()
    expect((await exchange(code))['errcode']).toBe(40029)
    expect(await exchange(wechat.authorize('alice', web.appid))).toHaveProperty('openid')
  })

  it('refuses garbage and the codes of other apps, which stay good for their own', async () => {
    expect((await exchange('garbage'))['errcode']).toBe(40029)
    for (const other of [h5, app, alone, foreign]) {
      const code = wechat.authorize('alice', other.appid)
      expect((await exchange(code))['errcode']).toBe(40029)
      const own = await exchange(code, { appid: other.appid, secret: other.secret })
      expect(own['openid']).toBe(wechat.openid('alice', other.appid))
    }
    const code = wechat.loginMiniProgram('alice')
    expect((await exchange(code, { appid: mini.appid, secret: mini.secret }))['errcode']).toBe(40029)
  })

  it('marks a snapshot made by the test', async () => {
    const code = wechat.authorize('alice', h5.appid, { snapshot: true })
    const token = await exchange(code, { appid: h5.appid, secret: h5.secret })
    expect(token['is_snapshotuser']).toBe(1)
    expect(token['openid']).not.toBe(wechat.openid('alice', h5.appid))
  })
})

describe('who somebody is', () => {
  it('has an openid for each app and a unionid for each Open Platform account', () => {
    const apps = [web, h5, app, mini, alone, foreign].map(({ appid }) => appid)
    const openids = apps.flatMap((appid) => ['alice', 'bob'].map((person) => wechat.openid(person, appid)))
    expect(new Set(openids).size).toBe(12)
    for (const openid of openids) expect(openid).toMatch(/^o[\w-]{27}$/)
    const unionids = apps.map((appid) => wechat.unionid('alice', appid))
    expect(new Set(unionids.slice(0, 4)).size).toBe(1)
    expect(unionids[4]).toBeUndefined()
    expect(unionids[5]).not.toBe(unionids[0])
    expect(wechat.unionid('bob', web.appid)).not.toBe(unionids[0])
  })

  it('gets a unionid when the app is bound, also for an earlier token', async () => {
    const token = await exchange(wechat.authorize('alice', alone.appid), { appid: alone.appid, secret: alone.secret })
    expect(token).not.toHaveProperty('unionid')
    expect(await userinfo(token)).not.toHaveProperty('unionid')
    wechat.bind(alone.appid, 'ours')
    expect((await userinfo(token))['unionid']).toBe(wechat.unionid('alice', web.appid))
    wechat.bind(alone.appid, undefined)
    expect(await userinfo(token)).not.toHaveProperty('unionid')
  })
})

describe('reading the profile', () => {
  it('answers nickname and picture, empty where there is none', async () => {
    expect(await userinfo(wechat.issueTokens('alice', web.appid))).toMatchObject({
      openid: wechat.openid('alice', web.appid),
      unionid: wechat.unionid('alice', web.appid),
      nickname: '爱丽丝 <b>',
      headimgurl: avatar,
      sex: 0,
      city: '',
      privilege: [],
    })
    expect(await userinfo(wechat.issueTokens('bob', app.appid))).toMatchObject({ nickname: '微信用户', headimgurl: '' })
  })

  it('takes a token of any app, and only with its own openid', async () => {
    const theirs = wechat.issueTokens('alice', foreign.appid)
    expect(await userinfo(theirs)).toMatchObject({ openid: wechat.openid('alice', foreign.appid) })
    expect(await auth(theirs)).toEqual({ errcode: 0, errmsg: 'ok' })
    const openid = wechat.openid('alice', web.appid)
    expect((await userinfo(theirs, { openid }))['errcode']).toBe(40003)
    expect((await auth(theirs, { openid }))['errcode']).toBe(40003)
  })

  it.each([
    ['/sns/userinfo', userinfo],
    ['/sns/auth', auth],
  ])('names what is wrong with a token at %s', async (_, read) => {
    const token = wechat.issueTokens('alice', web.appid)
    expect((await read(token, { access_token: undefined }))['errcode']).toBe(41001)
    expect((await read(token, { openid: undefined }))['errcode']).toBe(41009)
    expect((await read(token, { access_token: 'no token!' }))['errcode']).toBe(40014)
    expect((await read(token, { access_token: 'f'.repeat(32) }))['errcode']).toBe(40001)
    now += 7_200_000
    expect((await read(token))['errcode']).toBe(42001)
  })
})

describe('renewing a token', () => {
  it('keeps a live token and gives it more time, and replaces an ended one', async () => {
    const token = wechat.issueTokens('alice', web.appid)
    now += 7_000_000
    const renewed = await refresh(token)
    expect(Object.keys(renewed)).toEqual(['access_token', 'expires_in', 'refresh_token', 'openid', 'scope'])
    expect(renewed['access_token']).toBe(token.access_token)
    now += 7_000_000
    expect(await userinfo(token)).toHaveProperty('nickname')
    now += 200_000
    const replaced = await refresh(token)
    expect(replaced['access_token']).not.toBe(token.access_token)
    expect(await userinfo(replaced)).toHaveProperty('nickname')
  })

  it('names what is wrong', async () => {
    const token = wechat.issueTokens('alice', web.appid)
    expect((await refresh(token, { appid: undefined }))['errcode']).toBe(41002)
    expect((await refresh(token, { refresh_token: undefined }))['errcode']).toBe(41003)
    expect((await refresh(token, { appid: 'wx404' }))['errcode']).toBe(40013)
    expect((await refresh(token, { appid: app.appid }))['errcode']).toBe(40030)
    expect((await refresh(token, { refresh_token: 'garbage' }))['errcode']).toBe(40030)
    now += 30 * 86_400_000
    expect((await refresh(token))['errcode']).toBe(42002)
  })
})

describe('the SDK of a mobile app', () => {
  it('gives the app a code for its own appid and secret alone', async () => {
    const { errCode, state, code = '' } = wechat.sendAuth('alice', app.appid, { state: 'Abc123' })
    expect([errCode, state]).toEqual([0, 'Abc123'])
    expect((await exchange(code))['errcode']).toBe(40029)
    expect((await exchange(code, { appid: app.appid }))['errcode']).toBe(40125)
    const own = { appid: app.appid, secret: app.secret }
    expect(await exchange(code, own)).toMatchObject({
      openid: wechat.openid('alice', app.appid),
      unionid: wechat.unionid('alice', web.appid),
      scope: 'snsapi_userinfo',
    })
    expect((await exchange(code, own))['errcode']).toBe(40163)
    expect((await exchange(wechat.authorize('alice', web.appid), own))['errcode']).toBe(40029)
  })

  it('tells a refusal from a cancellation, and gives no code', () => {
    const ask = (decision: 'refuse' | 'cancel') => wechat.sendAuth('alice', app.appid, { state: 'Abc123', decision })
    expect(ask('refuse')).toEqual({ errCode: -4, state: 'Abc123' })
    expect(ask('cancel')).toEqual({ errCode: -2, state: 'Abc123' })
  })

  it('is in mobile apps alone', () => {
    expect(() => wechat.sendAuth('alice', web.appid, { state: 'Abc123' })).toThrow('no mobile app')
    expect(() => wechat.authorize('alice', mini.appid)).toThrow('mini program')
    expect(() => wechat.loginMiniProgram('alice', app.appid)).toThrow('no mini program')
  })
})

describe('trouble', () => {
  it.each([['-1'], ['45011'], ['40226']])(
    'refuses one call in good order with %s and uses nothing up',
    async (code) => {
      const upstreamCode = wechat.authorize('alice', web.appid)
      wechat.faults.push({ kind: 'refuse', code })
      expect((await exchange(upstreamCode, { secret: 'guess' }))['errcode']).toBe(40125)
      wechat.faults.push({ kind: 'refuse', code })
      expect(await exchange(upstreamCode)).toEqual({
        errcode: Number(code),
        errmsg: expect.stringContaining(', rid: '),
      })
      expect(await exchange(upstreamCode)).toHaveProperty('openid')
    },
  )

  it('waits for the path it is meant for and leaves pages alone', async () => {
    wechat.faults.push({ kind: 'refuse', code: '-1', path: '/sns/userinfo' }, { kind: 'server_error' })
    expect((await visit('/connect/qrconnect', qr)).status).toBe(200)
    expect((await fetch(address('/sns/oauth2/access_token', {}))).status).toBe(500)
    const token = await exchange(wechat.authorize('alice', web.appid))
    expect((await userinfo(token))['errcode']).toBe(-1)
    wechat.faults.push({ kind: 'bad_gateway_html', path: '/connect/qrconnect' })
    expect((await visit('/connect/qrconnect', qr)).status).toBe(502)
    expect(wechat.faults).toEqual([])
  })

  it.each([['reset_after_accept'], ['truncated_json'], ['wrong_length'], ['html_instead']] as const)(
    'has used the code up when the answer is lost by %s',
    async (kind) => {
      const code = wechat.authorize('alice', web.appid)
      wechat.faults.push({ kind })
      await expect(exchange(code)).rejects.toThrow()
      expect((await exchange(code))['errcode']).toBe(40163)
    },
  )

  it.each([['reset_before_accept'], ['server_error'], ['bad_gateway_html'], ['too_many_requests']] as const)(
    'has not used the code up after %s',
    async (kind) => {
      const code = wechat.authorize('alice', web.appid)
      wechat.faults.push({ kind })
      await expect(exchange(code)).rejects.toThrow()
      expect(await exchange(code)).toHaveProperty('openid')
    },
  )

  it('can begin an answer with a byte order mark', async () => {
    wechat.faults.push({ kind: 'byte_order_mark' })
    const response = await fetch(address('/sns/auth', {}))
    expect([...new Uint8Array(await response.arrayBuffer()).subarray(0, 4)]).toEqual([0xef, 0xbb, 0xbf, 0x7b])
  })

  it('can answer late, or in two halves', async () => {
    wechat.faults.push({ kind: 'latency', ms: 40 }, { kind: 'slow_body', ms: 40 })
    for (const _ of [1, 2]) {
      const began = performance.now()
      expect(await exchange(wechat.authorize('alice', web.appid))).toHaveProperty('openid')
      expect(performance.now() - began).toBeGreaterThan(35)
    }
  })

  it('remembers every request as it came', async () => {
    await exchange('garbage')
    const [request] = wechat.requests
    expect(request).toMatchObject({ at: start, method: 'GET', path: '/sns/oauth2/access_token', body: '' })
    expect(request?.rawQuery).toContain('secret=web-secret')
    expect((await fetch(`${wechat.url}/sns/elsewhere`)).status).toBe(404)
  })
})
