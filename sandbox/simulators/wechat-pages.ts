import { backToApp, consentPage, decisionOf, refusalPage, topToApp, type VendorLook } from './consent-page.ts'
import type { Answer, ReceivedRequest } from './simulator.ts'
import type { WechatApp, WechatState } from './wechat-state.ts'

/** The paths where WeChat asks for consent. */
export const wechatPages: readonly string[] = ['/connect/qrconnect', '/connect/oauth2/authorize']

const look: VendorLook = { names: { 'zh-CN': '微信', en: 'WeChat' }, color: '#07c160' }

const reasons = {
  appid: { 'zh-CN': 'AppID 参数错误', en: 'The appid is wrong' },
  redirect_uri: {
    'zh-CN': '该链接无法访问：redirect_uri 参数错误',
    en: 'This link cannot be opened: wrong redirect_uri',
  },
  response_type: { 'zh-CN': 'response_type 参数错误', en: 'The response_type is wrong' },
  scope: { 'zh-CN': 'Scope 参数错误或没有 Scope 权限', en: 'The scope is wrong or not granted' },
  state: { 'zh-CN': 'state 参数错误', en: 'The state is wrong' },
  part: { 'zh-CN': '内嵌二维码参数错误', en: 'A parameter of the embedded page is wrong' },
  order: { 'zh-CN': '参数顺序错误', en: 'The parameters are not in the order WeChat wants' },
  wechat_only: { 'zh-CN': '请在微信客户端打开链接', en: 'Open this link in WeChat' },
  form: { 'zh-CN': '请选择一个账号', en: 'Choose an account' },
} as const

interface PageQuery {
  readonly app: WechatApp
  readonly redirectUri: string
  readonly scope: string
  readonly state: string | undefined
  /** How WeChat's own script for other pages asks (`login_type=jssdk`): whom the answer leads on. */
  readonly part?: 'top' | 'itself' | undefined
}

/** The QR page for desktops. After a refusal only the state comes back. */
export function qrconnect(request: ReceivedRequest, wechat: WechatState): Answer {
  const asked = checkQuery(request, wechat, { kind: 'website', scopes: ['snsapi_login'] })
  return typeof asked === 'string' ? refuse(request, asked) : decide(request, wechat, asked)
}

/**
 * Authorization of an official account inside WeChat. `#wechat_redirect` is mandatory too, but no server gets to see a
 * fragment; whoever builds the address must test it there.
 */
export function officialAccount(request: ReceivedRequest, wechat: WechatState): Answer {
  if (!/MicroMessenger/i.test(request.headers['user-agent'] ?? '')) return refuse(request, 'wechat_only')
  const names = [...new URLSearchParams(request.rawQuery).keys()].join(' ')
  const scopes = ['snsapi_base', 'snsapi_userinfo']
  const asked = checkQuery(request, wechat, { kind: 'official_account', scopes })
  if (typeof asked === 'string') return refuse(request, asked)
  if (!orderShape.test(names)) return refuse(request, 'order')
  if (!/^[a-zA-Z0-9]{0,128}$/.test(asked.state ?? '')) return refuse(request, 'state')

  const wantsSnapshot = new URLSearchParams(request.rawQuery).get('forceSnapShot') === 'true'
  const isSnapshot = asked.scope === 'snsapi_userinfo' && (wechat.isSnapshot || wantsSnapshot)
  if (asked.scope === 'snsapi_base' || isSnapshot) return accept(wechat, asked, wechat.signedIn, isSnapshot)
  return decide(request, wechat, asked)
}

const orderShape = /^appid redirect_uri response_type scope( state)?( forcePopup)?( forceSnapShot)?$/

interface Expected {
  readonly kind: WechatApp['kind']
  readonly scopes: readonly string[]
}

function checkQuery(
  { rawQuery }: ReceivedRequest,
  wechat: WechatState,
  { kind, scopes }: Expected,
): PageQuery | keyof typeof reasons {
  const query = new URLSearchParams(rawQuery)
  const app = wechat.apps.get(query.get('appid') ?? '')
  if (app === undefined || app.kind !== kind) return 'appid'
  const redirectUri = query.get('redirect_uri') ?? ''
  if (!isCallback(redirectUri, app)) return 'redirect_uri'
  const part = partOf(query)
  if (part === 'wrong') return 'part'
  // The script sends none.
  if (query.get('response_type') !== 'code' && !(part && query.get('response_type') === null)) return 'response_type'
  const scope = query.get('scope') ?? ''
  if (!scopes.includes(scope)) return 'scope'
  return { app, redirectUri, scope, state: query.get('state') ?? undefined, part }
}

/** What the script may ask for besides: see its table of options. */
function partOf(query: URLSearchParams): PageQuery['part'] | 'wrong' {
  const type = query.get('login_type')
  if (type === null) return undefined
  const redirects = query.get('self_redirect') ?? 'default'
  const style = query.get('style') ?? 'black'
  const href = query.get('href') ?? ''
  const isKnown =
    type === 'jssdk' &&
    ['true', 'false', 'default'].includes(redirects) &&
    ['black', 'white'].includes(style) &&
    /^($|https:|data:text\/css;base64,)/.test(href)
  if (!isKnown) return 'wrong'
  return redirects === 'true' ? 'itself' : 'top'
}

/** The host must be the registered one exactly; sub-domains are other hosts. */
function isCallback(redirectUri: string, { callbackHost }: WechatApp): boolean {
  const url = URL.parse(redirectUri)
  if (url === null || callbackHost === undefined || !/^https?:$/.test(url.protocol)) return false
  return url.host === callbackHost || url.hostname === callbackHost
}

function decide(request: ReceivedRequest, wechat: WechatState, asked: PageQuery): Answer {
  const { app, scope } = asked
  if (request.method !== 'POST') {
    const { people, signedIn } = wechat
    return consentPage(request, {
      look,
      app: app.name ?? app.appid,
      scope,
      people,
      signedIn,
      isQr: app.kind === 'website',
      isPart: asked.part !== undefined,
    })
  }
  const decision = decisionOf(request, wechat.people)
  if (decision === undefined) return refuse(request, 'form')
  if (decision.kind === 'refuse') return leadBack(asked, { state: asked.state })
  return accept(wechat, asked, decision.person, false)
}

function accept(wechat: WechatState, asked: PageQuery, person: string, isSnapshot: boolean): Answer {
  const { app, scope, state } = asked
  const code = wechat.codes.issue(wechat.grant({ person, appid: app.appid, scope, isSnapshot }))
  return leadBack(asked, { code, state })
}

function leadBack({ redirectUri, part }: PageQuery, params: Readonly<Record<string, string | undefined>>): Answer {
  return part === 'top' ? topToApp(redirectUri, params) : backToApp(redirectUri, params)
}

function refuse(request: ReceivedRequest, reason: keyof typeof reasons): Answer {
  return refusalPage(request, { look, code: reason, reason: reasons[reason] })
}
