import { z } from 'zod'
import { type Clock, epochSeconds } from '../base/clock.ts'
import type { AppError } from '../base/errors.ts'
import type { HttpClient } from '../base/http.ts'
import { secret } from '../base/secret.ts'
import { numberRefused, type SmsMessage, type SmsSender, smsTemplates, tooSoon, undeliverable } from './sms-sender.ts'
import { signTc3 } from './tencent-signature.ts'
import { askVendor, unclear } from './vendor.ts'

const templateOptions = z.strictObject({
  id: z.string().min(1).describe('Approved template id'),
  params: z.array(z.enum(['otp', 'ttl_minutes'])).describe('What the approved text takes, by position'),
})

/** Settings of the Tencent Cloud sender. */
export const tencentSmsOptions = z.strictObject({
  type: z.literal('tencent').describe('Tencent Cloud SendSms.'),
  secret_id: z.string().min(1).describe('Id of an API key that may send SMS.'),
  secret_key: secret().describe('Secret of that API key.'),
  region: z.string().min(1).default('ap-guangzhou').describe('Region of the service.'),
  sdk_app_id: z.string().min(1).describe('Id of the SMS application, 1400…'),
  sign_name: z.string().min(1).describe('Approved signature, as text'),
  templates: z.record(z.enum(smsTemplates), templateOptions).describe('Approved template for each purpose'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .default('https://sms.tencentcloudapi.com')
    .describe('Address of the service.'),
})

/** The settings of Tencent's messages, after they were checked. */
export type TencentSmsOptions = z.output<typeof tencentSmsOptions>

interface TencentDeps {
  readonly http: HttpClient
  readonly clock: Clock
}

const contentType = 'application/json'

/**
 * Sends through SendSms, version 2021-01-11 (cloud.tencent.com/document/api/382/38780). Every failure comes with
 * status 200: of the whole request in `Error`, of one number in `SendStatusSet`.
 */
export function tencentSms(options: TencentSmsOptions, { http, clock }: TencentDeps): SmsSender {
  return {
    async send(message) {
      const url = new URL('/', options.endpoint)
      const template = options.templates[message.template]
      const body = JSON.stringify({
        SmsSdkAppId: options.sdk_app_id,
        SignName: options.sign_name,
        TemplateId: template.id,
        TemplateParamSet: template.params.map((name) => paramOf(message, name)),
        PhoneNumberSet: [message.to],
      })
      const timestampSeconds = epochSeconds(clock)
      const { authorization } = signTc3({
        secretId: options.secret_id,
        secretKey: options.secret_key.reveal(),
        service: 'sms',
        timestampSeconds,
        headers: { 'content-type': contentType, host: url.hostname },
        body,
      })
      const answer = await askVendor(http, url, {
        method: 'POST',
        headers: {
          authorization,
          'content-type': contentType,
          'x-tc-action': 'SendSms',
          'x-tc-version': '2021-01-11',
          'x-tc-timestamp': String(timestampSeconds),
          'x-tc-region': options.region,
        },
        body,
      })
      const verdict = verdictOf(answer.body)
      if (verdict === undefined || (verdict.code === 'Ok' && !answer.accepted)) throw unclear('unparsable')
      if (verdict.code !== 'Ok') throw refusal(verdict)
    },
  }
}

function paramOf({ otp, ttlMinutes }: SmsMessage, name: 'otp' | 'ttl_minutes'): string {
  return name === 'otp' ? otp : String(ttlMinutes)
}

interface Verdict {
  readonly code: string
  readonly requestId: string | undefined
}

const answerSchema = z.object({
  Response: z.object({
    RequestId: z.string().optional(),
    Error: z.object({ Code: z.string() }).optional(),
    SendStatusSet: z.array(z.object({ Code: z.string() })).optional(),
  }),
})

function verdictOf(body: unknown): Verdict | undefined {
  const answer = answerSchema.safeParse(body)
  if (!answer.success) return undefined
  const { Error: error, SendStatusSet, RequestId } = answer.data.Response
  const code = error?.Code ?? SendStatusSet?.[0]?.Code
  return code === undefined ? undefined : { code, requestId: RequestId }
}

const pauses: Readonly<Record<string, number>> = {
  'LimitExceeded.PhoneNumberThirtySecondLimit': 30,
  'LimitExceeded.DeliveryFrequencyLimit': 60,
  'LimitExceeded.PhoneNumberOneHourLimit': 3600,
  'LimitExceeded.PhoneNumberDailyLimit': 86_400,
  'LimitExceeded.PhoneNumberSameContentDailyLimit': 86_400,
}
const numberCodes = ['InvalidParameterValue.IncorrectPhoneNumber', 'FailedOperation.PhoneNumberInBlacklist']
const vendorTrouble = /^(RequestLimitExceeded|InternalError)/

/**
 * Whatever is neither the number nor the frequency is ours to mend: quota, arrears, signature, template, key or clock.
 */
function refusal({ code, requestId }: Verdict): AppError {
  const pause = pauses[code]
  if (pause !== undefined) return tooSoon(code, requestId, pause)
  if (numberCodes.includes(code)) return numberRefused(code, requestId)
  const level = vendorTrouble.test(code) ? 'warn' : 'error'
  return undeliverable({ vendorCode: code, requestId, certainlyNotSent: true, level })
}
