import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type QqSimulator, startQq } from '../../sandbox/simulators/qq.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const redirectUri = 'https://login.example.com/callback/qq'
const web = {
  appid: '101000001',
  secret: 'web-secret',
  developer: 'ours',
  hasUnionid: true,
  redirectUris: [redirectUri],
}
const phone = { appid: '101000002', secret: 'phone-secret', developer: 'ours', hasUnionid: true }
const plain = { appid: '101000003', secret: 'plain-secret', developer: 'ours', redirectUris: [redirectUri] }
const foreign = {
  appid: '101999999',
  secret: 'their-secret',
  developer: 'theirs',
  hasUnionid: true,
  redirectUris: [redirectUri],
}
const offline = {
  appid: '101000004',
  secret: 'off-secret',
  developer: 'ours',
  isOnline: false,
  redirectUris: [redirectUri],
}
const poor = {
  appid: '101000005',
  secret: 'poor-secret',
  developer: 'ours',
  canReadProfile: false,
  redirectUris: [redirectUri],
}
const avatar = 'http://thirdqq.qlogo.cn/g?b=oidb&k=alice&s=100'
let now = start
let qq: QqSimulator

beforeEach(async () => {
  now = start
  qq = await startQq({
    clock: () => now,
    apps: [{ ...web, name: '门神示例' }, phone, plain, foreign, offline, poor],
    people: [
      { id: 'alice', name: '爱丽丝&', avatar },
      { id: 'bob', name: '小波' },
    ],
  })
})
afterEach(() => qq.close())

type Params = Readonly<Record<string, string | undefined>>
type Body = Record<string, unknown>

function address(path: string, params: Params): string {
  const given = Object.entries(params).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as [string, string]],
  )
  return `${qq.url}${path}?${new URLSearchParams(given)}`
}

async function text(path: string, params: Params): Promise<string> {
  const response = await fetch(address(path, params))
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/html')
  return response.text()
}
const json = async (path: string, params: Params): Promise<Body> =>
  JSON.parse(await text(path, { fmt: 'json', ...params }))

const exchanging: Params = {
  grant_type: 'authorization_code',
  client_id: web.appid,
  client_secret: web.secret,
  redirect_uri: redirectUri,
}
const exchange = (code: string, bent: Params = {}) => json('/oauth2.0/token', { ...exchanging, code, ...bent })
const refresh = (token: Body, bent: Params = {}) =>
  json('/oauth2.0/token', {
    grant_type: 'refresh_token',
    client_id: web.appid,
    client_secret: web.secret,
    refresh_token: String(token['refresh_token']),
    ...bent,
  })
const me = (token: Body, bent: Params = {}) =>
  json('/oauth2.0/me', { access_token: String(token['access_token']), ...bent })
const profile = (token: Body, bent: Params = {}) =>
  json('/user/get_user_info', {
    access_token: String(token['access_token']),
    oauth_consumer_key: web.appid,
    openid: qq.openid('alice', web.appid),
    ...bent,
  })

describe('the consent page', () => {
  const query: Params = {
    response_type: 'code',
    client_id: web.appid,
    redirect_uri: redirectUri,
    state: 'Abc123',
    scope: 'get_user_info',
    display: 'mobile',
  }
  const visit = (bent: Params = {}) =>
    fetch(address('/oauth2.0/authorize', { ...query, ...bent }), { redirect: 'manual' })
  const decide = (form: Record<string, string>, bent: Params = {}) =>
    fetch(address('/oauth2.0/authorize', { ...query, ...bent }), {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams(form),
    })
  const refusal = async (response: Response) => {
    expect(response.status).toBe(400)
    expect(response.headers.get('location')).toBeNull()
    return /<code>(\w+)<\/code>/.exec(await response.text())?.[1]
  }

  it('shows who asks and lets one choose a person, without script', async () => {
    const response = await visit()
    expect(response.status).toBe(200)
    const page = await response.text()
    expect(page).toContain('门神示例')
    expect(page).toContain('爱丽丝&#38;')
    expect(page).not.toContain('<script')
  })

  it('sends who accepts back with a code and the state', async () => {
    const response = await decide({ person: 'bob', decision: 'accept' })
    expect(response.status).toBe(302)
    const back = new URL(response.headers.get('location') ?? '')
    expect(back.origin + back.pathname).toBe(redirectUri)
    expect([...back.searchParams.keys()]).toEqual(['code', 'state'])
    expect(back.searchParams.get('state')).toBe('Abc123')
    const token = await exchange(back.searchParams.get('code') ?? '')
    expect((await me(token))['openid']).toBe(qq.openid('bob', web.appid))
  })

  it('sends who refuses back with the state and usercancel', async () => {
    const response = await decide({ person: 'bob', decision: 'refuse' })
    expect(response.headers.get('location')).toBe(`${redirectUri}?usercancel=1&state=Abc123`)
  })

  it('keeps who is wrongly asked, with the number of what is wrong', async () => {
    expect(await refusal(await visit({ response_type: undefined }))).toBe('100000')
    expect(await refusal(await visit({ response_type: 'token' }))).toBe('100000')
    expect(await refusal(await visit({ client_id: undefined }))).toBe('100001')
    expect(await refusal(await visit({ client_id: '404' }))).toBe('100008')
    for (const redirect_uri of [undefined, `${redirectUri}/`, 'https://evil.example.net/', `${redirectUri}?a=b`]) {
      expect(await refusal(await visit({ redirect_uri }))).toBe('100010')
    }
    expect(await refusal(await visit({ client_id: phone.appid }))).toBe('100010')
    expect(await refusal(await visit({ client_id: offline.appid }))).toBe('100011')
    expect(await refusal(await visit({ scope: 'get_user_info,add_t' }))).toBe('100031')
    expect(await refusal(await visit({ state: undefined }))).toBe('state')
    expect(await refusal(await decide({ person: 'mallory', decision: 'accept' }))).toBe('form')
  })
})

describe('exchanging a code', () => {
  it('answers a form, or JSON where asked, with the seconds as a string', async () => {
    const form = await text('/oauth2.0/token', { ...exchanging, code: qq.authorize('alice', web.appid) })
    expect(form).toMatch(/^access_token=[0-9a-f]{32}&expires_in=7776000&refresh_token=[0-9a-f]{32}$/)
    expect(await exchange(qq.authorize('alice', web.appid))).toEqual({
      access_token: expect.any(String),
      expires_in: '7776000',
      refresh_token: expect.any(String),
    })
  })

  it('answers failures as a callback, or as JSON where asked, with numeric errors', async () => {
    const callback = await text('/oauth2.0/token', { ...exchanging, code: 'garbage' })
    expect(callback).toBe('callback( {"error":100019,"error_description":"code to access token error"} );\n')
    expect(await exchange('garbage')).toEqual({ error: 100019, error_description: 'code to access token error' })
  })

  it('names what is missing and what is wrong, and uses nothing up', async () => {
    const code = qq.authorize('alice', web.appid)
    const wrongs: readonly (readonly [number, Params])[] = [
      [100004, { grant_type: undefined }],
      [100004, { grant_type: 'password' }],
      [100001, { client_id: undefined }],
      [100002, { client_secret: '' }],
      [100005, { code: undefined }],
      [100008, { client_id: '404' }],
      [100009, { client_secret: 'guess' }],
      [100010, { redirect_uri: undefined }],
      [100010, { redirect_uri: `${redirectUri}?a=b` }],
      [100011, { client_id: offline.appid, client_secret: offline.secret }],
      [100019, { client_id: foreign.appid, client_secret: foreign.secret }],
    ]
    for (const [error, bent] of wrongs) expect(await exchange(code, bent)).toMatchObject({ error })
    expect(await exchange(code)).toHaveProperty('access_token')
  })

  it('takes a code once', async () => {
    const code = qq.authorize('alice', web.appid)
    await exchange(code)
    expect(await exchange(code)).toMatchObject({ error: 100020 })
  })

  it('takes a code for ten minutes, unless told otherwise', async () => {
    const [early, late] = [qq.authorize('alice', web.appid), qq.authorize('alice', web.appid)]
    now += 599_999
    expect(await exchange(early)).toHaveProperty('access_token')
    now += 1
    expect(await exchange(late)).toMatchObject({ error: 100019 })
    const told = qq.authorize('alice', web.appid)
    qq.expireCodes()
    expect(await exchange(told)).toMatchObject({ error: 100019 })
  })

  it('refuses the codes of other apps', async () => {
    for (const other of [plain, foreign]) {
      expect(await exchange(qq.authorize('alice', other.appid))).toMatchObject({ error: 100019 })
    }
  })

  it('renews with a refresh token that is good once and only for its app', async () => {
    const token = await exchange(qq.authorize('alice', web.appid))
    expect(await refresh(token, { refresh_token: undefined })).toMatchObject({ error: 100006 })
    const byOther = { client_id: foreign.appid, client_secret: foreign.secret }
    expect(await refresh(token, byOther)).toMatchObject({ error: 100006 })
    const renewed = await refresh(token)
    expect(renewed['refresh_token']).not.toBe(token['refresh_token'])
    expect((await me(renewed))['openid']).toBe(qq.openid('alice', web.appid))
    expect(await refresh(token)).toMatchObject({ error: 100006 })
    expect(await refresh(renewed)).toHaveProperty('access_token')
  })
})

describe('asking whose token it is', () => {
  it('answers a callback with a line break, or JSON where asked', async () => {
    const { access_token } = qq.issueTokens('alice', web.appid)
    const openid = qq.openid('alice', web.appid)
    expect(await text('/oauth2.0/me', { access_token })).toBe(
      `callback( {"client_id":"${web.appid}","openid":"${openid}"} );\n`,
    )
    expect(await me({ access_token }, { unionid: '1' })).toEqual({
      client_id: web.appid,
      openid,
      unionid: qq.unionid('alice', web.appid),
    })
    expect(await text('/oauth2.0/me', { access_token: 'garbage' })).toBe(
      'callback( {"error":100016,"error_description":"access token check failed"} );\n',
    )
  })

  it('takes a token of any app and names that app', async () => {
    const theirs = qq.issueTokens('alice', foreign.appid)
    expect(await me(theirs)).toEqual({ client_id: foreign.appid, openid: theirs.openid })
    const ours = qq.issueTokens('alice', phone.appid)
    expect(await me(ours)).toEqual({ client_id: phone.appid, openid: qq.openid('alice', phone.appid) })
  })

  it('refuses the unionid to an app without that permission, not the openid', async () => {
    const token = qq.issueTokens('alice', plain.appid)
    expect(await me(token, { unionid: '1' })).toMatchObject({ error: 100048 })
    expect(await me(token)).toEqual({ client_id: plain.appid, openid: qq.openid('alice', plain.appid) })
  })

  it('has an openid for each app and a unionid for each developer', () => {
    const apps = [web, phone, plain, foreign].map(({ appid }) => appid)
    const openids = apps.flatMap((appid) => ['alice', 'bob'].map((person) => qq.openid(person, appid)))
    expect(new Set(openids).size).toBe(8)
    expect(new Set(apps.map((appid) => qq.unionid('alice', appid))).size).toBe(2)
    expect(qq.unionid('alice', web.appid)).toBe(qq.unionid('alice', phone.appid))
    expect(qq.unionid('bob', web.appid)).not.toBe(qq.unionid('alice', web.appid))
  })

  it('names what is wrong with a token', async () => {
    const token = qq.issueTokens('alice', web.appid)
    expect(await me(token, { access_token: undefined })).toMatchObject({ error: 100007 })
    now += 7_776_000_000
    expect(await me(token)).toMatchObject({ error: 100014 })
    const withdrawn = qq.issueTokens('alice', web.appid)
    const others = qq.issueTokens('bob', web.appid)
    qq.withdraw('alice', web.appid)
    expect(await me(withdrawn)).toMatchObject({ error: 100015 })
    expect(await refresh(withdrawn)).toMatchObject({ error: 100006 })
    expect(await me(others)).toHaveProperty('openid')
  })
})

describe('reading the profile', () => {
  it('answers ret 0, numbers as strings, and pictures that may be empty', async () => {
    const token = qq.issueTokens('alice', web.appid)
    expect(await profile(token)).toMatchObject({
      ret: 0,
      msg: '',
      nickname: '爱丽丝&',
      gender: '男',
      year: '0',
      figureurl_qq_1: avatar,
      figureurl_qq_2: avatar,
      is_yellow_vip: '0',
    })
    qq.setLargeAvatars(false)
    expect(await profile(token)).toMatchObject({ figureurl_qq_1: avatar, figureurl_qq_2: '' })
    const bob = qq.issueTokens('bob', web.appid)
    expect(await profile(bob, { openid: bob.openid })).toMatchObject({ nickname: '小波', figureurl_qq_1: '' })
  })

  it('answers failures with status 200, ret and msg', async () => {
    const token = qq.issueTokens('alice', web.appid)
    expect(await profile(token, { openid: undefined })).toEqual({ ret: -1, msg: 'bad parameter' })
    expect(await profile(token, { oauth_consumer_key: undefined })).toMatchObject({ ret: -1 })
    expect(await profile(token, { oauth_consumer_key: '404' })).toMatchObject({ ret: -2 })
    expect(await profile(token, { openid: qq.openid('bob', web.appid) })).toMatchObject({ ret: -22 })
    expect(await profile(token, { access_token: undefined })).toMatchObject({ ret: 100007 })
    expect(await profile(token, { access_token: 'garbage' })).toMatchObject({ ret: 100016 })
    expect(await profile(qq.issueTokens('alice', foreign.appid))).toMatchObject({ ret: 100016 })
    expect(await profile(qq.issueTokens('alice', web.appid, { scope: '' }))).toMatchObject({ ret: 100030 })
    const lacking = qq.issueTokens('alice', poor.appid)
    const asPoor = { oauth_consumer_key: poor.appid, openid: lacking.openid }
    expect(await profile(lacking, asPoor)).toMatchObject({ ret: 100031 })
    now += 7_776_000_000
    expect(await profile(token)).toMatchObject({ ret: 100014 })
  })
})

describe('what the SDK hands out on a phone', () => {
  it('is good for the app it was made for, and is told from that of any other', async () => {
    const ours = qq.issueTokens('alice', phone.appid)
    expect(ours).toMatchObject({ openid: qq.openid('alice', phone.appid), expires_in: '7776000' })
    const unionid = qq.unionid('alice', web.appid)
    expect(await me(ours, { unionid: '1' })).toEqual({ client_id: phone.appid, openid: ours.openid, unionid })
    const asPhone = { oauth_consumer_key: phone.appid, openid: ours.openid }
    expect(await profile(ours, asPhone)).toMatchObject({ ret: 0, nickname: '爱丽丝&' })
    for (const other of [web, foreign]) {
      const theirs = qq.issueTokens('alice', other.appid)
      expect((await me(theirs))['client_id']).toBe(other.appid)
      expect(theirs.openid).not.toBe(ours.openid)
      expect(await profile(theirs, asPhone)).toMatchObject({ ret: 100016 })
    }
  })

  it("goes with its own person's openid alone", async () => {
    const { access_token } = qq.issueTokens('alice', phone.appid)
    const bobs = qq.issueTokens('bob', phone.appid)
    expect((await me({ access_token }))['openid']).not.toBe(bobs.openid)
    const asBob = { oauth_consumer_key: phone.appid, openid: bobs.openid }
    expect(await profile({ access_token }, asBob)).toMatchObject({ ret: -22 })
  })
})

describe('trouble', () => {
  it('refuses a call in good order in the shape of the call, and uses nothing up', async () => {
    const code = qq.authorize('alice', web.appid)
    qq.faults.push({ kind: 'refuse', code: '100013', message: 'access token cancelled' })
    expect(await exchange(code)).toEqual({ error: 100013, error_description: 'access token cancelled' })
    const token = await exchange(code)
    qq.faults.push({ kind: 'refuse', code: '-4', path: '/user/get_user_info' })
    expect(await me(token)).toHaveProperty('openid')
    expect(await profile(token)).toMatchObject({ ret: -4 })
  })

  it('has used the code up when the connection breaks after it', async () => {
    const code = qq.authorize('alice', web.appid)
    qq.faults.push({ kind: 'reset_after_accept' })
    await expect(exchange(code)).rejects.toThrow()
    expect(await exchange(code)).toMatchObject({ error: 100020 })
  })

  it('can cut a form and a callback in half', async () => {
    qq.faults.push({ kind: 'truncated_json' }, { kind: 'truncated_json' })
    const code = qq.authorize('alice', web.appid)
    expect(await text('/oauth2.0/token', { ...exchanging, code })).not.toContain('refresh_token')
    expect(await text('/oauth2.0/me', { access_token: 'garbage' })).toMatch(/^callback\((?!.*\);)/)
  })

  it('remembers every request and knows no others', async () => {
    await exchange('garbage')
    expect(qq.requests[0]).toMatchObject({ at: start, method: 'GET', path: '/oauth2.0/token', body: '' })
    expect((await fetch(address('/oauth2.0/token', exchanging), { method: 'POST' })).status).toBe(404)
    expect((await fetch(`${qq.url}/sns/jscode2session`)).status).toBe(404)
  })
})
