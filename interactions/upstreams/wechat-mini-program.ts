import { z } from 'zod'
import { AppError } from '../../src/base/errors.ts'
import { type PhoneNumber, parsePhone } from '../../src/base/phone.ts'
import type { Secret } from '../../src/base/secret.ts'
import { addressBelow } from '../../src/base/vendor-address.ts'
import {
  type ConnectorDependencies,
  type Identification,
  required,
  type UpstreamResponse,
  upstreamError,
} from './connector.ts'
import { serverOf } from './namespaces.ts'
import type { VendorCodes } from './upstream-call.ts'
import { optional, secondsText, subject } from './vendor-answers.ts'
import { askWechat, exchangeCodes, parsed, type WechatAnswer, wechatSubjects } from './wechat-api.ts'
import { post, stableToken } from './wechat-stable-token.ts'

interface MiniProgram {
  /** The name that its identities are stored under. */
  readonly provider: string
  readonly appid: string
  readonly secret: Secret
  readonly apiUrl: string
  /** Whether a number opens the account it belongs to without a code, if the person says that the account is theirs. */
  readonly joinByPhone: boolean
}

// SECURITY: `session_key` is not read, so nothing behind this point can get it.
const sessionAnswer = z.object({ openid: subject, unionid: optional(subject) })
const phoneAnswer = z.object({
  phone_info: z.object({
    purePhoneNumber: z.string().regex(/^\d{4,20}$/),
    countryCode: z.string().regex(/^\d{1,4}$/),
    watermark: z.object({ timestamp: secondsText, appid: z.string() }),
  }),
})

const watermarkMs = 300_000

/**
 * Redeems the code of `wx.login`, and the code of a `getPhoneNumber` button if that comes too. If the phone code is no
 * good, the whole login fails, because both codes are used up; if WeChat cannot tell the number now, whoever is known
 * does without. SECURITY: we tell WeChat who logs in, and WeChat
 * refuses the phone code of anybody else. Without that, a thief could bring a stolen phone code, and we would believe
 * that the owner's number is the thief's.
 */
export function wechatMiniProgram(
  { provider, appid, secret, apiUrl, joinByPhone }: MiniProgram,
  { http, clock, shared }: ConnectorDependencies,
): (credential: UpstreamResponse) => Promise<Identification> {
  // SECURITY: the name contains the server, so the token of one server never goes to another.
  const tokenName = `wechat stable_token ${new URL(apiUrl).protocol}//${serverOf(apiUrl)} ${appid}`

  const fetchToken = () => stableToken({ appid, secret }, apiUrl, http)

  /** Makes a call with that token. If the vendor no longer accepts it, makes the call once more with a fresh token. */
  async function askWithToken(path: string, body: Readonly<Record<string, unknown>>): Promise<WechatAnswer> {
    const ask = (token: string) => askWechat(http, addressBelow(apiUrl, path, { access_token: token }), post(body))
    const token = await shared.get(tokenName, fetchToken)
    const answer = await ask(token)
    if (!tokenEnded.has(answer.errcode ?? '')) return answer
    await shared.forget(tokenName, token)
    return ask(await shared.get(tokenName, fetchToken))
  }

  /**
   * The number that a phone code stands for; the error, if WeChat cannot tell it now. Throws if the code is no good, or
   * if what it stands for proves nothing.
   */
  async function phoneOf(code: string, openid: string): Promise<PhoneNumber | AppError> {
    const info = await phoneInfo(code, openid).catch((error: unknown) => {
      if (error instanceof AppError && error.code !== 'upstream.code_invalid') return error
      throw error
    })
    if (info instanceof AppError) return info
    const { purePhoneNumber, countryCode, watermark } = info
    // SECURITY: a number that was given to another app, or long ago, does not prove that it is this person's number
    // now.
    if (watermark.appid !== appid) throw upstreamError('upstream.refused', { vendorCode: 'watermark_appid' })
    if (!(Math.abs(clock() - watermark.timestamp * 1000) <= watermarkMs)) {
      throw upstreamError('upstream.code_invalid', { vendorCode: 'watermark_timestamp' })
    }
    try {
      return parsePhone(purePhoneNumber, countryCode)
    } catch {
      return upstreamError('upstream.refused', { vendorCode: 'phone_number' })
    }
  }

  async function phoneInfo(code: string, openid: string) {
    const answer = await askWithToken('/wxa/business/getuserphonenumber', { code, openid })
    return parsed(phoneAnswer, answer, phoneCodes).phone_info
  }

  return async (credential) => {
    const jsCode = required(credential, 'upstream_code')
    const query = { appid, secret: secret.reveal(), js_code: jsCode, grant_type: 'authorization_code' }
    const answer = await askWechat(http, addressBelow(apiUrl, '/sns/jscode2session', query))
    const { openid, unionid } = parsed(sessionAnswer, answer, exchangeCodes)
    const identity = { provider, subjects: wechatSubjects(appid, openid, unionid), profile: {} }
    const phone = credential['phone_code'] ? await phoneOf(credential['phone_code'], openid) : undefined
    if (phone === undefined) return { identity }
    // The number leads to the account of somebody whose WeChat has none.
    return phone instanceof AppError ? { identity, ifUnknown: phone } : { identity, phone, isPhoneDated: !joinByPhone }
  }
}

const tokenEnded: ReadonlySet<string> = new Set(['40001', '40014', '42001'])

// The first means that the phone code belongs to somebody else. The second comes although the token is fresh, so the
// trouble is at WeChat.
const phoneCodes: VendorCodes = new Map([
  ...exchangeCodes,
  ['40003', 'upstream.code_invalid'],
  ['42001', 'upstream.busy'],
])
