import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import type { AppError } from '../base/errors.ts'
import type { HttpClient } from '../base/http.ts'
import { callingCode, nationalNumber } from '../base/phone.ts'
import type { AliyunSmsOptions } from './aliyun-options.ts'
import { acs3Rpc, areRefusedKeys } from './aliyun-signature.ts'
import { chosen, chosenNotice, levelsOf, serves } from './destinations.ts'
import type { KeySource } from './rotating-keys.ts'
import { isNotice, numberRefused, type SmsMessage, type SmsVendor, tooSoon, undeliverable } from './sms-sender.ts'
import { askVendor, isAccepted, keysOf, told, unclear } from './vendor.ts'

interface AliyunDeps {
  readonly http: HttpClient
  readonly clock: Clock
  readonly keys: KeySource
  /** Calling codes that are served. */
  readonly countries: readonly string[]
  /** Unique for each call; tests fix it to compare signatures. */
  readonly nonce?: () => string
}

interface Call {
  readonly endpoint: string
  readonly action: string
  readonly version: string
  readonly query: Readonly<Record<string, string>>
}

const sendSms = { action: 'SendSms', version: '2017-05-25' } as const
const textEndpoint = 'https://dysmsapi.ap-southeast-1.aliyuncs.com'

/**
 * Sends through SendSms, version 2017-05-25 (codes: help.aliyun.com/document_detail/101347.htm), and texts through
 * SendMessageToGlobe, version 2018-05-01. Aliyun reports business failures with status 200.
 */
export function aliyunSms(options: AliyunSmsOptions, dependencies: AliyunDeps): SmsVendor {
  const { http, clock, keys, countries, nonce } = dependencies
  const levels = aliyunLevels(options, countries)

  async function ask(call: Call): Promise<void> {
    const signedWith = await keysOf(keys)
    const { url, request } = acs3Rpc({ ...call, keys: signedWith, nowMs: clock(), nonce: nonce?.() })
    const { accepted, body } = await askVendor(http, url, request)
    const answer = answerSchema.safeParse(body)
    if (!answer.success || (isAccepted(answer.data.Code) && !accepted)) throw unclear('unparsable')
    if (isAccepted(answer.data.Code)) return
    if (areRefusedKeys(answer.data.Code)) keys.drop(signedWith)
    throw refusal(answer.data)
  }

  return {
    serves: (to, event) =>
      event === undefined ? serves(levels, to.slice(1)) : chosenNotice(levels, to.slice(1), event) !== undefined,
    send: async (message) => ask(callFor(options, levels, message)),
    askNothing: () => ask({ ...sendSms, endpoint: options.endpoint, query: { PhoneNumbers: '' } }),
  }
}

/** The settings of Aliyun by whom they are for. */
export function aliyunLevels(options: AliyunSmsOptions, countries: readonly string[]) {
  const { sender_id, templates, notices } = options
  return levelsOf(options, { sender_id, templates, notices }, countries)
}

type Levels = ReturnType<typeof aliyunLevels>

/** What is filled into a template or a text, and what else is said of such a message. */
function filled(options: AliyunSmsOptions, levels: Levels, message: SmsMessage) {
  const destination = message.to.slice(1)
  if (isNotice(message)) {
    const choice = chosenNotice(levels, destination, message.template)
    const names = choice && 'code' in choice.content ? choice.content.variables : {}
    return choice && { ...choice, names, values: message.values }
  }
  const choice = chosen(levels, destination, message.template)
  const names = choice?.given.variables ?? options.variables
  return choice && { ...choice, names, values: { otp: message.otp, ttl_minutes: String(message.ttlMinutes) } }
}

function callFor(options: AliyunSmsOptions, levels: Levels, message: SmsMessage): Call {
  const { to } = message
  const choice = filled(options, levels, message)
  if (choice === undefined) throw new TypeError('a number that is not served')
  const { content, given } = choice
  const values = Object.entries(choice.values)
  const region = given.region ?? options.region
  const common = region === undefined ? {} : { RegionId: region }
  if ('text' in content) {
    const Message = values.reduce((text, [name, value]) => text.replaceAll(`{${name}}`, () => value), content.text)
    const from = given.sender_id === undefined ? {} : { From: given.sender_id }
    return {
      endpoint: given.endpoint ?? textEndpoint,
      action: 'SendMessageToGlobe',
      version: '2018-05-01',
      query: { To: to.slice(1), Message, ...from, ...common },
    }
  }
  const names: Readonly<Record<string, string | undefined>> = choice.names
  const params = values.flatMap(([name, value]) => (names[name] === undefined ? [] : [[names[name], value]]))
  return {
    endpoint: given.endpoint ?? options.endpoint,
    ...sendSms,
    query: {
      PhoneNumbers: callingCode(to) === '86' ? nationalNumber(to) : to.slice(1),
      SignName: given.sign_name ?? options.sign_name ?? '',
      TemplateCode: content.code,
      TemplateParam: JSON.stringify(Object.fromEntries(params)),
      ...common,
    },
  }
}

/** SendMessageToGlobe has names of its own for the same things. */
const answerSchema = z
  .object({ Code: told, ResponseCode: told, Message: told, RequestId: told })
  .transform(({ Code, ResponseCode, Message, RequestId }) => ({ Code: Code ?? ResponseCode, Message, RequestId }))
  .refine(hasCode)

function hasCode<Answer extends { readonly Code: string | undefined }>(
  answer: Answer,
): answer is Answer & { readonly Code: string } {
  return answer.Code !== undefined
}

const numberCodes = ['MOBILE_NUMBER_ILLEGAL', 'MOBILE_COUNT_OVER_LIMIT']
const limitCode = 'BUSINESS_LIMIT_CONTROL'
const vendorTroubleCode = 'SYSTEM_ERROR'

const remedies: ReadonlyMap<string, string> = new Map(
  Object.entries({
    SMS_TEMPLATE_ILLEGAL: otherKind('template'),
    DOMESTIC_NUMBER_NOT_SUPPORTED: otherKind('template'),
    SMS_SIGNATURE_ILLEGAL: otherKind('signature'),
    SMS_SIGNATURE_SCENE_ILLEGAL: 'use a signature of the scene of the template, or a general one',
    TEMPLATE_MISSING_PARAMETERS: 'name the variables of the template in `variables`',
    DENY_IP_RANGE: 'send from an address in the mainland: others may not send to mainland numbers',
    RAM_PERMISSION_DENY: 'allow the key or the role to send SMS (AliyunDysmsFullAccess)',
    MissingSecurityToken: 'set security_token beside a temporary key, or ram_role',
  }),
)

function otherKind(what: string): string {
  return `check that the ${what} is approved and of this account; numbers in and outside the mainland need ${what}s of different kinds: see destinations`
}

/**
 * Whatever is neither the number nor the frequency is ours to mend: quota, arrears, signature, template, key or clock.
 */
function refusal({ Code, Message, RequestId }: z.output<typeof answerSchema>): AppError {
  const code = Code.replace(/^is[vp]\./, '')
  if (code === limitCode) return tooSoon(Code, RequestId, pauseSeconds(Message ?? ''))
  if (numberCodes.includes(code)) return numberRefused(Code, RequestId)
  return undeliverable({
    vendorCode: Code,
    requestId: RequestId,
    certainlyNotSent: true,
    level: code === vendorTroubleCode ? 'warn' : 'error',
    remedy: remedies.get(code),
  })
}

/** The only place that names the window is the prose: 触发分钟级流控, 小时级, 天级. */
function pauseSeconds(message: string): number {
  if (message.includes('天')) return 86_400
  return message.includes('小时') ? 3600 : 60
}
