import { z } from 'zod'
import type { HttpRequest } from '../../src/base/http.ts'
import { type PhoneNumber, parsePhone } from '../../src/base/phone.ts'
import type { Secret } from '../../src/base/secret.ts'
import {
  type ConnectorDependencies,
  type Identification,
  required,
  type UpstreamResponse,
  upstreamError,
} from './connector.ts'
import { type VendorCodes, withQuery } from './upstream-call.ts'
import { askWechat, exchangeCodes, parsed, type WechatAnswer, wechatSubjects } from './wechat-api.ts'

interface MiniProgram {
  /** What its identities are filed under. */
  readonly provider: string
  readonly appid: string
  readonly secret: Secret
  readonly apiUrl: string
  /** Whether a number opens the account it belongs to without a code, if the person says that it is theirs. */
  readonly joinByPhone: boolean
}

// SECURITY: `session_key` is not read, so it goes no further than the answer.
const sessionAnswer = z.object({ openid: z.string().min(1), unionid: z.string().default('') })
const tokenAnswer = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().int().positive() })
const phoneAnswer = z.object({
  phone_info: z.object({
    purePhoneNumber: z.coerce.string().regex(/^\d{4,20}$/),
    countryCode: z.coerce.string().regex(/^\d{1,4}$/),
    watermark: z.object({ timestamp: z.coerce.number(), appid: z.string() }),
  }),
})

/** WeChat hands out the next token five minutes before the old one ends. */
const marginSeconds = 300
const watermarkMs = 300_000

/**
 * Redeems the code of `wx.login`, and the one of a `getPhoneNumber` button where it comes along; a phone code that is
 * refused fails the whole, because both codes are used up. SECURITY: WeChat is told who logs in and refuses the phone
 * code of anybody else; without that, a stolen phone code would tell that its owner's number is the thief's.
 */
export function wechatMiniProgram(
  { provider, appid, secret, apiUrl, joinByPhone }: MiniProgram,
  { http, clock, shared }: ConnectorDependencies,
): (credential: UpstreamResponse) => Promise<Identification> {
  // SECURITY: the token of one server never goes to another.
  const tokenName = `wechat stable_token ${new URL(apiUrl).origin} ${appid}`

  /** The token of the API. The vendor gives the same one to everybody who asks while it is good. */
  async function fetchToken() {
    const request = post({ grant_type: 'client_credential', appid, secret: secret.reveal(), force_refresh: false })
    const answer = await askWechat(http, new URL('/cgi-bin/stable_token', apiUrl), request)
    const { access_token: text, expires_in: seconds } = parsed(tokenAnswer, answer, exchangeCodes)
    return { text, ttlSeconds: Math.max(seconds - marginSeconds, 1) }
  }

  /** A call with that token, once more with a fresh one where the vendor no longer takes the kept one. */
  async function askWithToken(path: string, body: Readonly<Record<string, unknown>>): Promise<WechatAnswer> {
    const ask = (token: string) => askWechat(http, withQuery(path, apiUrl, { access_token: token }), post(body))
    const token = await shared.get(tokenName, fetchToken)
    const answer = await ask(token)
    if (!tokenEnded.has(answer.errcode)) return answer
    await shared.forget(tokenName, token)
    return ask(await shared.get(tokenName, fetchToken))
  }

  async function phoneOf(code: string, openid: string): Promise<PhoneNumber> {
    const answer = await askWithToken('/wxa/business/getuserphonenumber', { code, openid })
    const { purePhoneNumber, countryCode, watermark } = parsed(phoneAnswer, answer, phoneCodes).phone_info
    // SECURITY: a number told to another app, or long ago, is not this person's proof.
    if (watermark.appid !== appid) throw upstreamError('upstream.refused', { vendorCode: 'watermark_appid' })
    if (!(Math.abs(clock() - watermark.timestamp * 1000) <= watermarkMs)) {
      throw upstreamError('upstream.code_invalid', { vendorCode: 'watermark_timestamp' })
    }
    try {
      return parsePhone(purePhoneNumber, countryCode)
    } catch {
      throw upstreamError('upstream.refused', { vendorCode: 'phone_number' })
    }
  }

  return async (credential) => {
    const jsCode = required(credential, 'upstream_code')
    const query = { appid, secret: secret.reveal(), js_code: jsCode, grant_type: 'authorization_code' }
    const answer = await askWechat(http, withQuery('/sns/jscode2session', apiUrl, query))
    const { openid, unionid } = parsed(sessionAnswer, answer, exchangeCodes)
    const phone = credential['phone_code'] ? await phoneOf(credential['phone_code'], openid) : undefined
    return {
      identity: { provider, subjects: wechatSubjects(appid, openid, unionid), profile: {} },
      ...(phone === undefined ? {} : { phone, isPhoneDated: !joinByPhone }),
    }
  }
}

function post(body: Readonly<Record<string, unknown>>): HttpRequest {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

const tokenEnded: ReadonlySet<string> = new Set(['40001', '40014', '42001'])

// The first: a phone code of somebody else. The second comes after a fresh token, and speaks of WeChat.
const phoneCodes: VendorCodes = new Map([
  ...exchangeCodes,
  ['40003', 'upstream.code_invalid'],
  ['42001', 'upstream.busy'],
])
