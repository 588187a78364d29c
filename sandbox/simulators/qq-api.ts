import { type QqGrant, type QqState, tokenSeconds } from './qq-state.ts'
import type { Answer, Fault, ReceivedRequest } from './simulator.ts'

type Refusal = Extract<Fault, { kind: 'refuse' }>

/** What one endpoint answers: the number of the first thing wrong, or a body. */
type Outcome = number | Readonly<Record<string, unknown>>

interface Call {
  readonly query: URLSearchParams
  readonly qq: QqState
  /** This fault is taken when nothing is wrong with the call, before anything is used up. */
  readonly refuse: Refusal | undefined
}

const descriptions: Readonly<Record<number, string>> = {
  [-1]: 'bad parameter',
  [-2]: 'appid is not exist',
  [-22]: 'openid is invalid',
  100001: 'param client_id is wrong or lost ',
  100002: 'param client_secret is wrong or lost ',
  100004: 'param grant_type is wrong or lost ',
  100005: 'param code is wrong or lost ',
  100006: 'param refresh_token is wrong or lost ',
  100007: 'param access token is wrong or lost ',
  100008: 'client id is illegal',
  100009: 'client secret is illegal',
  100010: 'redirect uri is illegal',
  100011: 'app is not online',
  100014: 'access token expired',
  100015: 'access token revoked',
  100016: 'access token check failed',
  100019: 'code to access token error',
  100020: 'code is reused error',
  100030: 'user has not granted this api',
  100031: 'app has no right of this api',
  100048: 'no unionid permission',
}

/** The GET interface of graph.qq.com: status 200 whatever happens, JSON only where `fmt=json` asks for it. */
export function qqApi(request: ReceivedRequest, qq: QqState, refuse: Refusal | undefined): Answer | undefined {
  const query = new URLSearchParams(request.rawQuery)
  const call = { query, qq, refuse }
  if (request.method !== 'GET') return undefined
  if (request.path === '/user/get_user_info') return json(asProfile(profile(call), refuse))

  const endpoint = { '/oauth2.0/token': token, '/oauth2.0/me': me }[request.path]
  if (endpoint === undefined) return undefined
  const outcome = endpoint(call)
  const isFailure = typeof outcome === 'number'
  const body = isFailure ? { error: outcome, error_description: described(outcome, refuse) } : outcome
  if (query.get('fmt') === 'json') return json(body)
  const isForm = !isFailure && endpoint === token
  const text = isForm ? String(new URLSearchParams(outcome as Record<string, string>)) : callback(body)
  return { status: 200, body: text, headers: { 'content-type': 'text/html' } }
}

function json(body: object): Answer {
  return { status: 200, body: JSON.stringify(body), headers: { 'content-type': 'text/html' } }
}

function callback(body: object): string {
  return `callback( ${JSON.stringify(body)} );\n`
}

function described(code: number, refuse: Refusal | undefined): string {
  const fromFault = refuse !== undefined && Number(refuse.code) === code ? refuse.message : undefined
  return fromFault ?? descriptions[code] ?? 'refused'
}

function asProfile(outcome: Outcome, refuse: Refusal | undefined): Readonly<Record<string, unknown>> {
  return typeof outcome === 'number' ? { ret: outcome, msg: described(outcome, refuse) } : outcome
}

function token({ query, qq, refuse }: Call): Outcome {
  const given = (name: string) => query.get(name) ?? ''
  const grantType = given('grant_type')
  if (grantType !== 'authorization_code' && grantType !== 'refresh_token') return 100004
  if (given('client_id') === '') return 100001
  if (given('client_secret') === '') return 100002
  const app = qq.apps.get(given('client_id'))
  if (app === undefined) return 100008
  if (app.secret !== given('client_secret')) return 100009
  if (app.isOnline === false) return 100011

  if (grantType === 'refresh_token') {
    const held = qq.refreshTokens.find(given('refresh_token'))
    if (held === undefined || held.about.appid !== app.appid || held.state !== 'live') return 100006
    if (refuse !== undefined) return Number(refuse.code)
    qq.refreshTokens.use(given('refresh_token'))
    return tokens(qq, held.about)
  }
  if (given('code') === '') return 100005
  const held = qq.codes.find(given('code'))
  if (held === undefined || held.about.appid !== app.appid) return 100019
  if (held.state === 'used') return 100020
  if (held.state === 'expired') return 100019
  if (given('redirect_uri') !== held.about.redirectUri) return 100010
  if (refuse !== undefined) return Number(refuse.code)
  qq.codes.use(given('code'))
  return tokens(qq, held.about)
}

/** What a code is exchanged for; the number of seconds is a string. */
export function tokens(qq: QqState, grant: QqGrant) {
  return {
    access_token: qq.accessTokens.issue(grant),
    expires_in: String(tokenSeconds),
    refresh_token: qq.refreshTokens.issue(grant),
  }
}

/** A token of any app is accepted: the caller must compare `client_id`. */
function me({ query, qq, refuse }: Call): Outcome {
  const grant = holder(query, qq)
  if (typeof grant === 'number') return grant
  const wantsUnionid = query.get('unionid') === '1'
  if (wantsUnionid && qq.app(grant.appid).hasUnionid !== true) return 100048
  if (refuse !== undefined) return Number(refuse.code)
  return {
    client_id: grant.appid,
    openid: qq.openid(grant),
    ...(wantsUnionid && { unionid: qq.unionid(grant) }),
  }
}

function holder(query: URLSearchParams, qq: QqState): number | QqGrant {
  const accessToken = query.get('access_token') ?? ''
  if (accessToken === '') return 100007
  const found = qq.accessTokens.find(accessToken)
  if (found === undefined) return 100016
  if (found.state === 'used') return 100015
  return found.state === 'expired' ? 100014 : found.about
}

/** The `ret` of a failure: numbers of the OpenAPI list for the parameters, those of the token otherwise. */
function profile({ query, qq, refuse }: Call): Outcome {
  const [appid, openid] = [query.get('oauth_consumer_key') ?? '', query.get('openid') ?? '']
  if (appid === '' || openid === '') return -1
  if (!qq.apps.has(appid)) return -2
  const grant = holder(query, qq)
  if (typeof grant === 'number') return grant
  if (grant.appid !== appid) return 100016
  if (qq.openid(grant) !== openid) return -22
  if (qq.app(appid).canReadProfile === false) return 100031
  if (!grant.scope.split(',').includes('get_user_info')) return 100030
  if (refuse !== undefined) return Number(refuse.code)

  const { name, avatar = '' } = qq.person(grant.person)
  return {
    ret: 0,
    msg: '',
    is_lost: 0,
    nickname: name,
    gender: '男',
    gender_type: '1',
    province: '',
    city: '',
    year: '0',
    figureurl: avatar,
    figureurl_1: avatar,
    figureurl_2: avatar,
    figureurl_qq_1: avatar,
    figureurl_qq_2: qq.hasLargeAvatars ? avatar : '',
    figureurl_qq: avatar,
    is_yellow_vip: '0',
    vip: '0',
    level: '0',
  }
}
