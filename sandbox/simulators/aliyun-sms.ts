import type { Clock } from '../../src/base/clock.ts'
import { AliyunGateway } from './aliyun-gateway.ts'
import type { IssuedKey } from './cloud-metadata.ts'
import {
  type Answer,
  MessageCounter,
  type RollingLimit,
  type SentSms,
  type Simulator,
  startSimulator,
} from './simulator.ts'

interface AliyunTemplate {
  readonly variables: readonly string[]
  /** It tells of something and brings no code: its variables take any text. */
  readonly isNotice?: boolean
  /** It is meant for numbers outside the mainland; the two kinds of template do not replace each other. */
  readonly abroad?: boolean
}

/** Which account, sign names and templates the simulator knows. */
export interface AliyunSmsOptions {
  readonly clock: Clock
  /** AccessKeyId → secret. */
  readonly accessKeys: Readonly<Record<string, string>>
  /** What is known of a temporary key. */
  readonly temporaryKey?: (id: string) => IssuedKey | undefined
  /** Signatures for all purposes. */
  readonly signNames: readonly string[]
  /** Signatures for codes to mainland numbers alone; a template for abroad does not go with them. */
  readonly codeSignNames?: readonly string[]
  /** Numbers without the plus that no network has. */
  readonly unknownNumbers?: readonly string[]
  readonly templates: Readonly<Record<string, AliyunTemplate>>
  readonly port?: number
}

/** The simulator, and what a test may make it do. */
export interface AliyunSmsSimulator extends Simulator {
  readonly sent: readonly SentSms[]
}

const perSignature: readonly (RollingLimit & { readonly message: string })[] = [
  { max: 1, seconds: 60, message: '触发分钟级流控Permits:1' },
  { max: 5, seconds: 3600, message: '触发小时级流控Permits:5' },
  { max: 10, seconds: 86_400, message: '触发天级流控Permits:10' },
]
const perNumber = { max: 40, seconds: 86_400, message: '触发号码天级流控Permits:40' }

/**
 * Plays Aliyun SendSms 2017-05-25 behind the V3 signature (help.aliyun.com/document_detail/101347.htm and
 * 2881383.html), and SendMessageToGlobe 2018-05-01, which takes a text (alibabacloud.com/help/en/sms). Which code a
 * mainland template gets for a number abroad, the codes of malformed requests, and how long the value of a notice may
 * be for each kind of variable, are not documented by the vendor (35 characters here).
 */
export async function startAliyunSms(options: AliyunSmsOptions): Promise<AliyunSmsSimulator> {
  const { clock, accessKeys, temporaryKey, port } = options
  const sent: SentSms[] = []
  const counter = new MessageCounter()
  const actions = { SendSms: '2017-05-25', SendMessageToGlobe: '2018-05-01' } as const
  const gateway = new AliyunGateway({ clock, accessKeys, temporaryKey, actions })
  const business = (Code: string, Message: string): Answer => gateway.answer({ Code, Message })

  const simulator = await startSimulator({
    clock,
    port,
    handle(request, refuse) {
      const stopped = gateway.check(request)
      if (stopped !== undefined) return stopped
      const query = new URLSearchParams(request.rawQuery)
      if (request.headers['x-acs-action'] === 'SendMessageToGlobe') {
        const found = refuse ?? checkText(query)
        const code = typeof found === 'string' ? found : found?.code
        if (code === undefined) sent.push(textOf(query, clock()))
        const MessageId = code === undefined ? { MessageId: String(10_000 + sent.length) } : {}
        return gateway.answer({ ResponseCode: code ?? 'OK', ResponseDescription: code ?? 'OK', ...MessageId })
      }
      if (refuse !== undefined) return business(refuse.code, refuse.message ?? refuse.code)

      const message = checkMessage(query, options)
      if (typeof message === 'string') return business(message, `refused: ${message}`)

      const now = clock()
      const sign = query.get('SignName') ?? ''
      for (const phone of message.numbers) {
        const full =
          perSignature.find((limit) => counter.isFull(`${sign} ${phone}`, limit, now)) ??
          (counter.isFull(phone, perNumber, now) ? perNumber : undefined)
        if (full !== undefined) return business('isv.BUSINESS_LIMIT_CONTROL', full.message)
      }
      for (const phone of message.numbers) {
        counter.count(`${sign} ${phone}`, now)
        counter.count(phone, now)
        sent.push({ to: `+${phone}`, template: query.get('TemplateCode') ?? '', params: message.params, at: now })
      }
      const BizId = `9006${String(sent.length).padStart(14, '0')}`
      return gateway.answer({ Code: 'OK', Message: 'OK', BizId })
    },
  })
  return Object.assign(simulator, { sent })
}

interface Accepted {
  /** It has the country code and no plus. */
  readonly numbers: readonly string[]
  readonly params: Readonly<Record<string, string>>
}

/** The product's own checks: the code of the first thing wrong, or what is to be sent. */
function checkMessage(query: URLSearchParams, options: AliyunSmsOptions): string | Accepted {
  const { signNames, codeSignNames = [], unknownNumbers = [], templates } = options
  if (!query.get('PhoneNumbers')) return 'MissingPhoneNumbers'
  const sign = query.get('SignName') ?? ''
  if (![...signNames, ...codeSignNames].includes(sign)) return 'isv.SMS_SIGNATURE_ILLEGAL'
  const code = query.get('TemplateCode') ?? ''
  const template = Object.hasOwn(templates, code) ? templates[code] : undefined
  if (template === undefined) return 'isv.SMS_TEMPLATE_ILLEGAL'

  const params = parseParams(query.get('TemplateParam') ?? '{}')
  if (params === undefined) return 'isv.INVALID_JSON_PARAM'
  if (template.variables.some((name) => !Object.hasOwn(params, name))) return 'isv.TEMPLATE_MISSING_PARAMETERS'
  const wrong = checkValues(Object.values(params), template)
  if (wrong !== undefined) return wrong

  const typed = (query.get('PhoneNumbers') ?? '').split(',')
  if (typed.length > 1000) return 'isv.MOBILE_COUNT_OVER_LIMIT'
  const mainland = typed.map((text) => /^(?:\+|\+86|0086|86)?(1[3-9]\d{9})$/.exec(text)?.[1])
  if (template.abroad === true && codeSignNames.includes(sign)) return 'isv.SMS_SIGNATURE_SCENE_ILLEGAL'
  if (template.abroad === true) {
    if (typed.every(isAbroad)) return { numbers: typed, params }
    const isMainland = mainland.some((number) => number !== undefined)
    return isMainland ? 'isv.DOMESTIC_NUMBER_NOT_SUPPORTED' : 'isv.MOBILE_NUMBER_ILLEGAL'
  }
  const numbers = mainland.flatMap((number) => (number === undefined ? [] : [`86${number}`]))
  if (numbers.length < typed.length && typed.every(isAbroad)) return 'isv.SMS_TEMPLATE_ILLEGAL'
  const isKnown = numbers.length === typed.length && !numbers.some((number) => unknownNumbers.includes(number))
  return isKnown ? { numbers, params } : 'isv.MOBILE_NUMBER_ILLEGAL'
}

/** The longest value of a variable, in characters. */
const longestValue = 35

/** A code takes letters and digits; a notice takes a text, which must not be empty, look like a signature or a link. */
function checkValues(values: readonly string[], { isNotice = false }: AliyunTemplate): string | undefined {
  if (!isNotice) return values.some((value) => !/^[A-Za-z0-9]+$/.test(value)) ? 'isv.INVALID_PARAMETERS' : undefined
  if (values.some((value) => [...value].length > longestValue)) return 'isv.PARAM_LENGTH_LIMIT'
  return values.some((value) => value === '' || /[【】]|https?:/.test(value)) ? 'isv.INVALID_PARAMETERS' : undefined
}

/** With a country code other than that of the mainland, and without the plus; +1 numbers look like mainland ones. */
function isAbroad(text: string): boolean {
  return /^(1[2-9]\d\d[2-9]\d{6}|(?!86)[2-9]\d{6,14})$/.test(text)
}

/** What is wrong with a text for abroad. */
function checkText(query: URLSearchParams): string | undefined {
  const [to, from, text] = ['To', 'From', 'Message'].map((name) => query.get(name) ?? '')
  if (!isAbroad(to ?? '')) return 'MOBILE_NUMBER_ILLEGAL'
  if (text === '') return 'MissingMessage'
  return /^([A-Za-z0-9]{0,11}|\d{12,15})$/.test(from ?? '') ? undefined : 'InvalidFrom'
}

function textOf(query: URLSearchParams, at: number): SentSms {
  const params = { text: query.get('Message') ?? '', from: query.get('From') ?? '' }
  return { to: `+${query.get('To')}`, template: '', params, at }
}

/** Values may be strings or numbers; anything that is not a flat JSON object is undefined. */
function parseParams(text: string): Record<string, string> | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined
    return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]))
  } catch {
    return undefined
  }
}
