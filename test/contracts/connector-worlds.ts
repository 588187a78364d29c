import { generateKeyPairSync } from 'node:crypto'
import { type ConnectionOptions, connectionOptions } from '../../interactions/upstreams/connections.ts'
import type { UpstreamResponse } from '../../interactions/upstreams/connector.ts'
import type { Visit } from '../../interactions/upstreams/visit.ts'
import { startApple } from '../../sandbox/simulators/apple.ts'
import { startGithub } from '../../sandbox/simulators/github.ts'
import type { Oddity } from '../../sandbox/simulators/oddities.ts'
import { type OidcOptions, startOidc } from '../../sandbox/simulators/oidc.ts'
import { startQq } from '../../sandbox/simulators/qq.ts'
import type { Fault, ReceivedRequest } from '../../sandbox/simulators/simulator.ts'
import { startWechat } from '../../sandbox/simulators/wechat.ts'
import { startWeibo } from '../../sandbox/simulators/weibo.ts'
import type { Profile } from '../../src/accounts/user.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { ErrorCode } from '../../src/base/errors.ts'

type Settings = Readonly<Record<string, unknown>>
type Decision = 'accept' | 'refuse'
type Mapping = readonly [path: string, vendorCode: string, code: ErrorCode]

/** One upstream on its simulator, as the suite sees it. */
export interface ConnectorWorld {
  readonly simulator: {
    readonly url: string
    readonly requests: readonly ReceivedRequest[]
    readonly faults: { push(fault: Fault & { readonly path?: string }): unknown }
    readonly oddities: Set<Oddity>
    close(): Promise<void>
  }
  /** What is wrong with what it says, where it can be told to say something wrong. */
  readonly misbehaviours?: Set<string>
  /** Whether the vendor still knows a token, where it tells. */
  isLive?(token: string): boolean
  /** Has it sign with another key, where it signs. */
  rotateKeys?(): void
  readonly visit: Visit
  settings(bent?: Settings): ConnectionOptions
  /** Settings of another app, of somebody else. */
  foreign(): ConnectionOptions
  /** The one person opens the address and answers; what the browser then brings to the callback. */
  answer(url: URL, decision: Decision): Promise<UpstreamResponse>
  readonly wrongSecret: Settings
  /** The setting whose value goes to the vendor's host. */
  readonly addressSettings: readonly string[]
  readonly expected: {
    readonly provider: string
    readonly subjects: readonly string[]
    readonly profile: Profile
  }
  readonly exchangePath: string
  /** Other calls that a login fails with. */
  readonly laterPaths: readonly string[]
  /** The call that tells only what is shown, if there is one. */
  readonly shownPath?: string
  /** The vendor's own word for each of these. */
  readonly words: Readonly<Record<'cancelled' | 'used' | 'expired' | 'foreign' | 'wrongSecret', string>>
  /** The vendor's refusals by path, and what they must become. */
  readonly mappings: readonly Mapping[]
}

export const callback = 'https://id.example.com/callback/ours'
const foreignCallback = 'https://id.example.com/callback/theirs'
export const appSecret = 'app-secret-DNTL'
const foreignSecret = 'foreign-secret-DNTL'
const desktop = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36'
export const insideWechat =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.60'

const visit: Visit = { userAgent: desktop, locale: 'zh-CN' }
const person = { id: 'zhang-san', name: '张三', avatar: 'http://pictures.example.com/zhang-san/132' }
const shown: Profile = { nickname: '张三', picture: 'https://pictures.example.com/zhang-san/132' }

/** Fills in the vendor's page as a browser would, and gives what the way back carries. */
async function fillIn(url: URL, decision: Decision, userAgent = desktop): Promise<UpstreamResponse> {
  const body = new URLSearchParams({ person: person.id, decision })
  const answer = await fetch(url, { method: 'POST', body, redirect: 'manual', headers: { 'user-agent': userAgent } })
  return carried(answer.headers.get('location') ?? '')
}

function carried(address: string): UpstreamResponse {
  return Object.fromEntries(new URL(address).searchParams)
}

/** WeChat by QR code, or on a page inside WeChat. */
export function wechat(kind: 'website' | 'official_account') {
  return async (clock: Clock): Promise<ConnectorWorld> => {
    const callbackHost = 'id.example.com'
    const simulator = await startWechat({
      clock,
      people: [person],
      apps: [
        { kind, appid: 'wxours', secret: appSecret, callbackHost, openPlatform: 'ours' },
        { kind, appid: 'wxtheirs', secret: foreignSecret, callbackHost, openPlatform: 'theirs' },
      ],
    })
    const addresses = { open_url: simulator.url, api_url: simulator.url }
    const app = (settings: Settings) => connectionOptions.parse({ type: 'wechat', ...addresses, ...settings })
    const isInside = kind === 'official_account'
    const userAgent = isInside ? insideWechat : desktop
    return {
      simulator,
      visit: { userAgent, locale: 'zh-CN' },
      settings: (bent = {}) => app({ id: 'ours', [kind]: { appid: 'wxours', secret: appSecret }, ...bent }),
      foreign: () => app({ id: 'theirs', [kind]: { appid: 'wxtheirs', secret: foreignSecret } }),
      answer: (url, decision) => fillIn(url, decision, userAgent),
      wrongSecret: { [kind]: { appid: 'wxours', secret: 'wrong-secret-DNTL' } },
      addressSettings: ['open_url', 'api_url'],
      expected: {
        provider: 'wechat',
        subjects: [
          `unionid:${simulator.unionid(person.id, 'wxours')}`,
          `openid:wxours:${simulator.openid(person.id, 'wxours')}`,
        ],
        profile: shown,
      },
      exchangePath: '/sns/oauth2/access_token',
      laterPaths: [],
      shownPath: '/sns/userinfo',
      words: { cancelled: 'no_code', used: '40163', expired: '42003', foreign: '40029', wrongSecret: '40125' },
      mappings: [
        ...wechatMappings('/sns/oauth2/access_token'),
        ['/sns/oauth2/access_token', '40001', 'upstream.misconfigured'],
      ],
    }
  }
}

function wechatMappings(path: string): readonly Mapping[] {
  return [
    ...['-1', '45009', '45011'].map((each) => [path, each, 'upstream.busy'] as const),
    ...['40029', '40163', '42001', '42003', '42007'].map((each) => [path, each, 'upstream.code_invalid'] as const),
    ...['40002', '40013', '40125', '40164', '41002', '41004', '45035', '48001', '89503', '89506', '89507'].map(
      (each) => [path, each, 'upstream.misconfigured'] as const,
    ),
    ...['40226', '50001', '50002'].map((each) => [path, each, 'upstream.account_restricted'] as const),
    ...['40003', '41008', '43003'].map((each) => [path, each, 'upstream.refused'] as const),
  ]
}

export async function qq(clock: Clock): Promise<ConnectorWorld> {
  const app = { developer: 'ours', hasUnionid: true }
  const simulator = await startQq({
    clock,
    people: [person],
    apps: [
      { ...app, appid: '101000001', secret: appSecret, redirectUris: [callback] },
      { appid: '101000002', secret: foreignSecret, redirectUris: [foreignCallback], developer: 'theirs' },
    ],
  })
  const options = (settings: Settings) => connectionOptions.parse({ type: 'qq', graph_url: simulator.url, ...settings })
  const token = '/oauth2.0/token'
  return {
    simulator,
    visit,
    settings: (bent = {}) => options({ id: 'ours', client_id: '101000001', client_secret: appSecret, ...bent }),
    foreign: () => options({ id: 'theirs', client_id: '101000002', client_secret: foreignSecret }),
    answer: fillIn,
    wrongSecret: { client_secret: 'wrong-secret-DNTL' },
    addressSettings: ['graph_url'],
    expected: {
      provider: 'qq',
      subjects: [
        `unionid:${simulator.unionid(person.id, '101000001')}`,
        `openid:101000001:${simulator.openid(person.id, '101000001')}`,
      ],
      profile: shown,
    },
    exchangePath: token,
    laterPaths: ['/oauth2.0/me'],
    shownPath: '/user/get_user_info',
    words: { cancelled: 'usercancel', used: '100020', expired: '100019', foreign: '100019', wrongSecret: '100009' },
    mappings: [
      ...['100008', '100009', '100010', '100011'].map((each) => [token, each, 'upstream.misconfigured'] as const),
      ...['100019', '100020'].map((each) => [token, each, 'upstream.code_invalid'] as const),
      ...['100001', '100005'].map((each) => [token, each, 'upstream.refused'] as const),
      ...['100013', '100014', '100015', '100016'].map(
        (each) => ['/oauth2.0/me', each, 'upstream.code_invalid'] as const,
      ),
      ['/oauth2.0/me', '100030', 'upstream.cancelled'],
      ['/oauth2.0/me', '100031', 'upstream.misconfigured'],
    ],
  }
}

export async function weibo(clock: Clock): Promise<ConnectorWorld> {
  const simulator = await startWeibo({
    clock,
    people: [person],
    apps: [
      { appKey: '2000000001', appSecret, redirectUris: [callback] },
      { appKey: '2000000002', appSecret: foreignSecret, redirectUris: [foreignCallback] },
    ],
  })
  const options = (settings: Settings) =>
    connectionOptions.parse({ type: 'weibo', api_url: simulator.url, ...settings })
  const token = '/oauth2/access_token'
  return {
    simulator,
    visit,
    settings: (bent = {}) => options({ id: 'ours', client_id: '2000000001', client_secret: appSecret, ...bent }),
    foreign: () => options({ id: 'theirs', client_id: '2000000002', client_secret: foreignSecret }),
    answer: fillIn,
    wrongSecret: { client_secret: 'wrong-secret-DNTL' },
    addressSettings: ['api_url'],
    expected: { provider: 'weibo', subjects: [simulator.uid(person.id)], profile: shown },
    exchangePath: token,
    laterPaths: [],
    shownPath: '/2/users/show.json',
    words: { cancelled: '21330', used: '21325', expired: '21325', foreign: '21325', wrongSecret: '21324' },
    mappings: [
      ...['21321', '21322', '21323', '21324', '21326', '21328', '21329'].map(
        (each) => [token, each, 'upstream.misconfigured'] as const,
      ),
      ...['21325', '21327', '21332'].map((each) => [token, each, 'upstream.code_invalid'] as const),
      [token, '21330', 'upstream.cancelled'],
      [token, '21331', 'upstream.busy'],
      [token, '10016', 'upstream.refused'],
    ],
  }
}

export async function github(clock: Clock): Promise<ConnectorWorld> {
  const simulator = await startGithub({
    clock,
    people: [{ id: 583231, login: 'zhang-san', name: '张三', publicEmail: null, emails: [] }],
    apps: [
      { clientId: 'Iv1.ours', secret: appSecret, redirectUris: [callback] },
      { clientId: 'Iv1.theirs', secret: foreignSecret, redirectUris: [foreignCallback] },
    ],
  })
  const addresses = { web_url: simulator.url, api_url: simulator.url }
  const options = (settings: Settings) => connectionOptions.parse({ type: 'github', ...addresses, ...settings })
  const token = '/login/oauth/access_token'
  return {
    simulator,
    visit,
    settings: (bent = {}) => options({ id: 'ours', client_id: 'Iv1.ours', client_secret: appSecret, ...bent }),
    foreign: () => options({ id: 'theirs', client_id: 'Iv1.theirs', client_secret: foreignSecret }),
    answer: async (url, decision) => carried(simulator.authorize(583231, url, { decision })),
    wrongSecret: { client_secret: 'wrong-secret-DNTL' },
    addressSettings: ['web_url', 'api_url'],
    expected: {
      provider: 'github:ours',
      subjects: ['583231'],
      profile: { nickname: '张三', picture: `${simulator.url}/avatars/u/583231` },
    },
    exchangePath: token,
    laterPaths: ['/user'],
    words: {
      cancelled: 'access_denied',
      used: 'bad_verification_code',
      expired: 'bad_verification_code',
      foreign: 'bad_verification_code',
      wrongSecret: 'incorrect_client_credentials',
    },
    mappings: [
      [token, 'redirect_uri_mismatch', 'upstream.misconfigured'],
      [token, 'unverified_user_email', 'upstream.refused'],
      ['/user', '401', 'upstream.code_invalid'],
      ['/user', '403', 'upstream.busy'],
      ['/user', '404', 'upstream.refused'],
    ],
  }
}

const keyPair = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  }
}

export async function apple(clock: Clock): Promise<ConnectorWorld> {
  const [ours, theirs] = [keyPair(), keyPair()]
  const client = (clientId: string, redirectUri: string) =>
    [{ clientId, kind: 'web', redirectUris: [redirectUri] }] as const
  const simulator = await startApple({
    clock,
    people: [
      {
        id: person.id,
        firstName: '三',
        lastName: '张',
        email: 'zhang-san@privaterelay.appleid.com',
        emailVerified: 'true',
        isPrivateEmail: 'true',
      },
    ],
    teams: [
      {
        teamId: 'OURTEAM001',
        keyId: 'OURKEY0001',
        publicKeyPem: ours.publicPem,
        clients: client('com.ours', callback),
      },
      {
        teamId: 'THEIRTEAM1',
        keyId: 'THEIRKEY01',
        publicKeyPem: theirs.publicPem,
        clients: client('com.theirs', foreignCallback),
      },
    ],
  })
  const team = { client_id: 'com.ours', team_id: 'OURTEAM001', key_id: 'OURKEY0001', private_key: ours.privatePem }
  const options = (settings: Settings) => connectionOptions.parse({ type: 'apple', issuer: simulator.url, ...settings })
  return {
    simulator,
    misbehaviours: simulator.misbehaviours as Set<string>,
    rotateKeys: simulator.rotateKeys,
    isLive: simulator.isLive,
    visit,
    settings: (bent = {}) => options({ id: 'ours', ...team, ...bent }),
    foreign: () =>
      options({
        id: 'theirs',
        client_id: 'com.theirs',
        team_id: 'THEIRTEAM1',
        key_id: 'THEIRKEY01',
        private_key: theirs.privatePem,
      }),
    answer: async (url, decision) => simulator.authorize(person.id, url, decision).fields,
    wrongSecret: { private_key: theirs.privatePem },
    addressSettings: ['issuer'],
    expected: {
      provider: 'apple',
      subjects: [simulator.subject(person.id, 'OURTEAM001')],
      profile: { nickname: '张三' },
    },
    exchangePath: '/auth/token',
    laterPaths: ['/auth/keys'],
    words: {
      cancelled: 'user_cancelled_authorize',
      used: 'invalid_grant',
      expired: 'invalid_grant',
      foreign: 'invalid_grant',
      wrongSecret: 'invalid_client',
    },
    mappings: [
      ['/auth/token', 'unauthorized_client', 'upstream.misconfigured'],
      ['/auth/token', 'invalid_request', 'upstream.refused'],
      ['/auth/token', 'constructor', 'upstream.refused'],
    ],
  }
}

interface OidcTraits extends Pick<OidcOptions, 'alg' | 'claimsInIdToken'> {
  readonly authMethod?: OidcOptions['clients'][number]['authMethod']
}

export async function oidc(
  clock: Clock,
  { authMethod = 'client_secret_basic', ...rest }: OidcTraits = {},
): Promise<ConnectorWorld> {
  const simulator = await startOidc({
    clock,
    ...rest,
    people: [
      {
        id: 'subject-1',
        name: '张三',
        email: 'zhang-san@example.com',
        emailVerified: true,
        picture: 'https://pictures.example.com/zhang-san/132',
      },
    ],
    clients: [
      { clientId: 'ours', secret: appSecret, authMethod, redirectUris: [callback] },
      { clientId: 'theirs', secret: foreignSecret, authMethod, redirectUris: [foreignCallback] },
    ],
  })
  const options = (settings: Settings) =>
    connectionOptions.parse({ type: 'oidc', name: 'works', issuer: simulator.url, ...settings })
  return {
    simulator,
    misbehaviours: simulator.misbehaviours as Set<string>,
    rotateKeys: simulator.rotateKeys,
    visit,
    settings: (bent = {}) => options({ id: 'ours', client_id: 'ours', client_secret: appSecret, ...bent }),
    foreign: () => options({ id: 'theirs', client_id: 'theirs', client_secret: foreignSecret }),
    answer: async (url, decision) => carried(simulator.authorize('subject-1', url, decision)),
    wrongSecret: { client_secret: 'wrong-secret-DNTL' },
    addressSettings: ['issuer'],
    expected: { provider: 'oidc:works', subjects: ['subject-1'], profile: shown },
    exchangePath: '/token',
    laterPaths: ['/jwks'],
    shownPath: '/userinfo',
    words: {
      cancelled: 'access_denied',
      used: 'invalid_grant',
      expired: 'invalid_grant',
      foreign: 'invalid_grant',
      wrongSecret: 'invalid_client',
    },
    mappings: [
      ['/token', 'unauthorized_client', 'upstream.misconfigured'],
      ['/token', 'temporarily_unavailable', 'upstream.busy'],
      ['/token', 'invalid_request', 'upstream.refused'],
      ['/token', 'constructor', 'upstream.refused'],
    ],
  }
}
