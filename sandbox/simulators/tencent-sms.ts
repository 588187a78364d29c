import type { Clock } from '../../src/base/clock.ts'
import type { IssuedKey } from './cloud-metadata.ts'
import { MessageCounter, type SentSms, type Simulator, startSimulator } from './simulator.ts'
import { TencentGateway } from './tencent-gateway.ts'

interface TencentLimits {
  /** The same text to one number, once in this many seconds. */
  readonly sameContentSeconds: number
  /** Messages to one number in a calendar day of Beijing. */
  readonly perDay: number
}

/** Which account, sign names and templates the simulator knows. */
export interface TencentSmsOptions {
  readonly clock: Clock
  /** SecretId → SecretKey. */
  readonly secretKeys: Readonly<Record<string, string>>
  readonly sdkAppIds: readonly string[]
  /** What is known of a temporary key. */
  readonly temporaryKey?: (id: string) => IssuedKey | undefined
  /** Signatures for mainland numbers. */
  readonly signNames: readonly string[]
  /** Signatures for all other numbers. */
  readonly signNamesAbroad?: readonly string[]
  /** Sender IDs that were granted. */
  readonly senderIds?: readonly string[]
  /** Template id → number of its parameters. */
  readonly templates: Readonly<Record<string, number>>
  /** Those of them that tell of something and bring no code: their parameters take any text. */
  readonly notices?: readonly string[]
  /** How many characters a parameter of these takes; the vendor sets no limit for companies, and 12 for persons. */
  readonly longestText?: number
  /** The same for all numbers outside the mainland; the two kinds of template do not replace each other. */
  readonly templatesAbroad?: Readonly<Record<string, number>>
  /** Numbers in E.164 whose owners have unsubscribed. */
  readonly blacklist?: readonly string[]
  readonly limits?: TencentLimits
  readonly port?: number
}

/** The simulator, and what a test may make it do. */
export interface TencentSmsSimulator extends Simulator {
  readonly sent: readonly SentSms[]
}

const defaultLimits: TencentLimits = { sameContentSeconds: 30, perDay: 2 }

/**
 * Plays Tencent Cloud SendSms 2021-01-11 behind TC3 (cloud.tencent.com/document/api/382/38780, limits: faq/382/13303).
 * Every refusal has status 200. Which codes come for the whole request and which for one number, the codes of malformed
 * requests, and the time zone of the day limit are not documented by the vendor; a client must bear both shapes.
 */
export async function startTencentSms(options: TencentSmsOptions): Promise<TencentSmsSimulator> {
  const { clock, limits = defaultLimits, blacklist = [], port, secretKeys, temporaryKey } = options
  const sent: SentSms[] = []
  const counter = new MessageCounter()
  const action = { name: 'SendSms', version: '2021-01-11', needsRegion: true }
  const gateway = new TencentGateway({ clock, secretKeys, temporaryKey, action })
  const failure = (code: string) => gateway.failure(code)

  const sendOne = (message: TencentMessage, phone: string, e164: string | undefined, refused: string | undefined) => {
    const now = clock()
    const content = `${e164} ${message.SignName} ${message.TemplateId} ${message.TemplateParamSet.join('\n')}`
    const day = String(e164)
    let code = e164 === undefined ? 'InvalidParameterValue.IncorrectPhoneNumber' : refused
    if (code === undefined && blacklist.includes(day)) code = 'FailedOperation.PhoneNumberInBlacklist'
    if (code === undefined && counter.isFull(content, { max: 1, seconds: limits.sameContentSeconds }, now)) {
      code = 'LimitExceeded.PhoneNumberThirtySecondLimit'
    }
    if (code === undefined && counter.since(day, beijingMidnight(now)) >= limits.perDay) {
      code = 'LimitExceeded.PhoneNumberDailyLimit'
    }
    const status = { PhoneNumber: e164 ?? phone, SessionContext: '', IsoCode: e164?.startsWith('+86') ? 'CN' : '' }
    if (code !== undefined) return { ...status, SerialNo: '', Fee: 0, Code: code, Message: `refused: ${code}` }

    counter.count(content, now)
    counter.count(day, now)
    const params = Object.fromEntries(message.TemplateParamSet.map((value, index) => [String(index + 1), value]))
    sent.push({ to: day, template: message.TemplateId, params, at: now })
    return { ...status, SerialNo: `2640:${sent.length}`, Fee: 1, Code: 'Ok', Message: 'send success' }
  }

  const simulator = await startSimulator({
    clock,
    port,
    handle(request, refuse) {
      const denied = gateway.denied(request)
      if (denied !== undefined) return failure(denied)
      const message = parseMessage(request.body)
      if (message === undefined) return failure('InvalidParameter')
      if (message.PhoneNumberSet.length === 0) return failure('MissingParameter.EmptyPhoneNumberSet')
      if (refuse !== undefined && refuse.forNumber !== true) return failure(refuse.code)
      if (!options.sdkAppIds.includes(message.SmsSdkAppId)) return failure('InvalidParameterValue.SdkAppIdNotExist')
      if (message.PhoneNumberSet.length > 200) return failure('InvalidParameterValue.IncorrectPhoneNumber')
      const numbers = message.PhoneNumberSet.map((phone) => ({ phone, e164: toE164(phone) }))
      const mainland = numbers.filter(({ e164 }) => e164?.startsWith('+86')).length
      if (mainland > 0 && mainland < numbers.length) {
        return failure('UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber')
      }
      const refused = refuse?.code ?? checkContent(message, mainland > 0, options)
      return gateway.answer({ SendStatusSet: numbers.map(({ phone, e164 }) => sendOne(message, phone, e164, refused)) })
    },
  })
  return Object.assign(simulator, { sent })
}

interface TencentMessage {
  readonly SmsSdkAppId: string
  readonly SignName: string
  readonly TemplateId: string
  readonly TemplateParamSet: readonly string[]
  readonly PhoneNumberSet: readonly string[]
  readonly SenderId: string
}

function parseMessage(text: string): TencentMessage | undefined {
  const isTexts = (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === 'string')
  try {
    const parsed = JSON.parse(text)
    const { SmsSdkAppId, SignName = '', TemplateId, TemplateParamSet = [], PhoneNumberSet, SenderId = '' } = parsed
    const texts = [SmsSdkAppId, SignName, TemplateId, SenderId].every((value) => typeof value === 'string')
    if (!texts || !isTexts(TemplateParamSet) || !isTexts(PhoneNumberSet)) return undefined
    return { SmsSdkAppId, SignName, TemplateId, TemplateParamSet, PhoneNumberSet, SenderId }
  } catch {
    return undefined
  }
}

/**
 * The signature is needed for mainland numbers only; parameters of a verification template are up to six digits each,
 * those of a notice are texts without links (cloud.tencent.com/document/product/382/39023).
 */
function checkContent(message: TencentMessage, mainland: boolean, options: TencentSmsOptions): string | undefined {
  const { templates, templatesAbroad = {}, signNames, signNamesAbroad = [], senderIds = [] } = options
  const [own, others] = mainland ? [templates, templatesAbroad] : [templatesAbroad, templates]
  const count = Object.hasOwn(own, message.TemplateId) ? own[message.TemplateId] : undefined
  if (count === undefined && Object.hasOwn(others, message.TemplateId)) {
    return `UnsupportedOperation.${mainland ? 'GlobalTemplateToChineseMainlandPhone' : 'ChineseMainlandTemplateToGlobalPhone'}`
  }
  if (count === undefined) return 'FailedOperation.TemplateIncorrectOrUnapproved'
  const unsigned = message.SignName === '' && !mainland
  if (!unsigned && !(mainland ? signNames : signNamesAbroad).includes(message.SignName)) {
    return 'FailedOperation.SignatureIncorrectOrUnapproved'
  }
  if (message.SenderId !== '' && (mainland || !senderIds.includes(message.SenderId))) return 'InvalidParameterValue'
  const params = message.TemplateParamSet
  const isNotice = options.notices?.includes(message.TemplateId) === true
  const shape = isNotice ? /^(?!.*(?:https?:|[【】])).+$/su : /^\d+$/
  if (params.length !== count || params.some((value) => !shape.test(value))) {
    return 'InvalidParameterValue.TemplateParameterFormatError'
  }
  const longest = isNotice ? (options.longestText ?? Number.POSITIVE_INFINITY) : 6
  const isTooLong = params.some((value) => [...value].length > longest)
  return isTooLong ? 'InvalidParameterValue.TemplateParameterLengthLimit' : undefined
}

function toE164(text: string): string | undefined {
  const mainland = /^(?:\+86|0086|86)?(1[3-9]\d{9})$/.exec(text)?.[1]
  if (mainland !== undefined) return `+86${mainland}`
  return /^\+(?!86)[1-9]\d{6,14}$/.test(text) ? text : undefined
}

function beijingMidnight(now: number): number {
  const offset = 8 * 3600 * 1000
  return Math.floor((now + offset) / 86_400_000) * 86_400_000 - offset
}
