import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { HttpClient, HttpRequest } from '../../src/base/http.ts'
import { upstreamError } from './connector.ts'
import { ask, requireGood, type VendorCodes } from './upstream-call.ts'
import { failure, parseAnswer, shown } from './vendor-answers.ts'

const outcome = z.object({ errcode: failure, errmsg: shown })

/** An answer of WeChat before its `errcode` is judged; a good one has none. */
export interface WechatAnswer {
  readonly errcode: string | undefined
  readonly requestId: string | undefined
  readonly addressSeen: string | undefined
  readonly content: unknown
}

/** WeChat's system is busy, and asks us to try again later. */
const systemBusy = '-1'
const pausesMs = [300, 1000]
const totalMs = 10_000

/**
 * Makes one call. WeChat answers failures with status 200 and an `errcode`. A call is made again, twice at most and
 * within ten seconds, only if WeChat says that it did nothing because it is busy. SECURITY: the vendor demands a secret
 * or a token in the address; the errors of our HTTP client never contain a query.
 */
export async function askWechat(http: HttpClient, url: URL, request: HttpRequest = {}): Promise<WechatAnswer> {
  const signal = AbortSignal.timeout(totalMs)
  const first = await askOnce(http, url, { ...request, signal })
  let answer = first
  for (const pauseMs of pausesMs) {
    if (answer.errcode !== systemBusy) break
    await delay(pauseMs)
    answer = await askOnce(http, url, { ...request, signal })
  }
  // WeChat may have used up the code when it said that it was busy: then the code was good, and WeChat was not.
  return first.errcode === systemBusy && endedCodes.has(answer.errcode ?? '') ? first : answer
}

async function askOnce(http: HttpClient, url: URL, request: HttpRequest): Promise<WechatAnswer> {
  const reply = await ask(http, url, request)
  const { errcode, errmsg } = parseAnswer(outcome, reply.content)
  if (errcode === undefined) requireGood(reply)
  const requestId = /\brid: ?([\w-]+)/.exec(errmsg)?.[1]
  // `invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist`
  const addressSeen = /\bip:? ?([\da-f.:]+)/i.exec(errmsg)?.[1]
  return { errcode, requestId, addressSeen, content: reply.content }
}

/** The content of a good answer. Throws the error that its `errcode` stands for. */
export function parsed<Schema extends z.ZodType>(
  schema: Schema,
  { errcode, requestId, addressSeen, content }: WechatAnswer,
  codes: VendorCodes,
): z.output<Schema> {
  if (errcode === undefined) return parseAnswer(schema, content)
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

/** What WeChat says of a code that it has accepted before, or that is over. */
const endedCodes: ReadonlySet<string> = new Set(['40029', '40163', '42003'])

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
  ['40002', 'upstream.misconfigured'],
  ['40013', 'upstream.misconfigured'],
  ['40125', 'upstream.misconfigured'],
  ['40164', 'upstream.misconfigured'],
  ['41002', 'upstream.misconfigured'],
  ['41004', 'upstream.misconfigured'],
  ['45035', 'upstream.misconfigured'],
  // The address of this server waits until an administrator of the account has confirmed it.
  ['89503', 'upstream.misconfigured'],
  ['89506', 'upstream.misconfigured'],
  ['89507', 'upstream.misconfigured'],
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
