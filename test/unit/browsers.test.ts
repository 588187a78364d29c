import { expect, test } from 'vitest'
import { buildConnectors, type ConnectionOptions, connectionOptions } from '../../interactions/upstreams/connections.ts'
import { appOf } from '../../interactions/upstreams/visit.ts'
import { httpClient } from '../../src/base/http.ts'
import { unshared } from '../support/unshared.ts'

/** What the browsers of apps call themselves, as public lists have it. */
const agents = {
  computer: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36',
  iphone: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1',
  wechat: 'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 MQQBrowser/6.2 TBS/046295 MicroMessenger/8.0.60',
  wechatDesktop: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 MicroMessenger/7.0.20 WindowsWechat',
  qqAndroid:
    'Mozilla/5.0 (Linux; Android 15) Chrome/121 MQQBrowser/6.2 TBS/046295 V1_AND_SQ_9.1.0 QQ/9.1.0.22345 NetType/WIFI',
  qqIphone: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Mobile/15E148 QQ/9.1.0.601 V1_IPH_SQ_9.1.0_1_APP_A',
  qqBrowser: 'Mozilla/5.0 (Linux; U; Android 15; zh-cn) AppleWebKit/537.36 MQQBrowser/15.5 Mobile Safari/537.36',
  weiboAndroid:
    'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Weibo (Xiaomi-2304__weibo__14.5.1__android__android15)',
  weiboIphone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5) Mobile/15E148 Weibo (iPhone15,2__weibo__14.5.1__iphone__os18.5)',
  alipay:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5) Mobile/15E148 NebulaSDK/1.8.100112 AliApp(AP/10.6.0) AlipayClient/10.6.0',
} as const
type Agent = keyof typeof agents

const app = { appid: 'wx0000000000000001', secret: 'secret' }
const settings: ConnectionOptions[] = [
  { type: 'wechat', website: app, official_account: app },
  { type: 'qq', client_id: '101', client_secret: 'secret' },
  { type: 'weibo', client_id: '202', client_secret: 'secret' },
].map((each) => connectionOptions.parse(each))
const http = httpClient({ timeoutMs: 1 })
const connectors = buildConnectors(settings, { http, clock: () => 0, shared: unshared, allowInsecure: false })

test.each<[Agent, readonly string[], string]>([
  ['computer', ['wechat', 'qq', 'weibo'], 'none'],
  ['iphone', ['qq', 'weibo'], 'none'],
  ['wechat', ['wechat', 'weibo'], 'wechat'],
  ['wechatDesktop', ['wechat', 'weibo'], 'wechat'],
  ['qqAndroid', ['wechat', 'qq', 'weibo'], 'qq'],
  ['qqIphone', ['qq', 'weibo'], 'qq'],
  ['qqBrowser', ['qq', 'weibo'], 'none'],
  ['weiboAndroid', ['wechat', 'qq', 'weibo'], 'weibo'],
  ['weiboIphone', ['qq', 'weibo'], 'weibo'],
  ['alipay', ['qq', 'weibo'], 'none'],
])('in %s %j work, and at home is %s', (agent, works, home) => {
  const visit = { userAgent: agents[agent], locale: 'zh-CN' } as const
  expect(connectors.filter((each) => each.availability(visit) === 'here').map(({ id }) => id)).toEqual(works)
  expect(connectors.filter((each) => each.home === appOf(visit)).map(({ id }) => id)).toEqual(
    home === 'none' ? [] : [home],
  )
  // Where it does not work, the page says where it does, and does not hide it.
  expect(connectors.filter((each) => each.availability(visit) === 'hidden')).toEqual([])
})
