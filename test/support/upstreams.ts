import { generateKeyPairSync } from 'node:crypto'
import { oneTapSettings, startOneTap } from '../../sandbox/one-tap.ts'
import { startApple } from '../../sandbox/simulators/apple.ts'
import { startGithub } from '../../sandbox/simulators/github.ts'
import { startOidc } from '../../sandbox/simulators/oidc.ts'
import { startQq } from '../../sandbox/simulators/qq.ts'
import { startWechat } from '../../sandbox/simulators/wechat.ts'
import { startWeibo } from '../../sandbox/simulators/weibo.ts'

export type Upstreams = Awaited<ReturnType<typeof openUpstreams>>
export type ConnectionName = 'wechat' | 'silent' | 'qq' | 'weibo' | 'github' | 'apple' | 'corp'

export const secret = 'a-secret-of-the-vendor'
export const website = 'wx-website'
const officialAccount = 'wx-official-account'
export const mobileApp = 'wx-mobile-app'
export const miniProgram = 'wx-mini-program'
export const qqMobileApp = '103'
export const bundleId = 'com.example.shop.app'
/** The phone of `p<number>`, E.164. */
export const phoneOf = (number: number) => `+861380000${String(number).padStart(4, '0')}`
/** What WeChat's own browser calls itself. */
export const insideWechat =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.60'
const appleTeam = 'TEAM123456'

/**
 * Every vendor on this machine, for a server at `issuer`, with the same people at each: `p0`, `p1` … named 客人 0, 客人 1 …; at
 * GitHub 1000, 1001 … They are at 127.0.0.1, and so on another site than a server at localhost.
 */
export async function openUpstreams(issuer: string) {
  const clock = () => Date.now()
  const numbers = Array.from({ length: 40 }, (_, number) => number)
  const people = numbers.map((number) => ({ id: `p${number}`, name: `客人 ${number}` }))
  const callback = (connection: string) => `${issuer}/callback/${connection}`
  const apps = { secret, callbackHost: new URL(issuer).host, openPlatform: 'ours', name: '茶铺' }
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  const wechat = await startWechat({
    clock,
    people: people.map((person, number) => ({
      ...person,
      phone: { countryCode: '86', number: phoneOf(number).slice(3) },
    })),
    apps: [
      { ...apps, kind: 'website', appid: website },
      { ...apps, kind: 'official_account', appid: officialAccount },
      { ...apps, kind: 'mobile', appid: mobileApp },
      { ...apps, kind: 'mini_program', appid: miniProgram },
    ],
  })
  const qq = await startQq({
    clock,
    people,
    apps: [
      { appid: '101', secret, name: '茶铺', redirectUris: [callback('qq')], developer: 'ours', hasUnionid: true },
      { appid: qqMobileApp, secret, name: '茶铺', developer: 'ours', hasUnionid: true },
    ],
  })
  const weibo = await startWeibo({
    clock,
    people,
    apps: [{ appKey: '202', appSecret: secret, name: '茶铺', redirectUris: [callback('weibo')] }],
  })
  const github = await startGithub({
    clock,
    apps: [{ clientId: 'shop', secret, redirectUris: [callback('github')] }],
    people: numbers.map((number) => ({
      id: 1000 + number,
      login: `guest-${number}`,
      // Two people may well have one name.
      name: `客人 ${number % 39}`,
      publicEmail: `guest-${number}@example.com`,
      emails: [{ email: `guest-${number}@example.com`, primary: true, verified: true, visibility: 'public' }],
    })),
  })
  const apple = await startApple({
    clock,
    allowLoopback: true,
    teams: [
      {
        teamId: appleTeam,
        keyId: 'KEY1234567',
        publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        clients: [
          { clientId: 'com.example.shop', kind: 'web', redirectUris: [callback('apple')] },
          { clientId: bundleId, kind: 'native', redirectUris: [] },
        ],
      },
    ],
    people: numbers.map((number) => ({
      id: `p${number}`,
      firstName: `${number}`,
      lastName: '客人 ',
      email: `guest-${number}@example.com`,
      emailVerified: true,
      isPrivateEmail: false,
    })),
  })
  const oidc = await startOidc({
    clock,
    clients: [{ clientId: 'shop', secret, authMethod: 'client_secret_basic', redirectUris: [callback('corp')] }],
    people: people.map((person, number) => ({ ...person, email: `guest-${number}@example.com`, emailVerified: true })),
  })

  const wechatUrls = { open_url: wechat.url, api_url: wechat.url }
  const official = { appid: officialAccount, secret }
  const connections = {
    wechat: {
      type: 'wechat',
      website: { appid: website, secret },
      official_account: official,
      mobile_app: { appid: mobileApp, secret },
      mini_program: { appid: miniProgram, secret, join_by_phone: true },
      ...wechatUrls,
    },
    /** Asks nothing and learns no unionid. */
    silent: {
      type: 'wechat',
      id: 'silent',
      label: '公众号',
      official_account: { ...official, scope: 'snsapi_base' },
      ...wechatUrls,
    },
    qq: {
      type: 'qq',
      client_id: '101',
      client_secret: secret,
      mobile_app: { appid: qqMobileApp },
      graph_url: qq.url,
    },
    weibo: { type: 'weibo', client_id: '202', client_secret: secret, api_url: weibo.url },
    github: { type: 'github', client_id: 'shop', client_secret: secret, web_url: github.url, api_url: github.url },
    apple: {
      type: 'apple',
      client_id: 'com.example.shop',
      bundle_ids: [bundleId],
      team_id: appleTeam,
      key_id: 'KEY1234567',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      issuer: apple.url,
    },
    corp: {
      type: 'oidc',
      id: 'corp',
      name: 'corp',
      label: 'Corp',
      issuer: oidc.issuer,
      client_id: 'shop',
      client_secret: secret,
    },
  } as const
  const oneTap = await startOneTap({ issuer, clock })
  const simulators = { wechat, qq, weibo, github, apple, oidc }

  return {
    ...simulators,
    oneTap,
    origins: Object.values(simulators).map(({ url }) => url),
    /** The environment of a server with these connections. */
    env: (names: readonly ConnectionName[]) => ({
      MENSHEN_CONNECTIONS: JSON.stringify(names.map((name) => connections[name])),
      MENSHEN_ONE_TAP: JSON.stringify(oneTapSettings(oneTap)),
    }),
    async close() {
      await Promise.all([...Object.values(simulators), oneTap].map((each) => each.close()))
    },
  }
}
