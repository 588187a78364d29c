import type { Answer, Fault, ReceivedRequest } from './simulator.ts'
import type { WeiboState, WeiboToken } from './weibo-state.ts'

type Refusal = Extract<Fault, { kind: 'refuse' }>

interface Call {
  readonly params: URLSearchParams
  readonly weibo: WeiboState
  /** This fault is taken when nothing is wrong with the call, before anything is used up. */
  readonly refuse: Refusal | undefined
}

/** The code of the first thing wrong, or the text of a JSON body. */
type Outcome = number | string

const oauthErrors: Readonly<Record<number, string>> = {
  21322: 'redirect_uri_mismatch',
  21323: 'invalid_request',
  21324: 'invalid_client',
  21325: 'invalid_grant',
  21326: 'unauthorized_client',
  21328: 'unsupported_grant_type',
  21330: 'access_denied',
  21331: 'temporarily_unavailable',
}

const apiErrors: Readonly<Record<number, { readonly status: number; readonly error: string }>> = {
  10006: { status: 400, error: 'source paramter(appkey) is missing' },
  10016: { status: 400, error: 'miss required parameter (uid)' },
  20003: { status: 400, error: 'user does not exists' },
  21321: { status: 403, error: 'applications over the unaudited use restrictions' },
  21327: { status: 403, error: 'expired_token' },
  21332: { status: 403, error: 'invalid_access_token' },
}

const endpoints: Readonly<Record<string, (call: Call) => Outcome>> = {
  'POST /oauth2/access_token': exchange,
  'POST /oauth2/get_token_info': tokenInfo,
  'GET /oauth2/revokeoauth2': revoke,
  'POST /oauth2/revokeoauth2': revoke,
  'GET /2/account/get_uid.json': getUid,
  'GET /2/users/show.json': show,
}

/** The JSON interface of api.weibo.com. What goes by POST is read from a form in the body alone. */
export function weiboApi(request: ReceivedRequest, weibo: WeiboState, refuse: Refusal | undefined): Answer | undefined {
  const isExchange = request.path === '/oauth2/access_token'
  const name = `${request.method} ${request.path}`
  const endpoint = Object.hasOwn(endpoints, name) ? endpoints[name] : undefined
  const isWrongMethod = endpoint === undefined && Object.hasOwn(endpoints, `POST ${request.path}`)
  if (endpoint === undefined && !isWrongMethod) return undefined

  const params = new URLSearchParams(request.method === 'GET' ? request.rawQuery : formBody(request))
  const outcome = endpoint?.({ params, weibo, refuse }) ?? 21323
  if (typeof outcome === 'string') return { status: 200, body: outcome }
  const fromFault = refuse !== undefined && Number(refuse.code) === outcome ? refuse.message : undefined
  const oauthError = oauthErrors[outcome]
  if (isExchange || isWrongMethod) {
    const error_description = fromFault ?? `refused: ${outcome}`
    return { status: 400, body: { error: oauthError ?? 'refused', error_code: outcome, error_description } }
  }
  const { status, error } = apiErrors[outcome] ?? { status: 400, error: oauthError ?? 'refused' }
  return { status, body: { error: fromFault ?? error, error_code: outcome, request: request.path } }
}

function formBody({ headers, body }: ReceivedRequest): string {
  return /^application\/x-www-form-urlencoded\s*(;|$)/i.test(headers['content-type'] ?? '') ? body : ''
}

function exchange({ params, weibo, refuse }: Call): Outcome {
  const given = (name: string) => params.get(name) ?? ''
  const isMissing = (...names: readonly string[]) => names.some((name) => given(name) === '')
  if (isMissing('client_id', 'client_secret', 'grant_type')) return 21323
  const app = weibo.apps.get(given('client_id'))
  if (app === undefined || app.appSecret !== given('client_secret')) return 21324
  if (given('grant_type') !== 'authorization_code') return 21328
  if (isMissing('code', 'redirect_uri')) return 21323

  const found = weibo.codes.find(given('code'))
  if (found === undefined || found.about.appKey !== app.appKey || found.state !== 'live') return 21325
  if (given('redirect_uri') !== found.about.redirectUri) return 21322
  if (refuse !== undefined) return Number(refuse.code)
  weibo.codes.use(given('code'))
  return JSON.stringify(weibo.issueToken(found.about))
}

/** Tells about a token of any app; one past its time is told by an `expire_in` that is not positive. */
function tokenInfo({ params, weibo, refuse }: Call): Outcome {
  const accessToken = params.get('access_token') ?? ''
  if (accessToken === '') return 10006
  const found = weibo.findToken(accessToken)
  if (found === undefined || found.state === 'used') return 21332
  if (refuse !== undefined) return Number(refuse.code)
  const { person, appKey, scope, createdAt } = found.about
  const written = (id: string) => (weibo.idsAs === 'number' ? id : `"${id}"`)
  const rest = { scope, create_at: createdAt, expire_in: found.secondsLeft }
  return withNumbers({ uid: written(weibo.uid(person)), appkey: written(appKey) }, rest)
}

/** A JSON body that begins with members whose values are JSON already, because a double cannot hold every id. */
function withNumbers(raw: Readonly<Record<string, string>>, rest: object): string {
  const members = Object.entries(raw).map(([name, value]) => `"${name}":${value}`)
  return `{${members.join(',')},${JSON.stringify(rest).slice(1)}`
}

function holder({ params, weibo }: Call): number | WeiboToken {
  const accessToken = params.get('access_token') ?? ''
  if (accessToken === '') return 10006
  const found = weibo.findToken(accessToken)
  if (found === undefined || found.state === 'used') return 21332
  if (found.state === 'expired') return 21327
  const { appKey, person } = found.about
  return weibo.app(appKey).testers?.includes(person) === false ? 21321 : found.about
}

function revoke(call: Call): Outcome {
  const token = holder(call)
  if (typeof token === 'number') return token
  if (call.refuse !== undefined) return Number(call.refuse.code)
  call.weibo.revoke(call.params.get('access_token') ?? '')
  return '{"result":"true"}'
}

function getUid(call: Call): Outcome {
  const token = holder(call)
  if (typeof token === 'number') return token
  return call.refuse === undefined ? `{"uid":${call.weibo.uid(token.person)}}` : Number(call.refuse.code)
}

/** Anybody's profile for anybody's token: the uid to ask for must come from the token's own answer. */
function show(call: Call): Outcome {
  const token = holder(call)
  if (typeof token === 'number') return token
  const uid = call.params.get('uid') ?? ''
  if (uid === '') return 10016
  const person = call.weibo.personOfUid(uid)
  if (person === undefined) return 20003
  if (call.refuse !== undefined) return Number(call.refuse.code)
  const { name, avatar = '' } = person
  const rest = {
    idstr: uid,
    screen_name: name,
    name,
    location: '北京',
    description: '',
    profile_image_url: avatar,
    avatar_large: avatar,
    avatar_hd: avatar,
    gender: 'n',
    verified: false,
  }
  return withNumbers({ id: uid }, rest)
}
