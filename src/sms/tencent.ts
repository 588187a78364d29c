import { z } from 'zod'
import { type Clock, epochSeconds } from '../base/clock.ts'
import type { AppError } from '../base/errors.ts'
import type { HttpClient } from '../base/http.ts'
import { chosen, chosenNotice, isMainland, levelsOf, serves } from './destinations.ts'
import type { KeySource } from './rotating-keys.ts'
import { isNotice, numberRefused, type SmsMessage, type SmsVendor, tooSoon, undeliverable } from './sms-sender.ts'
import type { TencentSmsOptions } from './tencent-options.ts'
import { areRefusedIds, tc3Call } from './tencent-signature.ts'
import { askVendor, isAccepted, keysOf, told, unclear } from './vendor.ts'

interface TencentDeps {
  readonly http: HttpClient
  readonly clock: Clock
  readonly keys: KeySource
  /** Calling codes that are served. */
  readonly countries: readonly string[]
}

/**
 * Sends through SendSms, version 2021-01-11 (cloud.tencent.com/document/api/382/38780). Every failure comes with
 * status 200: of the whole request in `Error`, of one number in `SendStatusSet`.
 */
export function tencentSms(options: TencentSmsOptions, dependencies: TencentDeps): SmsVendor {
  const { http, clock, keys, countries } = dependencies
  const levels = tencentLevels(options, countries)

  async function ask({ endpoint, region, body }: Call): Promise<void> {
    const signedWith = await keysOf(keys)
    const { url, request } = tc3Call({
      endpoint,
      keys: signedWith,
      service: 'sms',
      action: 'SendSms',
      version: '2021-01-11',
      region,
      body,
      timestampSeconds: epochSeconds(clock),
    })
    const answer = await askVendor(http, url, request)
    const verdict = verdictOf(answer.body)
    if (verdict === undefined || (isAccepted(verdict.code) && !answer.accepted)) throw unclear('unparsable')
    if (isAccepted(verdict.code)) return
    if (areRefusedIds(verdict.code)) keys.drop(signedWith)
    throw refusal(verdict)
  }

  return {
    serves: (to, event) =>
      event === undefined ? serves(levels, to.slice(1)) : chosenNotice(levels, to.slice(1), event) !== undefined,
    send: async (message) => ask(callFor(options, levels, message)),
    async askNothing() {
      const { sdk_app_id, endpoint, region } = options
      await ask({
        endpoint,
        region,
        body: JSON.stringify({ SmsSdkAppId: sdk_app_id, TemplateId: '0', PhoneNumberSet: [] }),
      })
    },
  }
}

/** The settings of Tencent Cloud by whom they are for. */
export function tencentLevels(options: TencentSmsOptions, countries: readonly string[]) {
  const { sign_name, sender_id, templates, notices } = options
  return levelsOf(options, { sign_name, sender_id, templates, notices }, countries)
}

interface Call {
  readonly endpoint: string
  readonly region: string
  readonly body: string
}

type Levels = ReturnType<typeof tencentLevels>

function filled(levels: Levels, message: SmsMessage) {
  const destination = message.to.slice(1)
  if (isNotice(message)) {
    const choice = chosenNotice(levels, destination, message.template)
    return choice && { ...choice, params: choice.content.params.map((name) => message.values[name]) }
  }
  const values = { otp: message.otp, ttl_minutes: String(message.ttlMinutes) }
  const choice = chosen(levels, destination, message.template)
  return choice && { ...choice, params: choice.content.params.map((name) => values[name]) }
}

function callFor(options: TencentSmsOptions, levels: Levels, message: SmsMessage): Call {
  const choice = filled(levels, message)
  if (choice === undefined) throw new TypeError('a number that is not served')
  const { content, given, params } = choice
  const { sign_name, sender_id, sdk_app_id, endpoint, region } = given
  const senderId = sender_id === undefined || isMainland(message.to.slice(1)) ? {} : { SenderId: sender_id }
  const body = JSON.stringify({
    SmsSdkAppId: sdk_app_id ?? options.sdk_app_id,
    ...(sign_name === undefined ? {} : { SignName: sign_name }),
    TemplateId: content.id,
    TemplateParamSet: params,
    PhoneNumberSet: [message.to],
    ...senderId,
  })
  return { endpoint: endpoint ?? options.endpoint, region: region ?? options.region, body }
}

interface Verdict {
  readonly code: string
  readonly requestId: string | undefined
}

const answerSchema = z.object({
  Response: z.object({
    RequestId: told,
    Error: z.object({ Code: told }).nullish(),
    SendStatusSet: z.array(z.object({ Code: told })).nullish(),
  }),
})

function verdictOf(body: unknown): Verdict | undefined {
  const answer = answerSchema.safeParse(body)
  if (!answer.success) return undefined
  const { Error: error, SendStatusSet, RequestId } = answer.data.Response
  const code = error?.Code ?? SendStatusSet?.[0]?.Code
  return code === undefined ? undefined : { code, requestId: RequestId }
}

const pauses: ReadonlyMap<string, number> = new Map(
  Object.entries({
    'LimitExceeded.PhoneNumberThirtySecondLimit': 30,
    'LimitExceeded.DeliveryFrequencyLimit': 60,
    'LimitExceeded.PhoneNumberOneHourLimit': 3600,
    'LimitExceeded.PhoneNumberDailyLimit': 86_400,
    'LimitExceeded.PhoneNumberSameContentDailyLimit': 86_400,
  }),
)
const numberCodes = ['InvalidParameterValue.IncorrectPhoneNumber', 'FailedOperation.PhoneNumberInBlacklist']
const vendorTrouble = /^(RequestLimitExceeded|InternalError)/

const otherKind =
  'numbers in and outside the mainland need templates and signatures of different kinds: see destinations'
const remedies: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone': `this is a template for the mainland; ${otherKind}`,
    'UnsupportedOperation.GlobalTemplateToChineseMainlandPhone': `this is a template for abroad; ${otherKind}`,
    'UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber': otherKind,
    'UnsupportedOperation.UnsupportedRegion': 'open the country for the application in the console of the vendor',
    'UnsupportedOperation.UnsuportedRegion': 'open the country for the application in the console of the vendor',
    'FailedOperation.TemplateIncorrectOrUnapproved': `check that the template is approved and of this application; ${otherKind}`,
    'FailedOperation.SignatureIncorrectOrUnapproved': `check that the signature is approved and of this application; ${otherKind}`,
    'InvalidParameterValue.TemplateParameterFormatError': 'list in `params` what the template takes, in its order',
    'AuthFailure.TokenFailure': 'the temporary key has expired or its token is missing: set token, or cam_role',
  }),
)

/**
 * Whatever is neither the number nor the frequency is ours to mend: quota, arrears, signature, template, key or clock.
 */
function refusal({ code, requestId }: Verdict): AppError {
  const pause = pauses.get(code)
  if (pause !== undefined) return tooSoon(code, requestId, pause)
  if (numberCodes.includes(code)) return numberRefused(code, requestId)
  const level = vendorTrouble.test(code) ? 'warn' : 'error'
  return undeliverable({ vendorCode: code, requestId, certainlyNotSent: true, level, remedy: remedies.get(code) })
}
