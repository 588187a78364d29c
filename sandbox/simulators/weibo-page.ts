import { backToApp, consentPage, decisionOf, refusalPage, type VendorLook } from './consent-page.ts'
import type { Answer, ReceivedRequest } from './simulator.ts'
import type { WeiboState } from './weibo-state.ts'

/** The paths where Weibo asks for consent. */
export const weiboPages: readonly string[] = ['/oauth2/authorize']

const look: VendorLook = { names: { 'zh-CN': '微博', en: 'Weibo' }, color: '#e6162d' }

const reasons = {
  21322: { 'zh-CN': '重定向地址不匹配', en: 'redirect_uri_mismatch' },
  21324: { 'zh-CN': 'client_id 参数无效', en: 'invalid_client' },
  form: { 'zh-CN': '请选择一个账号', en: 'Choose an account' },
} as const

/** Errors go back in the query of the address, once app and address are known to belong together. */
export function weiboAuthorize(request: ReceivedRequest, weibo: WeiboState): Answer {
  const query = new URLSearchParams(request.rawQuery)
  const stay = (code: keyof typeof reasons) => refusalPage(request, { look, code: String(code), reason: reasons[code] })
  const app = weibo.apps.get(query.get('client_id') ?? '')
  if (app === undefined) return stay(21324)
  const redirectUri = query.get('redirect_uri') ?? ''
  if (app.redirectUris?.includes(redirectUri) !== true) return stay(21322)

  const state = query.get('state') ?? undefined
  const fail = (error: string, code: number, description: string) =>
    backToApp(redirectUri, { error, error_code: String(code), error_description: description, state })
  const responseType = query.get('response_type') ?? ''
  if (responseType === '') return fail('invalid_request', 21323, 'response_type is missing')
  if (responseType !== 'code') return fail('unsupported_response_type', 21329, 'response_type must be code')

  const scope = query.get('scope') ?? ''
  const { people } = weibo
  if (request.method !== 'POST') return consentPage(request, { look, app: app.name ?? app.appKey, scope, people })
  const decision = decisionOf(request, people)
  if (decision === undefined) return stay('form')
  if (decision.kind === 'refuse') return fail('access_denied', 21330, 'user denied your request.')
  const code = weibo.codes.issue({ appKey: app.appKey, person: decision.person, scope, redirectUri })
  return backToApp(redirectUri, { code, state })
}
