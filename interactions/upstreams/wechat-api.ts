import { z } from 'zod'
import type { HttpClient, HttpRequest } from '../../src/base/http.ts'
import { parseAnswer, parseJson, upstreamError } from './connector.ts'
import { call, type VendorCodes } from './upstream-call.ts'

const outcome = z.object({ errcode: z.coerce.string().default('0'), errmsg: z.string().catch('') })

/** An answer of WeChat before its `errcode` is judged; `0` is success. */
export interface WechatAnswer {
  readonly errcode: string
  readonly requestId: string | undefined
  readonly addressSeen: string | undefined
  readonly json: unknown
}

/**
 * Makes one call. WeChat answers failures with status 200 and an `errcode`. SECURITY: the vendor demands a secret or a
 * token in the address; the errors of our HTTP client never contain a query.
 */
export async function askWechat(http: HttpClient, url: URL, request?: HttpRequest): Promise<WechatAnswer> {
  const { status, text } = await call(http, url, request)
  const json = parseJson(text)
  const { errcode, errmsg } = parseAnswer(outcome, json)
  if (errcode === '0' && status !== 200) throw upstreamError('upstream.refused', { vendorCode: status })
  const requestId = /\brid: ?([\w-]+)/.exec(errmsg)?.[1]
  // `invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist`
  const addressSeen = /\bip:? ?([\da-f.:]+)/i.exec(errmsg)?.[1]
  return { errcode, requestId, addressSeen, json }
}

/** The content of a good answer. Throws the error that its `errcode` stands for. */
export function parsed<Schema extends z.ZodType>(
  schema: Schema,
  { errcode, requestId, addressSeen, json }: WechatAnswer,
  codes: VendorCodes,
): z.output<Schema> {
  if (errcode === '0') return parseAnswer(schema, json)
  throw upstreamError(codes.get(errcode) ?? 'upstream.refused', { vendorCode: errcode, requestId, addressSeen })
}

/**
 * The subjects of a person: the unionid first, if WeChat tells it. It says that it is a unionid, and the openid stays
 * beside it. If we only replaced one by the other, the person would get a second account once the unionid is known.
 */
export function wechatSubjects(appid: string, openid: string, unionid?: string): readonly [string, ...string[]] {
  const alias = `openid:${appid}:${openid}`
  return unionid ? [`unionid:${unionid}`, alias] : [alias]
}

/** The scope of the token does not allow this call: it is `snsapi_base`, or the app's account is not verified. */
export const apiUnauthorized = '48001'

/** Our codes for the codes of calls that are made with a person's token. */
export const userCodes: VendorCodes = new Map([
  ['-1', 'upstream.busy'],
  ['45009', 'upstream.busy'],
  ['45011', 'upstream.busy'],
  ['40001', 'upstream.code_invalid'],
  ['40014', 'upstream.code_invalid'],
  ['40029', 'upstream.code_invalid'],
  ['40163', 'upstream.code_invalid'],
  ['42001', 'upstream.code_invalid'],
  ['42003', 'upstream.code_invalid'],
  ['42007', 'upstream.code_invalid'],
  ['40013', 'upstream.misconfigured'],
  ['40125', 'upstream.misconfigured'],
  ['40164', 'upstream.misconfigured'],
  ['45035', 'upstream.misconfigured'],
  [apiUnauthorized, 'upstream.misconfigured'],
  ['40226', 'upstream.account_restricted'],
  ['50001', 'upstream.account_restricted'],
  ['50002', 'upstream.account_restricted'],
])

/**
 * The same for calls that are made with the app secret. There is no person's token yet, so these two codes mean that
 * the secret is wrong.
 */
export const exchangeCodes: VendorCodes = new Map([
  ...userCodes,
  ['40001', 'upstream.misconfigured'],
  ['40014', 'upstream.misconfigured'],
])
