import { z } from 'zod'
import { type Clock, epochSeconds } from '../../src/base/clock.ts'
import { secret } from '../../src/base/secret.ts'
import { addressOfVendor } from '../../src/base/vendor-address.ts'
import { areRefusedIds, tc3Call } from '../../src/sms/tencent-signature.ts'
import { checkTencentKeys, tencentKeyOptions, tencentKeys } from '../../src/sms/vendor-keys.ts'
import { keysFrom } from '../upstreams/cloud-keys.ts'
import { upstreamError } from '../upstreams/connector.ts'
import { ask, requireGood } from '../upstreams/upstream-call.ts'
import { optional, parseAnswer } from '../upstreams/vendor-answers.ts'
import {
  type CaptchaDependencies,
  type CaptchaVendor,
  type Judged,
  pageOf,
  pageOptions,
  type Solution,
} from './captcha-vendor.ts'

const sites = {
  china: {
    endpoint: 'https://captcha.tencentcloudapi.com',
    script: 'https://turing.captcha.qcloud.com/TJCaptcha.js',
  },
  international: {
    endpoint: 'https://captcha.intl.tencentcloudapi.com',
    script: 'https://ca.turing.captcha.qcloud.com/TJNCaptcha-global.js',
  },
} as const

const { script_url, ...others } = pageOptions(sites.china.script)

/** Settings of Tencent's captcha (天御). */
export const tencentCaptchaOptions = z
  .strictObject({
    vendor: z.literal('tencent').describe('Captcha (天御验证码) of Tencent Cloud.'),
    ...tencentKeyOptions,
    app_id: z.int().min(1).describe('CaptchaAppId of the captcha.'),
    app_secret_key: secret().describe('AppSecretKey of the captcha.'),
    site: z
      .enum(['china', 'international'])
      .default('china')
      .describe('Of which site the account is; each has its own script and its own address.'),
    endpoint: addressOfVendor(sites.china.endpoint)
      .optional()
      .describe('Address of the service, instead of the usual one of the site.'),
    script_url: script_url.unwrap().optional().describe('Script that the page loads, instead of the usual one.'),
    ...others,
  })
  .superRefine(checkTencentKeys)

/** The settings of Tencent's captcha, after they were checked. */
export type TencentCaptchaOptions = z.output<typeof tencentCaptchaOptions>

const answer = z.object({
  Response: z.object({
    RequestId: optional(z.string()),
    Error: optional(z.object({ Code: z.string() })),
    CaptchaCode: optional(z.string()),
    EvilLevel: optional(z.string()),
  }),
})

/** How far a moment in a ticket may be from ours. */
const toleranceSeconds = 600

/** Tencent's captcha (DescribeCaptchaResult, version 2019-07-22, cloud.tencent.com/document/product/1110/36926). */
export function tencentCaptcha(options: TencentCaptchaOptions, dependencies: CaptchaDependencies): CaptchaVendor {
  const { http, clock } = dependencies
  const { app_id, app_secret_key, site } = options
  const keys = tencentKeys(options, dependencies)

  async function judge({ fields, ip }: Solution): Promise<Judged> {
    const { captcha_ticket: Ticket = '', captcha_randstr: Randstr = '' } = fields
    if (Ticket.startsWith('trerror_')) return fallback(Ticket, app_id, clock)
    const signedWith = await keysFrom(keys)
    const { url, request } = tc3Call({
      endpoint: options.endpoint ?? sites[site].endpoint,
      keys: signedWith,
      service: 'captcha',
      action: 'DescribeCaptchaResult',
      version: '2019-07-22',
      body: JSON.stringify({
        CaptchaType: 9,
        Ticket,
        UserIp: ip,
        Randstr,
        CaptchaAppId: app_id,
        AppSecretKey: app_secret_key.reveal(),
      }),
      timestampSeconds: epochSeconds(clock),
    })
    const reply = await ask(http, url, request)
    requireGood(reply)
    const { RequestId: requestId, Error: error, CaptchaCode, EvilLevel } = parseAnswer(answer, reply.content).Response
    if (error) {
      if (areRefusedIds(error.Code)) keys.drop(signedWith)
      return refusal(error.Code, requestId)
    }
    if (CaptchaCode === undefined) throw upstreamError('upstream.refused', { vendorCode: 'no_code', requestId })
    if (CaptchaCode === '26') throw upstreamError('upstream.busy', { vendorCode: '26', requestId })
    if (CaptchaCode === '100') throw upstreamError('upstream.misconfigured', { vendorCode: '100', requestId })
    // SECURITY: where nobody has to click, the code is 1 although the level says that it was a program.
    const isEvil = EvilLevel !== undefined && EvilLevel !== '0'
    if (CaptchaCode !== '1') return { verdict: 'refused', vendorCode: CaptchaCode }
    return isEvil ? { verdict: 'refused', vendorCode: `evil_${EvilLevel}` } : { verdict: 'human', vendorCode: '1' }
  }

  const script = options.script_url ?? sites[site].script
  return {
    vendor: 'tencent',
    fields: ['captcha_ticket', 'captcha_randstr'],
    widget: { app_id: String(app_id) },
    page: pageOf({ ...options, script_url: script }, ['*.captcha.qcloud.com', '*.gtimg.com', '*.qq.com']),
    judge,
    shows: 'the API key is right',
    unseen: [
      `the AppSecretKey is that of the CaptchaAppId ${app_id}`,
      'CAM: the key may call captcha:DescribeCaptchaResult, and the package is not used up',
    ],
  }
}

/**
 * A page makes such a ticket by itself when it cannot reach the vendor. SECURITY: there is no secret in it, so that
 * anybody can write one: it never lets anybody through, and another challenge takes its place.
 */
function fallback(ticket: string, appId: number, clock: Clock): Judged {
  const [, code, app, seconds] = /^trerror_(\d{1,6})_(\d{1,12})_(\d{10})$/.exec(ticket) ?? []
  const isOurs = app === String(appId) && Math.abs(Number(seconds) - epochSeconds(clock)) <= toleranceSeconds
  return isOurs
    ? { verdict: 'degraded', vendorCode: `trerror_${code}` }
    : { verdict: 'refused', vendorCode: 'trerror_forged' }
}

function refusal(vendorCode: string, requestId: string | undefined): Judged {
  if (/^(InvalidParameter|MissingParameter)/.test(vendorCode)) return { verdict: 'refused', vendorCode }
  const isBusy = /^(InternalError|RequestLimitExceeded)/.test(vendorCode)
  throw upstreamError(isBusy ? 'upstream.busy' : 'upstream.misconfigured', { vendorCode, requestId })
}
