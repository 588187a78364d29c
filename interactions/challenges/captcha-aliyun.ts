import { z } from 'zod'
import { addressOfVendor } from '../../src/base/vendor-address.ts'
import { acs3Rpc, areRefusedKeys } from '../../src/sms/aliyun-signature.ts'
import { aliyunKeyOptions, aliyunKeys, checkAliyunKeys } from '../../src/sms/vendor-keys.ts'
import { keysFrom } from '../upstreams/cloud-keys.ts'
import { upstreamError } from '../upstreams/connector.ts'
import { ask, type VendorCodes } from '../upstreams/upstream-call.ts'
import { optional } from '../upstreams/vendor-answers.ts'
import { type CaptchaDependencies, type CaptchaVendor, type Judged, pageOf, pageOptions } from './captcha-vendor.ts'

const endpoints = {
  cn: 'https://captcha.cn-shanghai.aliyuncs.com',
  sgp: 'https://captcha.ap-southeast-1.aliyuncs.com',
} as const

/** Settings of Aliyun's captcha 2.0. */
export const aliyunCaptchaOptions = z
  .strictObject({
    vendor: z.literal('aliyun').describe('Captcha 2.0 (验证码 2.0) of Aliyun.'),
    ...aliyunKeyOptions,
    scene_id: z.string().min(1).max(64).describe('Id of the scene (场景 ID).'),
    prefix: z.string().min(1).max(64).describe('Prefix of the account (身份标), for the script.'),
    region: z
      .enum(['cn', 'sgp'])
      .default('cn')
      .describe('Where script and server ask: `cn`, or `sgp` for an account of Alibaba Cloud International.'),
    endpoint: addressOfVendor(endpoints.cn)
      .optional()
      .describe('Address of the service, instead of the usual one of the region.'),
    ...pageOptions('https://o.alicdn.com/captcha-frontend/aliyunCaptcha/AliyunCaptcha.js'),
  })
  .superRefine(checkAliyunKeys)

/** The settings of Aliyun's captcha, after they were checked. */
export type AliyunCaptchaOptions = z.output<typeof aliyunCaptchaOptions>

const answer = z.object({
  Code: optional(z.string()),
  RequestId: optional(z.string()),
  // SECURITY: a text that says true is no yes.
  Result: optional(z.object({ VerifyResult: z.boolean(), VerifyCode: optional(z.string()) })),
})

/** The scene is set to let everybody through, or nobody: that is for trying it out. */
const testModes = ['T005', 'F004']

/** Aliyun's captcha 2.0 (VerifyIntelligentCaptcha, version 2023-03-05, help.aliyun.com/zh/captcha). */
export function aliyunCaptcha(options: AliyunCaptchaOptions, dependencies: CaptchaDependencies): CaptchaVendor {
  const { http, clock } = dependencies
  const { scene_id, prefix, region } = options
  const keys = aliyunKeys(options, dependencies)

  async function judge(param: string): Promise<Judged> {
    const signedWith = await keysFrom(keys)
    const call = { action: 'VerifyIntelligentCaptcha', version: '2023-03-05', nowMs: clock() }
    const form = { CaptchaVerifyParam: param, SceneId: scene_id }
    const endpoint = options.endpoint ?? endpoints[region]
    const { url, request } = acs3Rpc({ ...call, endpoint, keys: signedWith, form })
    const { isGood, status, content } = await ask(http, url, request)
    const told = answer.safeParse(content)
    const { Code, RequestId: requestId, Result } = told.data ?? {}
    if (isGood && Result) {
      const { VerifyResult, VerifyCode: vendorCode = 'no_code' } = Result
      if (testModes.includes(vendorCode)) throw upstreamError('upstream.misconfigured', { vendorCode, requestId })
      const isHuman = VerifyResult && !vendorCode.startsWith('F')
      return { verdict: isHuman ? 'human' : 'refused', vendorCode }
    }
    // The account may do with a text of somebody else's what it likes; it says nothing about us.
    if (Code === 'InvalidParameter' || Code === 'MissingParameter') return { verdict: 'refused', vendorCode: Code }
    if (Code !== undefined && areRefusedKeys(Code)) keys.drop(signedWith)
    const word = Code === undefined || Code === 'Success' ? 'no_result' : Code
    const vendorCode = isGood || Code ? word : status
    throw upstreamError(codes.get(word) ?? 'upstream.refused', { vendorCode, requestId })
  }

  return {
    vendor: 'aliyun',
    fields: ['captcha_verify_param'],
    widget: { scene_id, prefix, region },
    page: pageOf(options, ['o.alicdn.com', '*.alicdn.com', '*.aliyuncs.com']),
    judge: ({ fields }) => judge(fields['captcha_verify_param'] ?? ''),
    shows: 'the access key is right',
    unseen: [
      `the scene ${scene_id} is there, is not in test mode, and lets the host of this server through`,
      `the prefix is ${prefix}, and the account is of the region ${region}`,
      'RAM: the key may call VerifyIntelligentCaptcha (AliyunYundunAFSFullAccess)',
    ],
  }
}

const codes: VendorCodes = new Map([
  ['Forbidden.AccountAccessDenied', 'upstream.misconfigured'],
  ['SignatureDoesNotMatch', 'upstream.misconfigured'],
  ['IncompleteSignature', 'upstream.misconfigured'],
  ['InvalidAccessKeyId.NotFound', 'upstream.misconfigured'],
  ['InvalidAccessKeyId.Inactive', 'upstream.misconfigured'],
  ['InvalidSecurityToken.Expired', 'upstream.misconfigured'],
  ['InvalidTimeStamp.Expired', 'upstream.misconfigured'],
  ['MissingSecurityToken', 'upstream.misconfigured'],
  ['NoPermission', 'upstream.misconfigured'],
  ['Forbidden.RAM', 'upstream.misconfigured'],
  ['Throttling', 'upstream.busy'],
  ['Throttling.User', 'upstream.busy'],
  ['InternalError', 'upstream.busy'],
  ['ServiceUnavailable', 'upstream.busy'],
])
