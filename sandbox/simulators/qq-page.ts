import { backToApp, consentPage, decisionOf, refusalPage, type VendorLook } from './consent-page.ts'
import type { QqState } from './qq-state.ts'
import type { Answer, ReceivedRequest } from './simulator.ts'

/** The paths where QQ asks for consent. */
export const qqPages: readonly string[] = ['/oauth2.0/authorize']

const look: VendorLook = { names: { 'zh-CN': 'QQ', en: 'QQ' }, color: '#12b7f5' }

const reasons = {
  100000: { 'zh-CN': 'response_type 参数缺失或错误', en: 'The response_type is missing or wrong' },
  100001: { 'zh-CN': 'client_id 参数缺失', en: 'The client_id is missing' },
  100008: { 'zh-CN': '该 appid 不存在', en: 'There is no such appid' },
  100010: { 'zh-CN': '回调地址不合法', en: 'The redirect_uri is not registered' },
  100011: { 'zh-CN': '应用未上线', en: 'The app is not online' },
  100031: { 'zh-CN': '应用没有此接口的权限', en: 'The app lacks this interface' },
  state: { 'zh-CN': 'state 参数缺失', en: 'The state is missing' },
  form: { 'zh-CN': '请选择一个账号', en: 'Choose an account' },
} as const

/**
 * If the request is wrong, the page shows a number. A person who refuses goes back with the state and `usercancel=1`.
 */
export function qqAuthorize(request: ReceivedRequest, qq: QqState): Answer {
  const query = new URLSearchParams(request.rawQuery)
  const refuse = (code: keyof typeof reasons) =>
    refusalPage(request, { look, code: String(code), reason: reasons[code] })
  const appid = query.get('client_id') ?? ''
  if (appid === '') return refuse(100001)
  const app = qq.apps.get(appid)
  if (app === undefined) return refuse(100008)
  const redirectUri = query.get('redirect_uri') ?? ''
  if (app.redirectUris?.includes(redirectUri) !== true) return refuse(100010)
  if (query.get('response_type') !== 'code') return refuse(100000)
  if (app.isOnline === false) return refuse(100011)
  const scope = query.get('scope') || 'get_user_info'
  if (scope.split(',').some((each) => each !== 'get_user_info')) return refuse(100031)
  const state = query.get('state') ?? ''
  if (state === '') return refuse('state')

  const { people } = qq
  if (request.method !== 'POST') return consentPage(request, { look, app: app.name ?? appid, scope, people })
  const decision = decisionOf(request, people)
  if (decision === undefined) return refuse('form')
  if (decision.kind === 'refuse') return backToApp(redirectUri, { usercancel: '1', state })
  return backToApp(redirectUri, { code: qq.codes.issue({ appid, person: decision.person, scope, redirectUri }), state })
}
