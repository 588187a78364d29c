import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { expect } from 'vitest'
import { appLogins } from '../../interactions/methods/app-login.ts'
import type { Input, LoginMethod, Proved } from '../../interactions/methods/method.ts'
import { type Spent, spent } from '../../interactions/methods/spent-credentials.ts'
import { buildConnectors, type ConnectionOptions, connectionOptions } from '../../interactions/upstreams/connections.ts'
import { type AppMethod, type SharedTexts, UpstreamAnswer } from '../../interactions/upstreams/connector.ts'
import { sharedTexts } from '../../interactions/upstreams/shared-texts.ts'
import { startApple } from '../../sandbox/simulators/apple.ts'
import { startQq } from '../../sandbox/simulators/qq.ts'
import type { Simulator } from '../../sandbox/simulators/simulator.ts'
import { startWechat } from '../../sandbox/simulators/wechat.ts'
import { startWeibo } from '../../sandbox/simulators/weibo.ts'
import { AppError } from '../../src/base/errors.ts'
import { httpClient } from '../../src/base/http.ts'
import { Secret } from '../../src/base/secret.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { sealer, sealing } from '../../src/store/seal.ts'

/** Walked by `walkTo`. */
export const clock = () => Date.now()

const secret = 'app-secret-DNTL'
const people = [
  { id: 'lilei', name: '李雷', phone: { countryCode: '86', number: '13800138000' } },
  { id: 'meimei', name: '韩梅梅', phone: { countryCode: '852', number: '61234567' } },
  { id: 'phoneless', name: '林涛' },
]
const key = new Secret(randomBytes(32).toString('base64url'))

/** What the methods of a process keep in the store it shares with others. */
export function kept(store: EphemeralStore): { readonly shared: SharedTexts; readonly spent: Spent } {
  const sealed = sealer({ keys: [key] })
  const shared = sharedTexts({
    store,
    ...sealing(sealed, 'shared'),
  })
  return { shared, spent: spent({ store, clock, mac: (text) => sealed.mac('spent', text) }) }
}

interface Process extends ReturnType<typeof kept> {
  readonly registration?: Parameters<typeof appLogins>[0]['registration']
  readonly timeoutMs?: number
}

/** The methods of one process, by name. */
export function methodsOf(
  settings: readonly ConnectionOptions[],
  { shared, spent, registration = { upstream: 'ask', phone: 'auto' }, timeoutMs = 10_000 }: Process,
): ReadonlyMap<string, LoginMethod> {
  const http = httpClient({ timeoutMs, allowInsecure: true })
  const connectors = buildConnectors(settings, { http, clock, shared, allowInsecure: true })
  const methods = appLogins({ connectors, spent, registration }) as unknown as LoginMethod[]
  return new Map(methods.map((method) => [method.id, method]))
}

/** One login: what was proved. Each is an attempt of its own unless told otherwise. */
export async function login(
  method: LoginMethod | undefined,
  input: Input,
  attemptId = randomBytes(8).toString('hex'),
): Promise<Proved> {
  const visit = { userAgent: 'app', locale: 'zh-CN' } as const
  const step = await method?.step({ attemptId, ip: '192.0.2.1', visit, input, nowMs: clock(), state: undefined })
  if (step?.kind !== 'proved') throw new Error(`nothing was proved: ${step?.kind}`)
  return step
}

/** What a login was refused with, its code and the vendor's word; it tells nothing of what was brought, nor a secret. */
export async function refusal(work: Promise<unknown>, brought: Input = {}): Promise<readonly [string, string?]> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof AppError)) throw new Error(`not refused: ${inspect(thrown)}`)
  const told = inspect(thrown, { depth: 9, showHidden: true })
  const unspeakable = ['upstream_code', 'phone_code', 'upstream_token', 'identity_token', 'carrier_token', 'raw_nonce']
  const values = unspeakable.flatMap((name) => brought[name] ?? []).concat(secret)
  expect(values.filter((each) => told.includes(each))).toEqual([])
  const word = thrown.cause instanceof UpstreamAnswer ? thrown.cause.vendorCode : thrown.field
  return word === undefined ? [thrown.code] : [thrown.code, word]
}

/** One login method of apps on its simulator. */
export interface AppWorld {
  readonly method: AppMethod
  readonly simulator: Simulator
  readonly settings: (id?: string) => ConnectionOptions
  /** What the SDK gives the app, for a person who agreed in it. */
  bring(person?: string): Input
  /** The same from an app of somebody else. */
  bringForeign(): Input
  /** What it is worth after this time: nothing. */
  readonly lifeMs: number
  readonly expected: { readonly provider: string; readonly subjects: readonly string[] }
  /** The vendor's word, or ours, for something of another app. */
  readonly foreignWord: string
  /** Every call a login fails with. */
  readonly paths: readonly string[]
  /** Calls that whoever is known does without. */
  readonly sparePaths?: readonly string[]
}

export async function wechatApp(): Promise<AppWorld> {
  const { simulator, settings } = await wechat()
  return {
    method: 'wechat_app',
    simulator,
    settings,
    bring: (person = 'lilei') => ({ upstream_code: simulator.authorize(person, 'wxmobile') }),
    bringForeign: () => ({ upstream_code: simulator.authorize('lilei', 'wxtheirs') }),
    lifeMs: 301_000,
    expected: {
      provider: 'wechat',
      subjects: [
        `unionid:${simulator.unionid('lilei', 'wxmobile')}`,
        `openid:wxmobile:${simulator.openid('lilei', 'wxmobile')}`,
      ],
    },
    foreignWord: '40029',
    paths: ['/sns/oauth2/access_token'],
  }
}

export async function miniProgram() {
  const { simulator, settings } = await wechat()
  const world = {
    method: 'wechat_mini_program',
    simulator,
    settings,
    bring: (person = 'lilei'): Input => ({
      upstream_code: simulator.loginMiniProgram(person, 'wxmini'),
      ...(person === 'phoneless' ? {} : { phone_code: simulator.phoneCode(person, 'wxmini') }),
    }),
    bringForeign: (): Input => ({ upstream_code: simulator.loginMiniProgram('lilei', 'wxminitheirs') }),
    lifeMs: 301_000,
    expected: {
      provider: 'wechat',
      subjects: [
        `unionid:${simulator.unionid('lilei', 'wxmini')}`,
        `openid:wxmini:${simulator.openid('lilei', 'wxmini')}`,
      ],
    },
    foreignWord: '40029',
    paths: ['/sns/jscode2session'],
    sparePaths: ['/cgi-bin/stable_token', '/wxa/business/getuserphonenumber'],
  } as const
  return world
}

async function wechat() {
  const apps = { secret, callbackHost: 'id.example.com', openPlatform: 'ours' }
  const theirs = { ...apps, secret: 'theirs', openPlatform: 'theirs' }
  const simulator = await startWechat({
    clock,
    people,
    apps: [
      { ...apps, kind: 'website', appid: 'wxweb' },
      { ...apps, kind: 'mobile', appid: 'wxmobile' },
      { ...apps, kind: 'mini_program', appid: 'wxmini' },
      { ...theirs, kind: 'mobile', appid: 'wxtheirs' },
      { ...theirs, kind: 'mini_program', appid: 'wxminitheirs' },
    ],
  })
  const settings = (id = 'ours') =>
    connectionOptions.parse({
      type: 'wechat',
      id,
      website: { appid: 'wxweb', secret },
      mobile_app: { appid: 'wxmobile', secret },
      mini_program: { appid: 'wxmini', secret },
      api_url: simulator.url,
    })
  return { simulator, settings }
}

export async function qqApp() {
  const app = { secret, redirectUris: ['https://id.example.com/callback/ours'], developer: 'ours', hasUnionid: true }
  const simulator = await startQq({
    clock,
    people,
    apps: [
      { ...app, appid: '101' },
      { ...app, appid: '103' },
      { ...app, appid: '109', developer: 'theirs' },
    ],
  })
  const tokensOf = (person: string, appid: string) => {
    const { access_token, openid } = simulator.issueTokens(person, appid)
    return { upstream_token: access_token, upstream_subject: openid }
  }
  return {
    method: 'qq_app',
    simulator,
    settings: (id = 'ours') =>
      connectionOptions.parse({
        type: 'qq',
        id,
        client_id: '101',
        client_secret: secret,
        mobile_app: { appid: '103' },
        graph_url: simulator.url,
      }),
    bring: (person = 'lilei'): Input => tokensOf(person, '103'),
    bringForeign: (): Input => tokensOf('lilei', '109'),
    lifeMs: 100 * 86_400_000,
    expected: {
      provider: 'qq',
      subjects: [`unionid:${simulator.unionid('lilei', '103')}`, `openid:103:${simulator.openid('lilei', '103')}`],
    },
    foreignWord: 'client_id_mismatch',
    paths: ['/oauth2.0/me'],
  } as const
}

export async function weiboApp() {
  const app = { appSecret: secret, redirectUris: ['https://id.example.com/callback/ours'] }
  const simulator = await startWeibo({
    clock,
    people,
    apps: [
      { ...app, appKey: '2001' },
      { ...app, appKey: '2009' },
    ],
  })
  const tokensOf = (person: string, appKey: string) => {
    const { access_token } = simulator.issueTokens(person, appKey)
    return { upstream_token: access_token, upstream_subject: simulator.uid(person) }
  }
  return {
    method: 'weibo_app',
    simulator,
    settings: (id = 'ours') =>
      connectionOptions.parse({ type: 'weibo', id, client_id: '2001', client_secret: secret, api_url: simulator.url }),
    bring: (person = 'lilei'): Input => tokensOf(person, '2001'),
    bringForeign: (): Input => tokensOf('lilei', '2009'),
    lifeMs: 100 * 86_400_000,
    expected: { provider: 'weibo', subjects: [simulator.uid('lilei')] },
    foreignWord: 'token:appkey',
    paths: ['/oauth2/get_token_info'],
  } as const
}

export async function appleApp() {
  const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKeyPem = ours.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const team = { keyId: 'KEY1234567', publicKeyPem }
  const named = { emailVerified: true, isPrivateEmail: false }
  const simulator = await startApple({
    clock,
    allowLoopback: true,
    teams: [
      {
        ...team,
        teamId: 'OURTEAM001',
        clients: [
          { clientId: 'com.example.web', kind: 'web', redirectUris: ['https://id.example.com/callback/ours'] },
          { clientId: 'com.example.app', kind: 'native', redirectUris: [] },
        ],
      },
      {
        ...team,
        teamId: 'THEIRTEAM1',
        clients: [{ clientId: 'com.theirs.app', kind: 'native', redirectUris: [] }],
      },
    ],
    people: [
      { ...named, id: 'lilei', firstName: '雷', lastName: '李', email: 'lilei@example.com' },
      { ...named, id: 'meimei', firstName: '梅梅', lastName: '韩', email: 'meimei@example.com' },
    ],
  })
  const credentialOf = (person: string, clientId: string): Input => {
    const rawNonce = randomBytes(16).toString('hex')
    const nonce = createHash('sha256').update(rawNonce).digest('hex')
    const { code, identityToken } = simulator.authorizeNative(person, { clientId, nonce })
    return { identity_token: identityToken, upstream_code: code, raw_nonce: rawNonce }
  }
  return {
    method: 'apple',
    simulator,
    settings: (id = 'ours') =>
      connectionOptions.parse({
        type: 'apple',
        id,
        client_id: 'com.example.web',
        bundle_ids: ['com.example.app', 'com.example.other'],
        team_id: 'OURTEAM001',
        key_id: 'KEY1234567',
        private_key: ours.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        issuer: simulator.url,
      }),
    bring: (person = 'lilei'): Input => credentialOf(person, 'com.example.app'),
    bringForeign: (): Input => credentialOf('lilei', 'com.theirs.app'),
    lifeMs: 301_000,
    expected: { provider: 'apple', subjects: [simulator.subject('lilei', 'OURTEAM001')] },
    foreignWord: 'id_token:aud',
    paths: ['/auth/keys', '/auth/token'],
  } as const
}
