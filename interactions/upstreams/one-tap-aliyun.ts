import { z } from 'zod'
import type { HttpClient } from '../../src/base/http.ts'
import { nationalNumber, type PhoneNumber } from '../../src/base/phone.ts'
import { vendorAddress } from '../../src/base/vendor-address.ts'
import { acs3Rpc, areRefusedKeys } from '../../src/sms/aliyun-signature.ts'
import { type CloudKeys, type KeySource, KeysUnavailable } from '../../src/sms/rotating-keys.ts'
import { aliyunKeyOptions, aliyunKeys, checkAliyunKeys, type KeyDeps } from '../../src/sms/vendor-keys.ts'
import { madeUp, required, type UpstreamResponse, upstreamError } from './connector.ts'
import { askOneTap, mainlandNumber, type OneTapCodes, type OneTapVendor, unexpectedShape } from './one-tap-vendor.ts'
import { optional } from './vendor-answers.ts'

/** Settings of Aliyun's phone number verification (PNVS). */
export const aliyunOneTapOptions = z
  .strictObject({
    vendor: z.literal('aliyun').describe('Phone number verification of Aliyun.'),
    ...aliyunKeyOptions,
    endpoint: vendorAddress('https://dypnsapi.aliyuncs.com').describe('Address of the service.'),
  })
  .superRefine(checkAliyunKeys)

interface Dependencies extends KeyDeps {
  readonly http: HttpClient
}

const outcome = z.object({ Code: z.string(), RequestId: optional(z.string()) })
const mobileAnswer = z.object({ GetMobileResultDTO: z.object({ Mobile: z.unknown().optional() }) })
const verifyAnswer = z.object({ GateVerifyResultDTO: z.object({ VerifyResult: z.string() }) })

/** Aliyun's one-tap login and check of a number (dypnsapi 2017-05-25, help.aliyun.com/zh/pnvs, as of 2026-11-20). */
export function aliyunOneTap(options: z.output<typeof aliyunOneTapOptions>, dependencies: Dependencies): OneTapVendor {
  const { http, clock } = dependencies
  const keys = aliyunKeys(options, dependencies)

  async function ask<Schema extends z.ZodType>(
    schema: Schema,
    action: string,
    query: Readonly<Record<string, string>>,
  ): Promise<z.output<Schema>> {
    const signedWith = await current(keys)
    const { url, request } = acs3Rpc({
      endpoint: options.endpoint,
      keys: signedWith,
      action,
      version: '2017-05-25',
      query,
      nowMs: clock(),
    })
    const { status, isGood, content } = await askOneTap(http, url, request)
    const told = outcome.safeParse(content)
    if (!told.success) throw unexpectedShape()
    const { Code: vendorCode, RequestId: requestId } = told.data
    if (vendorCode !== 'OK') {
      if (areRefusedKeys(vendorCode)) keys.drop(signedWith)
      const code = codes.get(vendorCode.replace(/^(isv|biz)\./, '')) ?? 'one_tap.unavailable'
      throw upstreamError(code, { vendorCode, requestId })
    }
    if (!isGood) throw upstreamError('one_tap.unavailable', { vendorCode: status, requestId })
    const parsed = schema.safeParse(content)
    if (!parsed.success) throw unexpectedShape()
    return parsed.data
  }

  async function number(credential: UpstreamResponse): Promise<PhoneNumber> {
    const found = await ask(mobileAnswer, 'GetMobile', { AccessToken: required(credential, 'carrier_token') })
    return mainlandNumber(found.GetMobileResultDTO.Mobile)
  }

  return {
    vendor: 'aliyun',
    number,
    questions: () => [
      {
        about: options.access_key_id ? `access key ${options.access_key_id}` : 'access key',
        ask: () => number({ carrier_token: madeUp() }),
      },
    ],
    async confirm(credential, phone) {
      const query = { AccessCode: required(credential, 'carrier_token'), PhoneNumber: nationalNumber(phone) }
      const { VerifyResult: verdict } = (await ask(verifyAnswer, 'VerifyMobile', query)).GateVerifyResultDTO
      // SECURITY: only PASS is a proof; UNKNOWN means that the carrier cannot tell.
      if (verdict === 'PASS') return
      throw upstreamError(verdict === 'REJECT' ? 'one_tap.other_number' : 'one_tap.failed', { vendorCode: verdict })
    },
  }
}

async function current(keys: KeySource): Promise<CloudKeys> {
  try {
    return await keys.current()
  } catch (thrown) {
    if (!(thrown instanceof KeysUnavailable)) throw thrown
    throw upstreamError('one_tap.unavailable', { vendorCode: 'no_keys', cause: thrown })
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
