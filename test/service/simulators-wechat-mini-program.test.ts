import { createDecipheriv, createHash, createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWechat, type WechatSimulator } from '../../sandbox/simulators/wechat.ts'
import { encryptedData, rawDataSignature } from '../../sandbox/simulators/wechat-encrypted.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const mini = { kind: 'mini_program', appid: 'wx0000000000000001', secret: 'mini-secret', openPlatform: 'ours' } as const
const account = { kind: 'official_account', appid: 'wx0000000000000002', secret: 'h5-secret' } as const
const app = { kind: 'mobile', appid: 'wx0000000000000003', secret: 'app-secret', openPlatform: 'ours' } as const
const foreign = { kind: 'mini_program', appid: 'wx9999999999999999', secret: 'their-secret' } as const
let now = start
let wechat: WechatSimulator

beforeEach(async () => {
  now = start
  wechat = await startWechat({
    clock: () => now,
    apps: [account, mini, app, foreign],
    people: [
      {
        id: 'alice',
        name: '爱丽丝',
        avatar: 'http://a.example/0',
        phone: { countryCode: '86', number: '13900001234' },
      },
      { id: 'bob', name: '微信用户', phone: { countryCode: '852', number: '51234567' } },
      { id: 'carol', name: '没有手机' },
    ],
  })
})
afterEach(() => wechat.close())

type Params = Readonly<Record<string, string>>
type Body = Record<string, unknown>
type Method = 'GET' | 'POST'

async function call(method: Method, path: string, query: Params, body?: object | string): Promise<Body> {
  const response = await fetch(`${wechat.url}${path}?${new URLSearchParams(query)}`, {
    method,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain'])
  return JSON.parse(await response.text())
}

const session = (js_code: string, bent: Params = {}, method: Method = 'GET') =>
  call(method, '/sns/jscode2session', {
    appid: mini.appid,
    secret: mini.secret,
    js_code,
    grant_type: 'authorization_code',
    ...bent,
  })
const stable = (bent: Body = {}) =>
  call(
    'POST',
    '/cgi-bin/stable_token',
    {},
    {
      grant_type: 'client_credential',
      appid: mini.appid,
      secret: mini.secret,
      ...bent,
    },
  )
const accessToken = async (bent: Body = {}) => String((await stable(bent))['access_token'])
const readPhone = (access_token: string, body: object | string) =>
  call('POST', '/wxa/business/getuserphonenumber', { access_token }, body)
const errcode = async (answer: Promise<Body>) => (await answer)['errcode']

/** As the vendor's document says a server should. */
function decrypted(given: { encryptedData: string; iv: string }, sessionKey: unknown): Body {
  const [key, iv] = [Buffer.from(String(sessionKey), 'base64'), Buffer.from(given.iv, 'base64')]
  const decipher = createDecipheriv('aes-128-cbc', key, iv)
  return JSON.parse(decipher.update(given.encryptedData, 'base64', 'utf8') + decipher.final('utf8'))
}

describe('jscode2session', () => {
  it('answers who it is and a session key, without errcode unless told', async () => {
    expect(await session(wechat.loginMiniProgram('alice'))).toEqual({
      openid: wechat.openid('alice', mini.appid),
      session_key: expect.stringMatching(/^[\w+/]{22}==$/),
      unionid: wechat.unionid('alice', app.appid),
    })
    wechat.setErrcodeZero(true)
    expect(await session(wechat.loginMiniProgram('alice'))).toMatchObject({ errcode: 0, openid: expect.any(String) })
  })

  it('leaves the unionid out while the program is bound nowhere', async () => {
    wechat.bind(mini.appid, undefined)
    expect(await session(wechat.loginMiniProgram('alice'))).not.toHaveProperty('unionid')
  })

  it('names what is missing and what is wrong, and uses nothing up', async () => {
    const code = wechat.loginMiniProgram('alice')
    expect(await errcode(session(code, { appid: '' }))).toBe(41002)
    expect(await errcode(session(code, { secret: '' }))).toBe(41004)
    expect(await errcode(session(''))).toBe(41008)
    expect(await errcode(session(code, { appid: 'wx404' }))).toBe(40013)
    expect(await errcode(session(code, { appid: app.appid, secret: app.secret }))).toBe(40013)
    expect(await errcode(session(code, { secret: foreign.secret }))).toBe(40125)
    expect(await errcode(session(code, { grant_type: 'client_credential' }))).toBe(40002)
    expect(await errcode(session(code, {}, 'POST'))).toBe(43001)
    expect((await session('garbage'))['errmsg']).toMatch(/^invalid code, rid: /)
    expect(await session(code)).toHaveProperty('openid')
  })

  it('takes a js_code once, for five minutes', async () => {
    const [once, early, late] = ['alice', 'bob', 'bob'].map((person) => wechat.loginMiniProgram(person)) as [
      string,
      string,
      string,
    ]
    await session(once)
    expect(await errcode(session(once))).toBe(40163)
    now += 299_999
    expect(await session(early)).toHaveProperty('openid')
    now += 1
    expect(await errcode(session(late))).toBe(40029)
  })

  it('refuses the codes of other apps and other buttons', async () => {
    expect(await errcode(session(wechat.loginMiniProgram('alice', foreign.appid)))).toBe(40029)
    expect(await errcode(session(wechat.authorize('alice', app.appid)))).toBe(40029)
    expect(await errcode(session(wechat.phoneCode('alice')))).toBe(40029)
  })

  it.each(['-1', '45011', '40226'])('can refuse a good call with %s, and uses nothing up', async (code) => {
    const jsCode = wechat.loginMiniProgram('alice')
    wechat.faults.push({ kind: 'refuse', code })
    expect(await errcode(session(jsCode))).toBe(Number(code))
    expect(await session(jsCode)).toHaveProperty('openid')
  })
})

describe('stable_token', () => {
  it('answers the same token until five minutes before its end, then another while the first still works', async () => {
    const first = await stable()
    expect(first).toEqual({ access_token: expect.stringMatching(/^\w{512}$/), expires_in: 7200 })
    now += 6_899_000
    expect(await stable()).toEqual({ ...first, expires_in: 301 })
    now += 1000
    const second = await stable()
    expect(second['access_token']).not.toBe(first['access_token'])
    expect(second['expires_in']).toBe(7200)
    const token = String(first['access_token'])
    expect(await errcode(readPhone(token, { code: wechat.phoneCode('alice') }))).toBe(0)
    now += 300_000
    expect(await errcode(readPhone(token, { code: wechat.phoneCode('alice') }))).toBe(42001)
    expect(wechat.stableTokenCalls()).toEqual({ normal: 3, forced: 0 })
  })

  it('ends the earlier token when forced', async () => {
    const first = await accessToken()
    const second = await accessToken({ force_refresh: true })
    expect(second).not.toBe(first)
    expect(await accessToken()).toBe(second)
    expect(await errcode(readPhone(first, { code: wechat.phoneCode('alice') }))).toBe(40001)
    expect(await errcode(readPhone(second, { code: wechat.phoneCode('alice') }))).toBe(0)
  })

  it('is forced every thirty seconds at most, and twenty times a day', async () => {
    const force = () => errcode(stable({ force_refresh: true }))
    expect(await force()).toBeUndefined()
    now += 29_999
    expect(await force()).toBe(45011)
    for (let times = 2; times <= 20; times += 1) {
      now = start + (times - 1) * 30_000
      expect(await force()).toBeUndefined()
    }
    now += 30_000
    expect(await force()).toBe(45009)
    expect(await accessToken()).toMatch(/^\w{512}$/)
    expect(wechat.stableTokenCalls()).toEqual({ normal: 1, forced: 20 })
    now = start + 86_400_000
    expect(await force()).toBeUndefined()
  })

  it('counts for each appid', async () => {
    const ours = await accessToken({ force_refresh: true })
    const other = { appid: account.appid, secret: account.secret }
    expect(await errcode(stable({ ...other, force_refresh: true }))).toBeUndefined()
    expect(await accessToken()).toBe(ours)
    expect(await errcode(readPhone(ours, { code: wechat.phoneCode('alice') }))).toBe(0)
    expect(wechat.stableTokenCalls(foreign.appid)).toEqual({ normal: 0, forced: 0 })
  })

  it('names what is missing and what is wrong', async () => {
    expect(await errcode(stable({ appid: undefined }))).toBe(41002)
    expect(await errcode(stable({ secret: '' }))).toBe(41004)
    expect(await errcode(stable({ appid: app.appid, secret: app.secret }))).toBe(40013)
    expect(await errcode(stable({ secret: 'wrong' }))).toBe(40125)
    expect(await errcode(stable({ grant_type: 'authorization_code' }))).toBe(40002)
    const { appid, secret } = mini
    const inQuery = { grant_type: 'client_credential', appid, secret }
    expect(await errcode(call('POST', '/cgi-bin/stable_token', inQuery, 'no JSON'))).toBe(41002)
    expect(await errcode(call('GET', '/cgi-bin/stable_token', inQuery))).toBe(43002)
    wechat.faults.push({ kind: 'refuse', code: '45009' })
    expect(await errcode(stable())).toBe(45009)
    expect(wechat.stableTokenCalls()).toEqual({ normal: 0, forced: 0 })
  })
})

describe('getuserphonenumber', () => {
  it('answers the phone with a watermark, the country code as a number or a string', async () => {
    const token = await accessToken()
    const watermark = { timestamp: start / 1000, appid: mini.appid }
    const phone = { phoneNumber: '13900001234', purePhoneNumber: '13900001234', countryCode: 86, watermark }
    expect(await readPhone(token, { code: wechat.phoneCode('alice') })).toEqual({
      errcode: 0,
      errmsg: 'ok',
      phone_info: phone,
    })
    wechat.setCountryCodeAs('string')
    expect(await readPhone(token, { code: wechat.phoneCode('alice') })).toMatchObject({
      phone_info: { ...phone, countryCode: '86' },
    })
  })

  it('writes a foreign number with its country code, and without', async () => {
    expect(await readPhone(await accessToken(), { code: wechat.phoneCode('bob') })).toMatchObject({
      phone_info: { phoneNumber: '85251234567', purePhoneNumber: '51234567', countryCode: 852 },
    })
    expect(() => wechat.phoneCode('carol')).toThrow('no phone')
  })

  it('can put the watermark of another program or of yesterday on it', async () => {
    const token = await accessToken()
    const mark = async () => {
      const { phone_info } = await readPhone(token, { code: wechat.phoneCode('alice') })
      return (phone_info as { watermark: unknown }).watermark
    }
    wechat.setWatermark({ appid: foreign.appid })
    expect(await mark()).toEqual({ timestamp: start / 1000, appid: foreign.appid })
    wechat.setWatermark({ ageSeconds: 301 })
    expect(await mark()).toEqual({ timestamp: start / 1000 - 301, appid: mini.appid })
    wechat.setWatermark({})
    expect(await mark()).toEqual({ timestamp: start / 1000, appid: mini.appid })
  })

  it('takes a phone code once, for five minutes', async () => {
    const token = await accessToken()
    const [once, early, late] = [wechat.phoneCode('alice'), wechat.phoneCode('alice'), wechat.phoneCode('alice')]
    expect(await errcode(readPhone(token, { code: once }))).toBe(0)
    expect(await errcode(readPhone(token, { code: once }))).toBe(40163)
    now += 299_999
    expect(await errcode(readPhone(token, { code: early }))).toBe(0)
    now += 1
    expect(await errcode(readPhone(token, { code: late }))).toBe(40029)
  })

  it('refuses the codes of wx.login and of other programs', async () => {
    const token = await accessToken()
    expect(await errcode(readPhone(token, { code: wechat.loginMiniProgram('alice') }))).toBe(40029)
    const theirs = wechat.phoneCode('alice', foreign.appid)
    expect(await errcode(readPhone(token, { code: theirs }))).toBe(40029)
    const theirToken = await accessToken({ appid: foreign.appid, secret: foreign.secret })
    expect(await errcode(readPhone(theirToken, { code: theirs }))).toBe(0)
  })

  it('refuses a token that is missing, unknown or ended, and uses nothing up', async () => {
    const token = await accessToken()
    now += 7_199_000
    const code = wechat.phoneCode('alice')
    expect(await errcode(readPhone('', { code }))).toBe(41001)
    expect(await errcode(readPhone('garbage', { code }))).toBe(40001)
    expect(await errcode(readPhone(`${token.slice(0, -1)}_`, { code }))).toBe(40001)
    expect(await errcode(readPhone(token.slice(16), { code }))).toBe(40001)
    expect(await errcode(readPhone(token.slice(0, 32), { code }))).toBe(40001)
    now += 1000
    expect(await errcode(readPhone(token, { code }))).toBe(42001)
    expect(await errcode(readPhone(await accessToken(), { code }))).toBe(0)
  })

  it('wants the code in a JSON body, and an openid that fits if there is one', async () => {
    const token = await accessToken()
    const code = wechat.phoneCode('alice')
    for (const body of ['', '[]', 'null', `code=${code}`, '{"code":7}']) {
      expect(await errcode(readPhone(token, body))).toBe(41008)
    }
    expect(await errcode(readPhone(token, { code, openid: wechat.openid('bob', mini.appid) }))).toBe(40003)
    wechat.faults.push({ kind: 'refuse', code: '48001' })
    expect(await errcode(readPhone(token, { code }))).toBe(48001)
    expect(await errcode(readPhone(token, { code, openid: wechat.openid('alice', mini.appid) }))).toBe(0)
    expect(await errcode(call('GET', '/wxa/business/getuserphonenumber', { access_token: token }))).toBe(43002)
  })
})

describe('encrypted data', () => {
  const sessionKey = 'MDEyMzQ1Njc4OWFiY2RlZg=='
  const iv = 'ZmVkY2JhOTg3NjU0MzIxMA=='

  it("is the fact sheet's byte by byte", async () => {
    const plaintext =
      '{"phoneNumber":"13900001234","purePhoneNumber":"13900001234","countryCode":"86","watermark":{"timestamp":1767225600,"appid":"wx0000000000000001"}}'
    expect(encryptedData(plaintext, { sessionKey, iv })).toBe(
      '/zKksLWsmvxbw65eoGVnlEAseRV9xcTHWWo234P9ofwd4Dgkk+WRT8jqt2eb7+J6JWmmQEYcs5SiZevFtP2yzxdgMVMTMtUM5+kryqg04ArM5dr3LDjrKAG9Ty+v6UVo60wK9yPcl6C3NiSu72lqabXsFWkhE+CEprFKJMKmDfmeIZfKpHYVi1OCjpSkBo9D/sQz5FuCndtPMNMB5bS7zw==',
    )
    const code = wechat.loginMiniProgram('alice')
    const given = wechat.encryptedPhone('alice')
    const { session_key } = await session(code)
    expect(given.encryptedData).toBe(encryptedData(plaintext, { sessionKey: String(session_key), iv: given.iv }))
  })

  it("has the fact sheet's signature over raw data", () => {
    const rawData =
      '{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}'
    expect(rawDataSignature(rawData, 'HyVFkGl5F5OQWJZZaNzBBg==')).toBe('75e81ceda165f4ffa64f4068af58c64b8f54b88c')
  })

  it('of a phone opens with the session key and carries no openid', async () => {
    const code = wechat.loginMiniProgram('alice')
    const phone = wechat.encryptedPhone('alice')
    expect(decrypted(phone, (await session(code))['session_key'])).toEqual({
      phoneNumber: '13900001234',
      purePhoneNumber: '13900001234',
      countryCode: '86',
      watermark: { timestamp: start / 1000, appid: mini.appid },
    })
    expect(wechat.encryptedPhone('alice').iv).not.toBe(phone.iv)
  })

  it('of a person carries openid and unionid, and is signed', async () => {
    const code = wechat.loginMiniProgram('alice')
    const given = wechat.encryptedProfile('alice')
    const { session_key } = await session(code)
    expect(decrypted(given, session_key)).toMatchObject({
      openId: wechat.openid('alice', mini.appid),
      unionId: wechat.unionid('alice', mini.appid),
      nickName: '爱丽丝',
      watermark: { timestamp: start / 1000, appid: mini.appid },
    })
    const signature = createHash('sha1').update(`${given.rawData}${session_key}`).digest('hex')
    expect(given.signature).toBe(signature)
  })

  it('can carry the watermark of another program or of yesterday', async () => {
    const code = wechat.loginMiniProgram('alice')
    wechat.setWatermark({ appid: foreign.appid, ageSeconds: 86_400 })
    expect(decrypted(wechat.encryptedPhone('alice'), (await session(code))['session_key'])).toMatchObject({
      watermark: { timestamp: start / 1000 - 86_400, appid: foreign.appid },
    })
  })

  it('cannot be opened with the session key from before the last wx.login', async () => {
    const { session_key } = await session(wechat.loginMiniProgram('alice'))
    wechat.loginMiniProgram('alice')
    expect(() => decrypted(wechat.encryptedPhone('alice'), session_key)).toThrow()
    expect(() => wechat.encryptedPhone('bob')).toThrow('has not logged in')
  })
})

describe('checksession', () => {
  const check = async (sessionKey: unknown, bent: Params = {}) =>
    errcode(
      call('GET', '/wxa/checksession', {
        access_token: await accessToken(),
        openid: wechat.openid('alice', mini.appid),
        signature: createHmac('sha256', String(sessionKey)).update('').digest('hex'),
        sig_method: 'hmac_sha256',
        ...bent,
      }),
    )

  it('knows the session key of the last wx.login', async () => {
    const { session_key } = await session(wechat.loginMiniProgram('alice'))
    expect(await check(session_key)).toBe(0)
    expect(await check('another')).toBe(87009)
    expect(await check(session_key, { sig_method: 'sha1' })).toBe(87009)
    wechat.loginMiniProgram('alice')
    expect(await check(session_key)).toBe(87009)
  })

  it('names what is missing and what is wrong', async () => {
    const { session_key } = await session(wechat.loginMiniProgram('alice'))
    expect(await check(session_key, { access_token: 'garbage' })).toBe(40001)
    expect(await check(session_key, { openid: '' })).toBe(41009)
    expect(await check(session_key, { openid: wechat.openid('bob', mini.appid) })).toBe(40003)
    wechat.faults.push({ kind: 'refuse', code: '-1', path: '/wxa/checksession' })
    expect(await check(session_key)).toBe(-1)
  })
})
