import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import type { AppError } from '../base/errors.ts'
import type { HttpClient } from '../base/http.ts'
import { callingCode, nationalNumber } from '../base/phone.ts'
import { secret } from '../base/secret.ts'
import { acs3Rpc } from './aliyun-signature.ts'
import { numberRefused, type SmsSender, smsTemplates, tooSoon, undeliverable } from './sms-sender.ts'
import { askVendor, unclear } from './vendor.ts'

/**
 * Settings of the Aliyun sender. Each template has one variable, `code`: verification templates take only letters and
 * digits.
 */
export const aliyunSmsOptions = z.strictObject({
  type: z.literal('aliyun').describe('Aliyun SendSms.'),
  access_key_id: z.string().min(1).describe('Id of an access key that may send SMS.'),
  access_key_secret: secret().describe('Secret of that access key.'),
  sign_name: z.string().min(1).describe('Approved signature, without the brackets'),
  templates: z.record(z.enum(smsTemplates), z.string().min(1)).describe('Approved template code for each purpose'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .default('https://dysmsapi.aliyuncs.com')
    .describe('Address of the service.'),
  region: z.string().min(1).optional().describe('Sent as RegionId when set.'),
})

/** The settings of Aliyun's messages, after they were checked. */
export type AliyunSmsOptions = z.output<typeof aliyunSmsOptions>

interface AliyunDeps {
  readonly http: HttpClient
  readonly clock: Clock
  /** Unique for each call; tests fix it to compare signatures. */
  readonly nonce?: () => string
}

/**
 * Sends through SendSms, version 2017-05-25 (codes: help.aliyun.com/document_detail/101347.htm). Aliyun reports
 * business failures with status 200.
 */
export function aliyunSms(options: AliyunSmsOptions, { http, clock, nonce }: AliyunDeps): SmsSender {
  return {
    async send({ to, template, otp }) {
      const { url, request } = acs3Rpc({
        endpoint: options.endpoint,
        accessKeyId: options.access_key_id,
        accessKeySecret: options.access_key_secret,
        action: 'SendSms',
        version: '2017-05-25',
        query: {
          PhoneNumbers: callingCode(to) === '86' ? nationalNumber(to) : to.slice(1),
          SignName: options.sign_name,
          TemplateCode: options.templates[template],
          TemplateParam: JSON.stringify({ code: otp }),
          ...(options.region === undefined ? {} : { RegionId: options.region }),
        },
        nowMs: clock(),
        nonce: nonce?.(),
      })
      const { accepted, body } = await askVendor(http, url, request)
      const answer = answerSchema.safeParse(body)
      if (!answer.success || (answer.data.Code === 'OK' && !accepted)) throw unclear('unparsable')
      if (answer.data.Code !== 'OK') throw refusal(answer.data)
    },
  }
}

const answerSchema = z.object({
  Code: z.string(),
  Message: z.string().optional(),
  RequestId: z.string().optional(),
})

const numberCodes = ['isv.MOBILE_NUMBER_ILLEGAL', 'isv.MOBILE_COUNT_OVER_LIMIT']
const limitCode = 'isv.BUSINESS_LIMIT_CONTROL'
const vendorTroubleCode = 'isp.SYSTEM_ERROR'

/**
 * Whatever is neither the number nor the frequency is ours to mend: quota, arrears, signature, template, key or clock.
 */
function refusal({ Code, Message, RequestId }: z.output<typeof answerSchema>): AppError {
  if (Code === limitCode) return tooSoon(Code, RequestId, pauseSeconds(Message ?? ''))
  if (numberCodes.includes(Code)) return numberRefused(Code, RequestId)
  const level = Code === vendorTroubleCode ? 'warn' : 'error'
  return undeliverable({ vendorCode: Code, requestId: RequestId, certainlyNotSent: true, level })
}

/** The only place that names the window is the prose: 触发分钟级流控, 小时级, 天级. */
function pauseSeconds(message: string): number {
  if (message.includes('天')) return 86_400
  return message.includes('小时') ? 3600 : 60
}
