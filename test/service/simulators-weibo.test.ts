import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWeibo, type WeiboSimulator } from '../../sandbox/simulators/weibo.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const redirectUri = 'https://login.example.com/callback/weibo'
const web = { appKey: '1000000001', appSecret: 'web-secret', redirectUris: [redirectUri] }
const phone = { appKey: '1000000002', appSecret: 'phone-secret' }
const trial = { appKey: '1000000003', appSecret: 'trial-secret', redirectUris: [redirectUri], testers: ['alice'] }
const foreign = { appKey: '1999999999', appSecret: 'their-secret', redirectUris: [redirectUri] }
const avatar = 'https://tvax1.sinaimg.cn/crop.0.0.180.180.180/alice.jpg'
const day = 86_400_000
let now = start
let weibo: WeiboSimulator

beforeEach(async () => {
  now = start
  weibo = await startWeibo({
    clock: () => now,
    apps: [{ ...web, name: '门神示例' }, phone, trial, foreign],
    people: [
      { id: 'alice', name: '爱丽丝', avatar },
      { id: 'bob', name: '小波', uid: '1404376560' },
    ],
  })
})
afterEach(() => weibo.close())

type Params = Readonly<Record<string, string | undefined>>
type Body = Record<string, unknown>

function encoded(params: Params): URLSearchParams {
  const given = Object.entries(params).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as [string, string]],
  )
  return new URLSearchParams(given)
}

const get = (path: string, params: Params) => fetch(`${weibo.url}${path}?${encoded(params)}`, { redirect: 'manual' })
const post = (path: string, params: Params) => fetch(`${weibo.url}${path}`, { method: 'POST', body: encoded(params) })

async function good(answer: Promise<Response>): Promise<Body> {
  const response = await answer
  expect(response.status).toBe(200)
  return (await response.json()) as Body
}

async function failed(answer: Promise<Response>): Promise<readonly [number, unknown, unknown]> {
  const response = await answer
  const body = (await response.json()) as Body
  return [response.status, body['error_code'], body['error']]
}

const exchange = (code: string, bent: Params = {}) =>
  post('/oauth2/access_token', {
    client_id: web.appKey,
    client_secret: web.appSecret,
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    ...bent,
  })
const tokenInfo = (access_token: string) => post('/oauth2/get_token_info', { access_token })
const show = (access_token: string, uid: string) => get('/2/users/show.json', { access_token, uid })

describe('the consent page', () => {
  const path = '/oauth2/authorize'
  const query: Params = {
    client_id: web.appKey,
    redirect_uri: redirectUri,
    response_type: 'code',
    state: 'Abc123',
    scope: 'email',
    display: 'default',
  }
  const decide = (form: Record<string, string>, bent: Params = {}) =>
    fetch(`${weibo.url}${path}?${encoded({ ...query, ...bent })}`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams(form),
    })
  const back = (response: Response) => {
    expect(response.status).toBe(302)
    const url = new URL(response.headers.get('location') ?? '')
    expect(url.origin + url.pathname).toBe(redirectUri)
    return Object.fromEntries(url.searchParams)
  }
  const stays = async (answer: Promise<Response>) => {
    const response = await answer
    expect(response.status).toBe(400)
    expect(response.headers.get('location')).toBeNull()
    return /<code>(\w+)<\/code>/.exec(await response.text())?.[1]
  }

  it('shows who asks and lets one choose a person, in two languages, without script', async () => {
    const page = await (await get(path, query)).text()
    expect(page).toContain('「门神示例」请求使用你的微博账号登录')
    expect(page).not.toContain('<script')
    expect(await (await get(path, { ...query, language: 'en' })).text()).toContain('log you in with your Weibo account')
  })

  it('sends who accepts back with a code and the state', async () => {
    const { code = '', ...rest } = back(await decide({ person: 'bob', decision: 'accept' }))
    expect(rest).toEqual({ state: 'Abc123' })
    expect((await good(exchange(code)))['uid']).toBe('1404376560')
    expect(Object.keys(back(await decide({ person: 'bob', decision: 'accept' }, { state: undefined })))).toEqual([
      'code',
    ])
  })

  it('sends who refuses back with access_denied and the state', async () => {
    expect(back(await decide({ person: 'bob', decision: 'refuse' }))).toEqual({
      error: 'access_denied',
      error_code: '21330',
      error_description: 'user denied your request.',
      state: 'Abc123',
    })
  })

  it('sends errors back in the query', async () => {
    const missing = back(await get(path, { ...query, response_type: undefined }))
    expect(missing).toMatchObject({ error: 'invalid_request', error_code: '21323', state: 'Abc123' })
    const wrong = back(await get(path, { ...query, response_type: 'token' }))
    expect(wrong).toMatchObject({ error: 'unsupported_response_type', error_code: '21329' })
  })

  it('sends nobody to an address that is not exactly the registered one', async () => {
    for (const client_id of [undefined, '404']) expect(await stays(get(path, { ...query, client_id }))).toBe('21324')
    for (const redirect_uri of [undefined, `${redirectUri}/`, `${redirectUri}?a=b`, 'https://evil.example.net/']) {
      expect(await stays(get(path, { ...query, redirect_uri }))).toBe('21322')
    }
    expect(await stays(get(path, { ...query, client_id: phone.appKey }))).toBe('21322')
    expect(await stays(decide({ person: 'mallory', decision: 'accept' }))).toBe('form')
  })
})

describe('exchanging a code', () => {
  it('answers the uid as a string, and seconds as a number and as a string', async () => {
    expect(await good(exchange(weibo.authorize('alice', web.appKey)))).toEqual({
      access_token: expect.any(String),
      remind_in: '2592000',
      expires_in: 2_592_000,
      uid: weibo.uid('alice'),
    })
  })

  it('gives the tokens of an app before its review a day', async () => {
    const code = weibo.authorize('alice', trial.appKey)
    const token = await good(exchange(code, { client_id: trial.appKey, client_secret: trial.appSecret }))
    expect(token['expires_in']).toBe(86_400)
  })

  it('names what is missing and what is wrong, with status 400, and uses nothing up', async () => {
    const code = weibo.authorize('alice', web.appKey)
    const wrongs: readonly (readonly [number, string, Params])[] = [
      [21322, 'redirect_uri_mismatch', { redirect_uri: `${redirectUri}/` }],
      [21323, 'invalid_request', { redirect_uri: undefined }],
      [21323, 'invalid_request', { client_id: undefined }],
      [21323, 'invalid_request', { client_secret: undefined }],
      [21323, 'invalid_request', { grant_type: undefined }],
      [21323, 'invalid_request', { code: undefined }],
      [21324, 'invalid_client', { client_id: '404' }],
      [21324, 'invalid_client', { client_secret: 'guess' }],
      [21325, 'invalid_grant', { code: 'garbage' }],
      [21325, 'invalid_grant', { client_id: foreign.appKey, client_secret: foreign.appSecret }],
      [21328, 'unsupported_grant_type', { grant_type: 'refresh_token' }],
    ]
    for (const [code_, error, bent] of wrongs) expect(await failed(exchange(code, bent))).toEqual([400, code_, error])
    expect(await good(exchange(code))).toHaveProperty('access_token')
  })

  it('describes a failure in the shape of OAuth', async () => {
    const response = await exchange('garbage')
    expect(Object.keys((await response.json()) as Body)).toEqual(['error', 'error_code', 'error_description'])
  })

  it('takes a code once, for ten minutes, and from its own app', async () => {
    const code = weibo.authorize('alice', web.appKey)
    await good(exchange(code))
    const refused = [400, 21325, 'invalid_grant']
    expect(await failed(exchange(code))).toEqual(refused)
    const [early, late] = [weibo.authorize('alice', web.appKey), weibo.authorize('alice', web.appKey)]
    now += 599_999
    await good(exchange(early))
    now += 1
    expect(await failed(exchange(late))).toEqual(refused)
    const told = weibo.authorize('alice', web.appKey)
    weibo.expireCodes()
    expect(await failed(exchange(told))).toEqual(refused)
    expect(await failed(exchange(weibo.authorize('alice', foreign.appKey)))).toEqual(refused)
  })

  it('is a POST of a form', async () => {
    const code = weibo.authorize('alice', web.appKey)
    const fields = {
      client_id: web.appKey,
      client_secret: web.appSecret,
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
    }
    const wrong = [400, 21323, 'invalid_request']
    expect(await failed(get('/oauth2/access_token', fields))).toEqual(wrong)
    const inQuery = `${weibo.url}/oauth2/access_token?${encoded(fields)}`
    expect(await failed(fetch(inQuery, { method: 'POST' }))).toEqual(wrong)
    const asJson = { method: 'POST', body: JSON.stringify(fields), headers: { 'content-type': 'application/json' } }
    expect(await failed(fetch(`${weibo.url}/oauth2/access_token`, asJson))).toEqual(wrong)
    await good(exchange(code))
  })
})

describe('asking whose token it is', () => {
  it('names the app and the person of a token of any app', async () => {
    const theirs = weibo.issueTokens('bob', foreign.appKey, { scope: 'email' })
    now += 60_500
    expect(await good(tokenInfo(theirs.access_token))).toEqual({
      uid: 1404376560,
      appkey: 1999999999,
      scope: 'email',
      create_at: start / 1000,
      expire_in: 2_592_000 - 61,
    })
    const ours = weibo.issueTokens('bob', phone.appKey)
    expect(await good(tokenInfo(ours.access_token))).toMatchObject({ uid: 1404376560, appkey: 1000000002 })
  })

  it('writes ids past 2^53 as numbers, or as strings when told', async () => {
    const { access_token, uid } = weibo.issueTokens('alice', web.appKey)
    expect(BigInt(uid)).toBeGreaterThan(2n ** 53n)
    expect(String(Number(uid))).not.toBe(uid)
    const asNumbers = await (await tokenInfo(access_token)).text()
    expect(asNumbers).toMatch(new RegExp(`^{"uid":${uid},"appkey":1000000001,"scope":"",`))
    weibo.setIdsAs('string')
    expect(await good(tokenInfo(access_token))).toMatchObject({ uid, appkey: web.appKey })
    expect(await (await get('/2/account/get_uid.json', { access_token })).text()).toBe(`{"uid":${uid}}`)
  })

  it('tells an ended token by the time left, and an unknown one by an error', async () => {
    const { access_token } = weibo.issueTokens('alice', web.appKey)
    now += 30 * day
    expect((await good(tokenInfo(access_token)))['expire_in']).toBe(0)
    expect(await failed(tokenInfo('garbage'))).toEqual([403, 21332, 'invalid_access_token'])
    expect((await failed(tokenInfo('')))[1]).toBe(10006)
    expect((await failed(get('/oauth2/get_token_info', { access_token })))[1]).toBe(21323)
  })
})

describe('reading the profile', () => {
  it('answers the id as a number and as a string, and pictures that may be empty', async () => {
    const { access_token, uid } = weibo.issueTokens('alice', web.appKey)
    const text = await (await show(access_token, uid)).text()
    expect(text).toMatch(new RegExp(`^{"id":${uid},"idstr":"${uid}",`))
    expect(JSON.parse(text)).toMatchObject({ screen_name: '爱丽丝', profile_image_url: avatar, avatar_large: avatar })
    const bob = weibo.issueTokens('bob', web.appKey)
    expect(await good(show(bob.access_token, bob.uid))).toMatchObject({ id: 1404376560, name: '小波', avatar_hd: '' })
  })

  it('answers the profile of whoever is asked for', async () => {
    const { access_token } = weibo.issueTokens('alice', web.appKey)
    expect(await good(show(access_token, weibo.uid('bob')))).toMatchObject({ screen_name: '小波' })
  })

  it('answers failures with the path that was asked', async () => {
    const { access_token, uid } = weibo.issueTokens('alice', web.appKey)
    const response = await show('garbage', uid)
    expect(await response.json()).toEqual({
      error: 'invalid_access_token',
      error_code: 21332,
      request: '/2/users/show.json',
    })
    expect((await failed(show('', uid))).slice(0, 2)).toEqual([400, 10006])
    expect((await failed(show(access_token, ''))).slice(0, 2)).toEqual([400, 10016])
    expect((await failed(show(access_token, '1'))).slice(0, 2)).toEqual([400, 20003])
    now += 30 * day
    expect(await failed(show(access_token, uid))).toEqual([403, 21327, 'expired_token'])
  })

  it('lets only testers use an app before its review', async () => {
    const alice = weibo.issueTokens('alice', trial.appKey)
    expect(await good(show(alice.access_token, alice.uid))).toHaveProperty('idstr')
    const bob = weibo.issueTokens('bob', trial.appKey)
    expect((await failed(show(bob.access_token, bob.uid))).slice(0, 2)).toEqual([403, 21321])
  })

  it('ends when the token is revoked', async () => {
    const { access_token, uid } = weibo.issueTokens('alice', web.appKey)
    expect(await good(get('/oauth2/revokeoauth2', { access_token }))).toEqual({ result: 'true' })
    expect((await failed(show(access_token, uid)))[1]).toBe(21332)
    expect((await failed(tokenInfo(access_token)))[1]).toBe(21332)
    expect((await failed(post('/oauth2/revokeoauth2', { access_token })))[1]).toBe(21332)
  })
})

describe('what the SDK hands out on a phone', () => {
  it('is told from that of another app or another person by get_token_info', async () => {
    weibo.setIdsAs('string')
    const ours = weibo.issueTokens('alice', web.appKey)
    expect(await good(tokenInfo(ours.access_token))).toMatchObject({
      uid: ours.uid,
      appkey: web.appKey,
      expire_in: 2_592_000,
    })
    const theirs = weibo.issueTokens('alice', foreign.appKey)
    expect(theirs.uid).toBe(ours.uid)
    expect((await good(tokenInfo(theirs.access_token)))['appkey']).toBe(foreign.appKey)
    const bobs = weibo.issueTokens('bob', web.appKey)
    expect((await good(tokenInfo(bobs.access_token)))['uid']).toBe('1404376560')
  })
})

describe('trouble', () => {
  it('refuses a call in good order and uses nothing up', async () => {
    const code = weibo.authorize('alice', web.appKey)
    weibo.faults.push({ kind: 'refuse', code: '21331' }, { kind: 'refuse', code: '21331', path: '/2/users/show.json' })
    expect(await failed(exchange(code))).toEqual([400, 21331, 'temporarily_unavailable'])
    const token = await good(exchange(code))
    const answer = show(String(token['access_token']), String(token['uid']))
    expect(await failed(answer)).toEqual([400, 21331, 'temporarily_unavailable'])
  })

  it('has used the code up when the connection breaks after it', async () => {
    const code = weibo.authorize('alice', web.appKey)
    weibo.faults.push({ kind: 'reset_after_accept' })
    await expect(exchange(code)).rejects.toThrow()
    expect((await failed(exchange(code)))[1]).toBe(21325)
  })

  it('remembers every request and knows no others', async () => {
    await exchange('garbage')
    const [request] = weibo.requests
    expect(request).toMatchObject({ at: start, method: 'POST', path: '/oauth2/access_token', rawQuery: '' })
    expect(request?.body).toContain('client_secret=web-secret')
    expect((await fetch(`${weibo.url}/2/account/profile/email.json`)).status).toBe(404)
  })
})
