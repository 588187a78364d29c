import { generateKeyPairSync } from 'node:crypto'
import { type ConnectionOptions, connectionOptions } from '../interactions/upstreams/connections.ts'
import type { Clock } from '../src/base/clock.ts'
import { isLoopback } from '../src/base/network.ts'
import { type OneTap, oneTapSettings, startOneTap } from './one-tap.ts'
import { upstreamPeople } from './people.ts'
import { type AppleSimulator, startApple } from './simulators/apple.ts'
import { startGithub } from './simulators/github.ts'
import { startOidc } from './simulators/oidc.ts'
import { type QqSimulator, startQq } from './simulators/qq.ts'
import type { Simulator } from './simulators/simulator.ts'
import { startWechat, type WechatSimulator } from './simulators/wechat.ts'
import { startWeibo, type WeiboSimulator } from './simulators/weibo.ts'
import type { Simulators } from './switches.ts'

/** All simulated vendors, and the settings that lead to them. */
export interface Upstreams {
  readonly connections: readonly ConnectionOptions[]
  /** The environment that leads another process to the same simulators, with the secrets in plain text. */
  readonly env: Readonly<Record<string, string>>
  /** Where there are simulators: what apps on phones and their server need beyond the connections. */
  readonly native: NativeUpstreams | undefined
  /** All of them by name, where there are simulators. */
  readonly simulators: Simulators | undefined
  close(): Promise<void>
}

/**
 * What a login in an app needs: the simulators, which issue what the vendors' SDKs would give, and the ids by which
 * they know the app. What is not listed here is the same as in the connection: addresses, and for Apple the team and
 * its key.
 */
export interface NativeUpstreams {
  readonly wechat: {
    readonly simulator: WechatSimulator
    readonly mobileApp: WechatKey
    readonly miniProgram: WechatKey
  }
  readonly qq: { readonly simulator: QqSimulator; readonly mobileAppid: string }
  /** The app has the App Key of the website. */
  readonly weibo: { readonly simulator: WeiboSimulator; readonly appKey: string }
  readonly apple: { readonly simulator: AppleSimulator; readonly bundleId: string; readonly teamId: string }
  readonly oneTap: OneTap
}

interface WechatKey {
  readonly appid: string
  readonly secret: string
}

/** The settings of a connection, as an operator would write them. */
type Settings = Readonly<Record<string, unknown>>

interface Where {
  readonly issuer: string
  readonly clock: Clock
  readonly callback: (id: string) => string
}

interface Started {
  readonly simulator: Simulator
  readonly settings: Settings
}

/**
 * Every upstream, simulated on a free port of this machine, and the connections that lead there. Only this process
 * knows what they have issued, so several processes behind one address must share one set. There are none for an issuer
 * that other machines reach, because their browsers would look for the simulators on their own machine.
 */
export async function startUpstreams({ issuer, clock }: Pick<Where, 'issuer' | 'clock'>): Promise<Upstreams> {
  if (!isLoopback(new URL(issuer).hostname)) {
    return { connections: [], env: {}, native: undefined, simulators: undefined, async close() {} }
  }
  const where: Where = { issuer, clock, callback: (id) => `${issuer}/callback/${id}` }
  const starts = [wechat(where), qq(where), weibo(where), github(where), apple(where), oidc(where)] as const
  const oneTapStarts = startOneTap({ issuer, clock })
  const outcomes = await Promise.allSettled([...starts, oneTapStarts])
  const close = async () => {
    const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    await Promise.all(started.map((each) => ('simulator' in each ? each.simulator : each).close()))
  }
  try {
    const started = await Promise.all(starts)
    const oneTap = await oneTapStarts
    const [wechat, qq, weibo, github, apple, oidc] = started
    const settings = started.map((each) => each.settings)
    return {
      connections: settings.map((each) => connectionOptions.parse(each)),
      env: {
        MENSHEN_CONNECTIONS: JSON.stringify(settings),
        MENSHEN_ONE_TAP: JSON.stringify(oneTapSettings(oneTap)),
      },
      native: {
        wechat: { simulator: wechat.simulator, mobileApp: wechat.mobileApp, miniProgram: wechat.miniProgram },
        qq: { simulator: qq.simulator, mobileAppid: qq.mobileAppid },
        weibo: { simulator: weibo.simulator, appKey: weibo.appKey },
        apple: { simulator: apple.simulator, bundleId: apple.bundleId, teamId: apple.teamId },
        oneTap,
      },
      simulators: {
        wechat: wechat.simulator,
        qq: qq.simulator,
        weibo: weibo.simulator,
        github: github.simulator,
        apple: apple.simulator,
        oidc: oidc.simulator,
        univerify: oneTap.univerify.simulator,
        aliyun: oneTap.aliyun.simulator,
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** One Open Platform account with all kinds of app, and an app of somebody else, whose codes do not work here. */
async function wechat({ issuer, clock }: Where) {
  const callbackHost = new URL(issuer).hostname
  const openPlatform = 'sandbox'
  const website = { appid: 'wx5a00000000000001', secret: 'sandbox-wechat-website' }
  const officialAccount = { appid: 'wx5a00000000000002', secret: 'sandbox-wechat-official-account' }
  const mobileApp = { appid: 'wx5a00000000000003', secret: 'sandbox-wechat-mobile-app' }
  const miniProgram = { appid: 'wx5a00000000000004', secret: 'sandbox-wechat-mini-program' }
  const name = '门神演示'
  const simulator = await startWechat({
    clock,
    people: upstreamPeople.map(({ id, name, phone }) => ({
      id,
      name,
      phone: { countryCode: '86', number: phone.slice('+86'.length) },
    })),
    apps: [
      { kind: 'website', ...website, name, callbackHost, openPlatform },
      { kind: 'official_account', ...officialAccount, name, callbackHost, openPlatform },
      { kind: 'mobile', ...mobileApp, name, openPlatform },
      { kind: 'mini_program', ...miniProgram, name, openPlatform },
      { kind: 'website', appid: 'wx5a0000000000000f', secret: 'foreign', name: '别家应用', openPlatform: 'foreign' },
    ],
  })
  const { url } = simulator
  const browsers = { website, official_account: officialAccount }
  const apps = { mobile_app: mobileApp, mini_program: miniProgram }
  const settings = { type: 'wechat', ...browsers, ...apps, open_url: url, api_url: url }
  return { simulator, settings, mobileApp, miniProgram }
}

async function qq({ clock, callback }: Where) {
  const [client_id, client_secret] = ['101000001', 'sandbox-qq']
  const mobileAppid = '101000002'
  const simulator = await startQq({
    clock,
    people: upstreamPeople,
    apps: [
      {
        appid: client_id,
        secret: client_secret,
        name: '门神演示',
        redirectUris: [callback('qq')],
        developer: 'sandbox',
        hasUnionid: true,
      },
      { appid: mobileAppid, secret: 'sandbox-qq-mobile-app', developer: 'sandbox', hasUnionid: true },
    ],
  })
  const mobile_app = { appid: mobileAppid }
  const settings = { type: 'qq', client_id, client_secret, mobile_app, graph_url: simulator.url }
  return { simulator, settings, mobileAppid }
}

async function weibo({ clock, callback }: Where) {
  const [client_id, client_secret] = ['1000000001', 'sandbox-weibo']
  const simulator = await startWeibo({
    clock,
    people: upstreamPeople,
    apps: [{ appKey: client_id, appSecret: client_secret, name: '门神演示', redirectUris: [callback('weibo')] }],
  })
  return { simulator, settings: { type: 'weibo', client_id, client_secret, api_url: simulator.url }, appKey: client_id }
}

async function github({ clock, callback }: Where): Promise<Started> {
  const [client_id, client_secret] = ['sandbox-github', 'sandbox-github-secret']
  const simulator = await startGithub({
    clock,
    apps: [{ clientId: client_id, secret: client_secret, redirectUris: [callback('github')] }],
    people: upstreamPeople.map(({ id, name, email }, index) => ({
      id: 1001 + index,
      login: id,
      name,
      publicEmail: null,
      emails: [{ email, primary: true, verified: true, visibility: null }],
    })),
  })
  const { url } = simulator
  return { simulator, settings: { type: 'github', client_id, client_secret, web_url: url, api_url: url } }
}

/** It runs on another site than the issuer, as Apple does: its answer is a form that is posted across sites. */
async function apple({ issuer, clock, callback }: Where) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const [client_id, team_id, key_id] = ['sandbox.menshen.web', 'SANDBOX001', 'SANDBOXKEY']
  const bundleId = 'sandbox.menshen.app'
  const simulator = await startApple({
    clock,
    allowLoopback: true,
    hostname: new URL(issuer).hostname === '127.0.0.1' ? 'localhost' : '127.0.0.1',
    teams: [
      {
        teamId: team_id,
        keyId: key_id,
        publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        clients: [
          { clientId: client_id, kind: 'web', redirectUris: [callback('apple')] },
          { clientId: bundleId, kind: 'native', redirectUris: [] },
        ],
      },
    ],
    people: upstreamPeople.map(({ id, firstName, lastName, email }) => ({
      id,
      firstName,
      lastName,
      email,
      emailVerified: true,
      isPrivateEmail: false,
    })),
  })
  const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const ids = { client_id, bundle_ids: [bundleId], team_id, key_id }
  const settings = { type: 'apple', ...ids, private_key, issuer: simulator.url }
  return { simulator, settings, bundleId, teamId: team_id }
}

async function oidc({ clock, callback }: Where): Promise<Started> {
  const [client_id, client_secret] = ['sandbox', 'sandbox-oidc']
  const simulator = await startOidc({
    clock,
    // An ES256 key is made at once; making an RSA key would delay the first login.
    alg: 'ES256',
    clients: [
      {
        clientId: client_id,
        secret: client_secret,
        authMethod: 'client_secret_basic',
        redirectUris: [callback('oidc')],
      },
    ],
    people: upstreamPeople.map(({ id, name, email }) => ({ id, name, email, emailVerified: true })),
  })
  const settings = {
    type: 'oidc',
    name: 'sandbox',
    label: { 'zh-CN': '公司账号', en: 'Company' },
    icon: 'openid',
    issuer: simulator.issuer,
    client_id,
    client_secret,
  }
  return { simulator, settings }
}
