import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectionOptions } from '../../interactions/upstreams/connections.ts'
import { type QqSimulator, startQq } from '../../sandbox/simulators/qq.ts'
import { startWechat, type WechatSimulator } from '../../sandbox/simulators/wechat.ts'
import { startWeibo, type WeiboSimulator } from '../../sandbox/simulators/weibo.ts'
import { build, clock, impostor, sent, wordOf } from './connector-bench.ts'
import { appSecret, callback } from './connector-worlds.ts'

const people = [
  { id: 'zhang-san', name: '张三', avatar: 'http://pictures.example.com/zhang-san/132' },
  { id: 'nameless', name: '微信用户' },
]
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error,
  )

describe('WeChat', () => {
  let vendor: WechatSimulator

  beforeEach(async () => {
    const app = { secret: appSecret, callbackHost: 'id.example.com', openPlatform: 'ours' }
    vendor = await startWechat({
      clock,
      people,
      apps: [
        { ...app, kind: 'website', appid: 'wxweb' },
        { ...app, kind: 'official_account', appid: 'wxpage' },
      ],
    })
  })
  afterEach(() => vendor.close())

  const wechat = (scope = 'snsapi_userinfo') =>
    build(
      connectionOptions.parse({
        type: 'wechat',
        open_url: vendor.url,
        api_url: vendor.url,
        website: { appid: 'wxweb', secret: appSecret },
        official_account: { appid: 'wxpage', secret: appSecret, scope },
      }),
    )
  const identify = (variant: 'website' | 'official_account', code: string, connector = wechat()) =>
    connector.identify({ code, state: sent.state }, { ...sent, variant })

  it('shares the unionid between the apps, and keeps the openid of each as an alias', async () => {
    const web = await identify('website', vendor.authorize('zhang-san', 'wxweb'))
    const page = await identify('official_account', vendor.authorize('zhang-san', 'wxpage'))
    expect(web.identity.subjects[0]).toBe(page.identity.subjects[0])
    expect(web.identity.subjects[1]).toBe(`openid:wxweb:${vendor.openid('zhang-san', 'wxweb')}`)
    expect(page.identity.subjects[1]).toBe(`openid:wxpage:${vendor.openid('zhang-san', 'wxpage')}`)
  })

  it('files the openid alone while the app is bound to no Open Platform account', async () => {
    vendor.bind('wxweb', undefined)
    const { identity } = await identify('website', vendor.authorize('zhang-san', 'wxweb'))
    expect(identity.subjects).toEqual([`openid:wxweb:${vendor.openid('zhang-san', 'wxweb')}`])
  })

  it('asks nothing more where only the openid was agreed to', async () => {
    const code = vendor.authorize('zhang-san', 'wxpage', { scope: 'snsapi_base' })
    const { identity } = await identify('official_account', code, wechat('snsapi_base'))
    expect(identity).toEqual({
      provider: 'wechat',
      subjects: [`openid:wxpage:${vendor.openid('zhang-san', 'wxpage')}`],
      profile: {},
    })
    expect(vendor.requests.map(({ path }) => path)).toEqual(['/sns/oauth2/access_token'])
  })

  it('does without the profile where the account may not read it', async () => {
    vendor.faults.push({ kind: 'refuse', code: '48001', path: '/sns/userinfo' })
    const { identity } = await identify('official_account', vendor.authorize('zhang-san', 'wxpage'))
    expect(identity.profile).toEqual({})
    expect(identity.subjects.at(-1)).toBe(`openid:wxpage:${vendor.openid('zhang-san', 'wxpage')}`)
  })

  it.each([
    [{ kind: 'refuse', code: '45011' }, 'upstream.busy', '45011'],
    [{ kind: 'refuse', code: '40001' }, 'upstream.code_invalid', '40001'],
    [{ kind: 'bad_gateway_html' }, 'upstream.busy', '502'],
    [{ kind: 'html_instead' }, 'upstream.busy', 'page'],
  ] as const)('makes no second account of somebody whose unionid it could not learn: %o', async (fault, code, word) => {
    vendor.bind('wxweb', undefined)
    vendor.faults.push({ ...fault, path: '/sns/userinfo' })
    const { identity, ifUnknown } = await identify('website', vendor.authorize('zhang-san', 'wxweb'))
    expect(identity.subjects).toEqual([`openid:wxweb:${vendor.openid('zhang-san', 'wxweb')}`])
    expect([ifUnknown?.code, ifUnknown && wordOf(ifUnknown)]).toEqual([code, word])
  })

  it('is asked again while it is busy, and the code is used once', async () => {
    const busy = { kind: 'refuse', code: '-1', path: '/sns/oauth2/access_token' } as const
    vendor.faults.push(busy, busy)
    const { identity } = await identify('website', vendor.authorize('zhang-san', 'wxweb'))
    expect(identity.subjects).toHaveLength(2)
    expect(vendor.requests.filter(({ path }) => path === busy.path)).toHaveLength(3)
  })

  it('is said to be busy where it has used up the code all the same', async () => {
    const answers = [{ errcode: -1 }, { errcode: 40163 }]
    const other = await impostor((_, answer) => answer.end(JSON.stringify(answers.shift())))
    const website = { appid: 'wxweb', secret: appSecret }
    const connector = build(connectionOptions.parse({ type: 'wechat', api_url: other.url, website }))
    const refused = await refusal(identify('website', 'code', connector))
    other.close()
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.busy', '-1'])
  })

  it('knows nobody in a snapshot page', async () => {
    const code = vendor.authorize('zhang-san', 'wxpage', { snapshot: true })
    const refused = await refusal(identify('official_account', code))
    expect(refused).toMatchObject({ code: 'upstream.snapshot' })
    expect(vendor.requests.map(({ path }) => path)).toEqual(['/sns/oauth2/access_token'])
  })

  it('takes the placeholder for no name, and no picture for none', async () => {
    const { identity } = await identify('website', vendor.authorize('nameless', 'wxweb'))
    expect(identity.profile).toEqual({})
  })

  it('takes no code of its QR page for one of its page inside WeChat', async () => {
    const refused = await refusal(identify('official_account', vendor.authorize('zhang-san', 'wxweb')))
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.code_invalid', '40029'])
  })

  it('keeps the id WeChat gives a failing request, for its support', async () => {
    const refused = await refusal(identify('website', 'made-up'))
    expect(refused.cause.vendorRequestId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{8}-/)
  })

  it('takes no profile of somebody else', async () => {
    const answers = [
      { access_token: 'a', openid: 'o1', scope: 'snsapi_login' },
      { openid: 'o2', nickname: 'x' },
    ]
    const other = await impostor((_, answer) => answer.end(JSON.stringify(answers.shift())))
    const website = { appid: 'wxweb', secret: appSecret }
    const connector = build(connectionOptions.parse({ type: 'wechat', api_url: other.url, website }))
    const refused = await refusal(identify('website', 'code', connector))
    other.close()
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.refused', 'openid_mismatch'])
  })
})

describe('QQ', () => {
  let vendor: QqSimulator

  beforeEach(async () => {
    const redirectUris = [callback]
    vendor = await startQq({
      clock,
      people,
      apps: [
        { appid: '101', secret: appSecret, redirectUris, developer: 'ours' },
        { appid: '102', secret: 'theirs', redirectUris, developer: 'theirs' },
      ],
    })
  })
  afterEach(() => vendor.close())

  const qq = (url = vendor.url) =>
    build(connectionOptions.parse({ type: 'qq', graph_url: url, client_id: '101', client_secret: appSecret }))
  const identify = (code: string, connector = qq()) =>
    connector.identify({ code, state: sent.state }, { ...sent, variant: 'web' })

  it('goes on with the openid where the developer may not ask for unionids', async () => {
    const { identity } = await identify(vendor.authorize('zhang-san', '101'))
    expect(identity.subjects).toEqual([`openid:101:${vendor.openid('zhang-san', '101')}`])
    expect(vendor.requests.filter(({ path }) => path === '/oauth2.0/token')).toHaveLength(1)
  })

  it('takes the small picture where there is no large one', async () => {
    vendor.setLargeAvatars(false)
    const { identity } = await identify(vendor.authorize('zhang-san', '101'))
    expect(identity.profile.picture).toBe('https://pictures.example.com/zhang-san/132')
  })

  it('takes no token that was made for another app', async () => {
    const { access_token } = vendor.issueTokens('zhang-san', '102')
    const between = await impostor(async (request, answer) => {
      if (request.url?.startsWith('/oauth2.0/token')) return answer.end(JSON.stringify({ access_token }))
      return answer.end(await (await fetch(`${vendor.url}${request.url}`)).text())
    })
    const refused = await refusal(identify('code', qq(between.url)))
    between.close()
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.refused', 'client_id_mismatch'])
    expect(vendor.requests.map(({ path }) => path)).not.toContain('/user/get_user_info')
  })

  it('reads forms and function calls, which come whatever was asked for', async () => {
    const code = vendor.authorize('zhang-san', '101')
    const plain = await impostor(async (request, answer) => {
      const address = `${vendor.url}${request.url}`.replace(/&?fmt=json/, '')
      return answer.end(await (await fetch(address)).text())
    })
    const { identity } = await identify(code, qq(plain.url))
    const again = await refusal(identify(code, qq(plain.url)))
    plain.close()
    expect(identity.subjects).toEqual([`openid:101:${vendor.openid('zhang-san', '101')}`])
    expect([again.code, wordOf(again)]).toEqual(['upstream.code_invalid', '100020'])
  })
})

describe('Weibo', () => {
  let vendor: WeiboSimulator

  beforeEach(async () => {
    const app = { appKey: '2001', appSecret, redirectUris: [callback] }
    vendor = await startWeibo({ clock, people, apps: [app] })
  })
  afterEach(() => vendor.close())

  const weibo = (url = vendor.url) =>
    build(connectionOptions.parse({ type: 'weibo', api_url: url, client_id: '2001', client_secret: appSecret }))
  const identify = (code: string, connector = weibo()) =>
    connector.identify({ code, state: sent.state }, { ...sent, variant: 'web' })

  it.each([
    { kind: 'server_error' },
    { kind: 'html_instead' },
    { kind: 'reset_after_accept' },
    { kind: 'refuse', code: '21321' },
  ] as const)('does without the profile when it cannot be read: $kind', async (fault) => {
    vendor.faults.push({ ...fault, path: '/2/users/show.json' })
    const { identity } = await identify(vendor.authorize('zhang-san', '2001'))
    expect(identity).toEqual({ provider: 'weibo', subjects: [vendor.uid('zhang-san')], profile: {} })
  })

  it('keeps a uid that no JavaScript number holds, digit by digit', async () => {
    const answer = '{"access_token":"token","uid":9007199254740993}'
    const other = await impostor((_, response) => response.end(answer))
    const { identity } = await identify('code', weibo(other.url))
    other.close()
    expect(identity.subjects).toEqual(['9007199254740993'])
  })

  it('takes no uid that is not made of digits', async () => {
    const other = await impostor((_, response) => response.end('{"access_token":"token","uid":"1 or 2"}'))
    const refused = await refusal(identify('code', weibo(other.url)))
    other.close()
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.refused', 'unexpected_shape'])
  })

  it('reads an error in the way back', async () => {
    const back = { error: 'temporarily_unavailable', error_code: '21331', state: sent.state }
    const refused = await refusal(weibo().identify(back, { ...sent, variant: 'web' }))
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.busy', '21331'])
    expect(vendor.requests).toEqual([])
  })
})

describe('GitHub', () => {
  it('is asked for its people below the path of an Enterprise Server’s API, with or without a slash', async () => {
    const asked: string[] = []
    const ghe = await impostor((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      response.end(JSON.stringify(request.method === 'POST' ? { access_token: 'token' } : { id: 7, login: 'staff' }))
    })
    const app = { type: 'github', id: 'ghe', client_id: 'c', client_secret: appSecret, web_url: ghe.url }
    for (const api_url of [`${ghe.url}/api/v3`, `${ghe.url}/api/v3/`]) {
      const connector = build(connectionOptions.parse({ ...app, api_url }))
      const { identity } = await connector.identify({ code: 'code' }, { ...sent, variant: 'web' })
      expect(identity.subjects).toEqual(['7'])
    }
    ghe.close()
    expect(asked.filter((line) => line.startsWith('GET'))).toEqual(['GET /api/v3/user', 'GET /api/v3/user'])
  })
})
