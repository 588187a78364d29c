import { createHmac } from 'node:crypto'
import { type Answer, objectOf, type ReceivedRequest } from './simulator.ts'
import { missing, type Outcome, type Refusal, snsAnswer } from './wechat-api.ts'
import type { MiniPrograms } from './wechat-mini-state.ts'
import type { WechatState } from './wechat-state.ts'

interface Call {
  readonly query: URLSearchParams
  /** Members of the JSON body; none where it is no object. */
  readonly body: Readonly<Record<string, unknown>>
  readonly wechat: WechatState
  readonly programs: MiniPrograms
  /** This fault is taken when nothing is wrong with the call, before anything is used up. */
  readonly refuse: Refusal | undefined
}

const endpoints: Readonly<Record<string, { readonly method: 'GET' | 'POST'; readonly act: (call: Call) => Outcome }>> =
  {
    '/sns/jscode2session': { method: 'GET', act: session },
    '/cgi-bin/stable_token': { method: 'POST', act: stableToken },
    '/wxa/business/getuserphonenumber': { method: 'POST', act: phoneNumber },
    '/wxa/checksession': { method: 'GET', act: checkSession },
  }

/** The interface for servers of mini programs, in the dress of the sns interface. */
export function miniProgramApi(
  request: ReceivedRequest,
  state: Pick<Call, 'wechat' | 'programs'>,
  refuse: Refusal | undefined,
): Answer | undefined {
  const endpoint = Object.hasOwn(endpoints, request.path) ? endpoints[request.path] : undefined
  if (endpoint === undefined) return undefined
  const call = { ...state, query: new URLSearchParams(request.rawQuery), body: objectOf(request.body), refuse }
  const wrongMethod = endpoint.method === 'GET' ? 43001 : 43002
  return snsAnswer(request, request.method === endpoint.method ? endpoint.act(call) : wrongMethod, refuse)
}

function session({ query, wechat, programs, refuse }: Call): Outcome {
  const absent = missing(query, { appid: 41002, secret: 41004, js_code: 41008 })
  if (absent !== undefined) return absent
  const app = wechat.apps.get(query.get('appid') ?? '')
  if (app?.kind !== 'mini_program') return 40013
  if (app.secret !== query.get('secret')) return 40125
  if (query.get('grant_type') !== 'authorization_code') return 40002

  const code = query.get('js_code') ?? ''
  const found = wechat.codes.find(code)
  const sessionKey = found?.about.sessionKey
  if (found === undefined || sessionKey === undefined || found.about.appid !== app.appid) return 40029
  if (found.state !== 'live') return found.state === 'used' ? 40163 : 40029
  if (refuse !== undefined) return Number(refuse.code)

  wechat.codes.use(code)
  const unionid = wechat.unionid(found.about)
  return {
    session_key: sessionKey,
    openid: wechat.openid(found.about),
    ...(unionid !== undefined && { unionid }),
    ...(programs.hasErrcodeZero && { errcode: 0, errmsg: '' }),
  }
}

function stableToken({ body, wechat, programs, refuse }: Call): Outcome {
  const { grant_type, appid, secret, force_refresh = false } = body
  if (typeof appid !== 'string' || appid === '') return 41002
  if (typeof secret !== 'string' || secret === '') return 41004
  const app = wechat.apps.get(appid)
  if (app?.kind !== 'mini_program' && app?.kind !== 'official_account') return 40013
  if (app.secret !== secret) return 40125
  if (grant_type !== 'client_credential') return 40002
  if (refuse !== undefined) return Number(refuse.code)
  return programs.stableToken(appid, force_refresh === true)
}

/** The appid behind the access token of a call, or what is wrong with it. */
function caller({ query, programs }: Call): number | string {
  return missing(query, { access_token: 41001 }) ?? programs.holderOf(query.get('access_token') ?? '')
}

function phoneNumber(call: Call): Outcome {
  const { body, wechat, programs, refuse } = call
  const appid = caller(call)
  if (typeof appid === 'number') return appid
  const { code, openid } = body
  if (typeof code !== 'string' || code === '') return 41008
  const found = programs.phoneCodes.find(code)
  if (found === undefined || found.about.appid !== appid) return 40029
  if (found.state !== 'live') return found.state === 'used' ? 40163 : 40029
  if (openid !== undefined && openid !== wechat.openid(found.about)) return 40003
  if (refuse !== undefined) return Number(refuse.code)
  programs.phoneCodes.use(code)
  return { errcode: 0, errmsg: 'ok', phone_info: programs.phoneInfo(found.about) }
}

function checkSession(call: Call): Outcome {
  const { query, programs, refuse } = call
  const appid = caller(call)
  if (typeof appid === 'number') return appid
  const openid = query.get('openid') ?? ''
  if (openid === '') return 41009
  const sessionKey = programs.sessionKeyOf(appid, openid)
  if (sessionKey === undefined) return 40003
  const isSigned = query.get('signature') === createHmac('sha256', sessionKey).update('').digest('hex')
  if (!isSigned || query.get('sig_method') !== 'hmac_sha256') return 87009
  return refuse === undefined ? { errcode: 0, errmsg: 'ok' } : Number(refuse.code)
}
