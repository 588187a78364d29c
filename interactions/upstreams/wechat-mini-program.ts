import { z } from 'zod'
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
const sessionAnswer = z.object({ openid: z.string().min(1), unionid: z.string().default('') })
const phoneAnswer = z.object({
  phone_info: z.object({
    purePhoneNumber: z.coerce.string().regex(/^\d{4,20}$/),
    countryCode: z.coerce.string().regex(/^\d{1,4}$/),
    watermark: z.object({ timestamp: z.coerce.number(), appid: z.string() }),
  }),
})

const watermarkMs = 300_000

/**
 * Redeems the code of `wx.login`, and the code of a `getPhoneNumber` button if that comes too. If the phone code is
 * refused, the whole login fails, because both codes are used up. SECURITY: we tell WeChat who logs in, and WeChat
 * refuses the phone code of anybody else. Without that, a thief could bring a stolen phone code, and we would believe
 * that the owner's number is the thief's.
 */
export function wechatMiniProgram(
  { provider, appid, secret, apiUrl, joinByPhone }: MiniProgram,
  { http, clock, shared }: ConnectorDependencies,
): (credential: UpstreamResponse) => Promise<Identification> {
  // SECURITY: the name contains the server, so the token of one server never goes to another.
  const tokenName = `wechat stable_token ${new URL(apiUrl).origin} ${appid}`

  const fetchToken = () => stableToken({ appid, secret }, apiUrl, http)

  /** Makes a call with that token. If the vendor no longer accepts it, makes the call once more with a fresh token. */
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
    // SECURITY: a number that was given to another app, or long ago, does not prove that it is this person's number
    // now.
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

const tokenEnded: ReadonlySet<string> = new Set(['40001', '40014', '42001'])

// The first means that the phone code belongs to somebody else. The second comes although the token is fresh, so the
// trouble is at WeChat.
const phoneCodes: VendorCodes = new Map([
  ...exchangeCodes,
  ['40003', 'upstream.code_invalid'],
  ['42001', 'upstream.busy'],
])
