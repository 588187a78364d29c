import { derived } from './issued.ts'
import type { Answer, Fault, ReceivedRequest } from './simulator.ts'
import type { WechatApp, WechatGrant, WechatState } from './wechat-state.ts'

/** A fault by which WeChat answers an error code. */
export type Refusal = Extract<Fault, { kind: 'refuse' }>

/** What one endpoint answers: the errcode of the first thing wrong, or a body. */
export type Outcome = number | Readonly<Record<string, unknown>>

interface Call {
  readonly query: URLSearchParams
  readonly wechat: WechatState
  /** This fault is taken when nothing is wrong with the call, before anything is used up. */
  readonly refuse: Refusal | undefined
}

const endpoints: Readonly<Record<string, (call: Call) => Outcome>> = {
  '/sns/oauth2/access_token': exchange,
  '/sns/oauth2/refresh_token': renew,
  '/sns/userinfo': userinfo,
  '/sns/auth': checkPair,
}

const messages: Readonly<Record<number, string>> = {
  [-1]: 'system error',
  40001: 'invalid credential, access_token is invalid or not latest',
  40002: 'invalid grant_type',
  40003: 'invalid openid',
  40013: 'invalid appid',
  40014: 'invalid access_token',
  40029: 'invalid code',
  40030: 'invalid refresh_token',
  40125: 'invalid appsecret',
  40163: 'code been used',
  40226: 'code blocked',
  41001: 'access_token missing',
  41002: 'appid missing',
  41003: 'refresh_token missing',
  41004: 'appsecret missing',
  41008: 'missing code',
  41009: 'missing openid',
  42001: 'access_token expired',
  42002: 'refresh_token expired',
  42003: 'code expired',
  43001: 'require GET method',
  43002: 'require POST method',
  45009: 'reach max api daily quota limit',
  45011: 'api minute-quota reach limit, must slower, retry next minute',
  48001: 'api unauthorized',
  87009: 'invalid signature',
}

/**
 * The sns interface: always status 200 and text/plain. The errcode of a wrong grant_type (40002) and the one of a token
 * that is no token at all (40014) are not in our sources; a client must treat every errcode it does not know as a
 * failure.
 */
export function sns(request: ReceivedRequest, wechat: WechatState, refuse: Refusal | undefined): Answer | undefined {
  const endpoint = Object.hasOwn(endpoints, request.path) ? endpoints[request.path] : undefined
  if (endpoint === undefined) return undefined
  const query = new URLSearchParams(request.rawQuery)
  return snsAnswer(request, request.method === 'GET' ? endpoint({ query, wechat, refuse }) : 43001, refuse)
}

/** Dresses an outcome up; a failure gets its message and a request id. */
export function snsAnswer(request: ReceivedRequest, outcome: Outcome, refuse: Refusal | undefined): Answer {
  const body = typeof outcome === 'number' ? failure(outcome, refuse, request) : outcome
  return { status: 200, body: JSON.stringify(body), headers: { 'content-type': 'text/plain' } }
}

function failure(errcode: number, refuse: Refusal | undefined, { at, rawQuery }: ReceivedRequest) {
  const fromFault = refuse !== undefined && Number(refuse.code) === errcode ? refuse.message : undefined
  const message = fromFault ?? messages[errcode] ?? 'refused'
  const id = derived(24, 'rid', String(at), rawQuery).replace(/^(.{8})(.{8})/, '$1-$2-')
  return { errcode, errmsg: `${message}, rid: ${id}` }
}

/** The errcode of the first parameter that is not there. */
export function missing(query: URLSearchParams, codes: Readonly<Record<string, number>>): number | undefined {
  return Object.entries(codes).find(([name]) => (query.get(name) ?? '') === '')?.[1]
}

function exchange({ query, wechat, refuse }: Call): Outcome {
  const absent = missing(query, { appid: 41002, secret: 41004, code: 41008 })
  if (absent !== undefined) return absent
  const app = wechat.apps.get(query.get('appid') ?? '')
  if (app === undefined) return 40013
  if (app.secret !== query.get('secret')) return 40125
  if (query.get('grant_type') !== 'authorization_code') return 40002

  const code = query.get('code') ?? ''
  const found = wechat.codes.find(code)
  if (found === undefined || !isOf(found.about, app)) return 40029
  if (found.state === 'used') return 40163
  if (found.state === 'expired') return 42003
  if (refuse !== undefined) return Number(refuse.code)

  wechat.codes.use(code)
  return tokens(wechat, found.about)
}

/** A mini program's code is for another interface. */
function isOf(grant: WechatGrant, app: WechatApp): boolean {
  return grant.appid === app.appid && app.kind !== 'mini_program'
}

/** What a code is exchanged for. */
export function tokens(wechat: WechatState, grant: WechatGrant) {
  const accessToken = wechat.accessTokens.issue(grant)
  const refreshToken = wechat.refreshTokens.issue({ grant, accessToken })
  return {
    access_token: accessToken,
    expires_in: 7200,
    refresh_token: refreshToken,
    openid: wechat.openid(grant),
    scope: grant.scope,
    ...(grant.stranger !== undefined && { is_snapshotuser: 1 }),
    ...unionid(wechat, grant),
  }
}

/** It is left out for the silent scope, and while the app is bound to no Open Platform account. */
function unionid(wechat: WechatState, grant: WechatGrant): { readonly unionid?: string } {
  const value = grant.scope === 'snsapi_base' ? undefined : wechat.unionid(grant)
  return value === undefined ? {} : { unionid: value }
}

/** This call takes no secret. A live access token lives on under its name; an ended one is replaced. */
function renew({ query, wechat, refuse }: Call): Outcome {
  const absent = missing(query, { appid: 41002, refresh_token: 41003 })
  if (absent !== undefined) return absent
  const app = wechat.apps.get(query.get('appid') ?? '')
  if (app === undefined) return 40013
  if (query.get('grant_type') !== 'refresh_token') return 40002

  const refreshToken = query.get('refresh_token') ?? ''
  const found = wechat.refreshTokens.find(refreshToken)
  if (found === undefined || found.about.grant.appid !== app.appid) return 40030
  if (found.state !== 'live') return 42002
  if (refuse !== undefined) return Number(refuse.code)

  const { about } = found
  if (wechat.accessTokens.find(about.accessToken)?.state === 'live') wechat.accessTokens.extend(about.accessToken)
  else about.accessToken = wechat.accessTokens.issue(about.grant)
  return {
    access_token: about.accessToken,
    expires_in: 7200,
    refresh_token: refreshToken,
    openid: wechat.openid(about.grant),
    scope: about.grant.scope,
  }
}

/** The grant behind a token and its openid. Nobody asks for which app, so a token of any app is accepted. */
function holder({ query, wechat }: Call): number | WechatGrant {
  const absent = missing(query, { access_token: 41001, openid: 41009 })
  if (absent !== undefined) return absent
  const accessToken = query.get('access_token') ?? ''
  if (!/^[\w-]{32,}$/.test(accessToken)) return 40014
  const found = wechat.accessTokens.find(accessToken)
  if (found === undefined) return 40001
  if (found.state !== 'live') return 42001
  return wechat.openid(found.about) === query.get('openid') ? found.about : 40003
}

function userinfo(call: Call): Outcome {
  const grant = holder(call)
  if (typeof grant === 'number') return grant
  if (grant.scope === 'snsapi_base' || grant.stranger !== undefined) return 48001
  if (call.refuse !== undefined) return Number(call.refuse.code)
  const { name, avatar } = call.wechat.person(grant.person)
  return {
    openid: call.wechat.openid(grant),
    nickname: name,
    sex: 0,
    language: '',
    city: '',
    province: '',
    country: '',
    headimgurl: avatar ?? '',
    privilege: [],
    ...unionid(call.wechat, grant),
  }
}

function checkPair(call: Call): Outcome {
  const grant = holder(call)
  if (typeof grant === 'number') return grant
  return call.refuse === undefined ? { errcode: 0, errmsg: 'ok' } : Number(call.refuse.code)
}
