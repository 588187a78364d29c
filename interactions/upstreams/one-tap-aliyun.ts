import { z } from 'zod'
import type { Clock } from '../../src/base/clock.ts'
import type { HttpClient } from '../../src/base/http.ts'
import { nationalNumber } from '../../src/base/phone.ts'
import { secret } from '../../src/base/secret.ts'
import { acs3Rpc } from '../../src/sms/aliyun-signature.ts'
import { required, upstreamError } from './connector.ts'
import { askOneTap, mainlandNumber, type OneTapCodes, type OneTapVendor, unexpectedShape } from './one-tap-vendor.ts'

/** Settings of Aliyun's phone number verification (PNVS). */
export const aliyunOneTapOptions = z.strictObject({
  vendor: z.literal('aliyun').describe('Phone number verification of Aliyun.'),
  access_key_id: z.string().min(1).describe('Id of an access key that may call GetMobile and VerifyMobile.'),
  access_key_secret: secret().describe('Secret of that access key.'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .default('https://dypnsapi.aliyuncs.com')
    .describe('Address of the service.'),
})

interface Dependencies {
  readonly http: HttpClient
  readonly clock: Clock
}

const outcome = z.object({ Code: z.string(), RequestId: z.string().optional() })
const mobileAnswer = z.object({ GetMobileResultDTO: z.object({ Mobile: z.unknown().optional() }) })
const verifyAnswer = z.object({ GateVerifyResultDTO: z.object({ VerifyResult: z.string() }) })

/** Aliyun's one-tap login and check of a number (dypnsapi 2017-05-25, help.aliyun.com/zh/pnvs, as of 2026-11-20). */
export function aliyunOneTap(
  options: z.output<typeof aliyunOneTapOptions>,
  { http, clock }: Dependencies,
): OneTapVendor {
  async function ask<Schema extends z.ZodType>(
    schema: Schema,
    action: string,
    query: Readonly<Record<string, string>>,
  ): Promise<z.output<Schema>> {
    const { url, request } = acs3Rpc({
      endpoint: options.endpoint,
      accessKeyId: options.access_key_id,
      accessKeySecret: options.access_key_secret,
      action,
      version: '2017-05-25',
      query,
      nowMs: clock(),
    })
    const { status, json } = await askOneTap(http, url, request)
    const told = outcome.safeParse(json)
    if (!told.success) throw unexpectedShape()
    const { Code: vendorCode, RequestId: requestId } = told.data
    if (vendorCode !== 'OK') {
      const code = codes.get(vendorCode.replace(/^(isv|biz)\./, '')) ?? 'one_tap.unavailable'
      throw upstreamError(code, { vendorCode, requestId })
    }
    if (status !== 200) throw upstreamError('one_tap.unavailable', { vendorCode: status, requestId })
    const parsed = schema.safeParse(json)
    if (!parsed.success) throw unexpectedShape()
    return parsed.data
  }

  return {
    vendor: 'aliyun',
    async number(credential) {
      const found = await ask(mobileAnswer, 'GetMobile', { AccessToken: required(credential, 'carrier_token') })
      return mainlandNumber(found.GetMobileResultDTO.Mobile)
    },
    async confirm(credential, phone) {
      const query = { AccessCode: required(credential, 'carrier_token'), PhoneNumber: nationalNumber(phone) }
      const { VerifyResult: verdict } = (await ask(verifyAnswer, 'VerifyMobile', query)).GateVerifyResultDTO
      // SECURITY: only PASS is a proof; UNKNOWN means that the carrier cannot tell.
      if (verdict === 'PASS') return
      throw upstreamError(verdict === 'REJECT' ? 'one_tap.other_number' : 'one_tap.failed', { vendorCode: verdict })
    },
  }
}

/** The codes are listed without the prefixes `isv.` and `biz.`, because the vendor does not always send these. */
const codes: OneTapCodes = new Map([
  ['TOKEN_INVALID', 'one_tap.expired'],
  ['PARAMETERS_MISMATCH', 'one_tap.other_number'],
  ['TOKEN_UNAUTHORIZED_USED', 'one_tap.failed'],
  ['MOBILE_NUMBER_ILLEGAL', 'one_tap.failed'],
  ['INVALID_PARAMETERS', 'one_tap.failed'],
  ['VERIFY_SCHEME_NOT_EXIST', 'one_tap.unavailable'],
  ['SCENE_QUERY_FAIL', 'one_tap.unavailable'],
  ['PACK_SIGN_CONFLICT', 'one_tap.unavailable'],
  ['BUNDLE_ID_CONFLICT', 'one_tap.unavailable'],
  ['INVALID_APP', 'one_tap.unavailable'],
  ['RAM_PERMISSION_DENY', 'one_tap.unavailable'],
  ['PRODUCT_UNSUBSCRIBE', 'one_tap.unavailable'],
  ['PRODUCT_UN_SUBSCRIPT', 'one_tap.unavailable'],
  ['OUT_OF_SERVICE', 'one_tap.unavailable'],
])
