import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildOneTapVendors, oneTapOptions } from '../../interactions/methods/one-tap.ts'
import { buildConnectors } from '../../interactions/upstreams/connections.ts'
import { startAliyunDypns } from '../../sandbox/simulators/aliyun-dypns.ts'
import { Carrier } from '../../sandbox/simulators/carrier.ts'
import type { Oddity } from '../../sandbox/simulators/oddities.ts'
import type { Simulator } from '../../sandbox/simulators/simulator.ts'
import { startUniverify } from '../../sandbox/simulators/univerify.ts'
import { httpClient } from '../../src/base/http.ts'
import { type AppWorld, appleApp, miniProgram, qqApp, wechatApp, weiboApp } from '../support/app-worlds.ts'
import { unshared } from '../support/unshared.ts'
import { clock, comeBack, refusedBy, wordOf } from './connector-bench.ts'
import { apple, type ConnectorWorld, github, oidc, qq, wechat, weibo } from './connector-worlds.ts'

/** What vendors were seen to do, and where; nobody may be kept out by it. */
const rows: readonly (readonly [seen: string, oddity: Oddity])[] = [
  ['raw control characters in names: lanrion/weixin_authorize#52, w7corp/easywechat#1625', 'raw_control_characters'],
  ['names that were cut in the middle of an emoji: QQ and WeChat, since names have a length', 'cut_emoji'],
  ['names that were cut in the middle of a letter', 'cut_letter'],
  ['GBK in the middle of UTF-8: old accounts of QQ', 'gbk_names'],
  ['no name and no picture: GitHub documents a name that is null, and had pictures that are', 'null_names'],
  ['an empty PHP array instead of a text', 'list_names'],
  ['expires_in of QQ as a text: synctv-org/synctv#329', 'numbers_as_texts'],
  ['uid and appkey of Weibo, countryCode of WeChat as numbers', 'texts_as_numbers'],
  ['email_verified of Apple as a text', 'booleans_as_texts'],
  ['null where nothing is documented', 'absent_as_null'],
  ['an empty unionid and errmsg', 'absent_as_text'],
  ['an empty PHP array instead of an object', 'absent_as_list'],
  ['a member twice, with one value', 'repeated_member'],
  ['a comma too many, written by hand in a cloud function', 'trailing_comma'],
  ['a byte order mark in front of the whole answer', 'byte_order_mark'],
  ['empty lines in front, left by a PHP file', 'leading_blanks'],
  ["a guard against scripts: )]}'", 'guard_prefix'],
  ['a function call although JSON was asked for: QQ', 'function_call'],
  ['a form although JSON was asked for: QQ, old GitHub Enterprise Servers', 'form_encoded'],
  ['text/plain: WeChat', 'text_plain'],
  ['text/html: QQ', 'text_html'],
  ['a label that names GBK: gateways of banks', 'charset_gbk'],
  ['status 400 with the refusal in JSON: Weibo, OpenID providers', 'failures_as_400'],
]

describe.each([
  { name: 'wechat by QR code', open: wechat('website') },
  { name: 'wechat inside WeChat', open: wechat('official_account') },
  { name: 'qq', open: qq },
  { name: 'weibo', open: weibo },
  { name: 'github', open: github },
  { name: 'apple', open: apple },
  { name: 'oidc', open: oidc },
])('odd answers of $name', ({ open }) => {
  let world: ConnectorWorld

  beforeEach(async () => {
    world = await open(clock)
  })
  afterEach(() => world.simulator.close())

  it.each(rows)('keep nobody out: %s', async (_, oddity) => {
    world.simulator.oddities.add(oddity)
    const { identity, ifUnknown } = await (await comeBack(world)).identify()
    const { provider, subjects, profile } = world.expected
    expect([identity.provider, identity.subjects, ifUnknown]).toEqual([provider, subjects, undefined])
    const { nickname = profile.nickname ?? '' } = identity.profile
    expect(nickname).toMatch(new RegExp(`^${profile.nickname}`))
    expect(nickname).not.toMatch(/[\p{Cc}\uFFFD]/u)
  })

  it.each(rows)('say as clearly as others that a code is no good: %s', async (_, oddity) => {
    world.simulator.oddities.add(oddity)
    const { identify, response } = await comeBack(world)
    await identify()
    const refused = await refusedBy(world, identify(), response)
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.code_invalid', world.words.used])
  })
})

describe.each([
  { name: 'wechat_app', open: wechatApp },
  { name: 'wechat_mini_program', open: miniProgram },
  { name: 'qq_app', open: qqApp },
  { name: 'weibo_app', open: weiboApp },
  { name: 'apple', open: appleApp },
])('odd answers to an app that logs in by $name', ({ open }) => {
  let world: AppWorld

  beforeEach(async () => {
    world = await open()
  })
  afterEach(() => world.simulator.close())

  it.each(rows)('keep nobody out: %s', async (_, oddity) => {
    world.simulator.oddities.add(oddity)
    const http = httpClient({ timeoutMs: 10_000, allowInsecure: true })
    const [connector] = buildConnectors([world.settings()], { http, clock, shared: unshared, allowInsecure: true })
    const { identity, phone, ifUnknown } = (await connector?.apps?.[world.method]?.(world.bring())) ?? {}
    expect(identity).toMatchObject(world.expected)
    expect(phone).toBe(world.method === 'wechat_mini_program' ? '+8613800138000' : undefined)
    expect(ifUnknown).toBeUndefined()
  })
})

describe.each(['univerify, sample', 'univerify, hardened', 'aliyun'] as const)('odd answers of %s', (name) => {
  const secret = 'app-secret-DNTL-and-more'
  const appid = '__UNI__0000001'
  const carrier = new Carrier({ clock, univerifyAppid: appid, aliyunScheme: 'ours' })
  const [vendor, protocol] = name.split(', ')
  let simulator: Simulator

  beforeEach(async () => {
    simulator =
      vendor === 'aliyun'
        ? await startAliyunDypns({ clock, carrier, accessKeys: { ours: secret }, scheme: 'ours' })
        : await startUniverify({ clock, carrier, appid, secret, mode: protocol as 'sample' | 'hardened' })
  })
  afterEach(() => simulator.close())

  it.each(rows)('keep nobody out: %s', async (_, oddity) => {
    simulator.oddities.add(oddity)
    const address = `${simulator.url}/univerify/getPhoneNumber`
    const settings =
      vendor === 'aliyun'
        ? { vendor, access_key_id: 'ours', access_key_secret: secret, endpoint: simulator.url }
        : { vendor, function_url: address, secret, protocol }
    const http = httpClient({ timeoutMs: 10_000, allowInsecure: true })
    const built = buildOneTapVendors([oneTapOptions.parse(settings)], {
      http,
      metadata: http,
      clock,
      allowInsecure: true,
    })
    const { access_token: token, openid } = carrier.issueUniverify('13800138000')
    const brought =
      vendor === 'aliyun'
        ? { carrier_token: carrier.issueAliyunToken('13800138000') }
        : { carrier_token: token, openid }
    expect(await built[0]?.number(brought)).toBe('+8613800138000')
  })
})
