import { createHash, createHmac } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import {
  type Answer,
  MessageCounter,
  type ReceivedRequest,
  type RollingLimit,
  type SentSms,
  type Simulator,
  startSimulator,
} from './simulator.ts'

interface AliyunTemplate {
  readonly variables: readonly string[]
  /** For numbers outside the mainland; the two kinds of template do not replace each other. */
  readonly abroad?: boolean
}

export interface AliyunSmsOptions {
  readonly clock: Clock
  /** AccessKeyId → secret. */
  readonly accessKeys: Readonly<Record<string, string>>
  readonly signNames: readonly string[]
  readonly templates: Readonly<Record<string, AliyunTemplate>>
  readonly port?: number
}

export interface AliyunSmsSimulator extends Simulator {
  readonly sent: readonly SentSms[]
}

const toleranceMs = 15 * 60 * 1000
const perSignature: readonly (RollingLimit & { readonly message: string })[] = [
  { max: 1, seconds: 60, message: '触发分钟级流控Permits:1' },
  { max: 5, seconds: 3600, message: '触发小时级流控Permits:5' },
  { max: 10, seconds: 86_400, message: '触发天级流控Permits:10' },
]
const perNumber = { max: 40, seconds: 86_400, message: '触发号码天级流控Permits:40' }

/**
 * Plays Aliyun SendSms 2017-05-25 behind the V3 signature (help.aliyun.com/document_detail/101347.htm and 2881383.html). The
 * HTTP statuses of gateway errors, the clock tolerance and the codes of malformed requests are not documented by the vendor.
 */
export async function startAliyunSms(options: AliyunSmsOptions): Promise<AliyunSmsSimulator> {
  const { clock, accessKeys, port } = options
  const sent: SentSms[] = []
  const usedNonces = new Set<string>()
  const counter = new MessageCounter()
  let serial = 0

  const nextId = () => {
    serial += 1
    return `00000000-0000-4000-8000-${String(serial).padStart(12, '0')}`
  }
  const business = (code: string, message: string): Answer => ({
    status: 200,
    body: { Code: code, Message: message, RequestId: nextId() },
  })

  const simulator = await startSimulator({
    clock,
    port,
    handle(request, refuse) {
      const gateway = checkGateway(request, { now: clock(), accessKeys, usedNonces })
      if (gateway !== undefined) {
        const { status, code } = gateway
        const RequestId = nextId()
        const Recommend = `https://api.aliyun.com/troubleshoot?q=${code}`
        const HostId = request.headers.host
        return {
          status,
          body: { Code: code, Message: `The request was refused: ${code}`, RequestId, HostId, Recommend },
        }
      }
      if (refuse !== undefined) return business(refuse.code, refuse.message ?? refuse.code)

      const query = new URLSearchParams(request.rawQuery)
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
      const RequestId = nextId()
      return {
        status: 200,
        body: { Code: 'OK', Message: 'OK', BizId: `9006${String(serial).padStart(14, '0')}`, RequestId },
      }
    },
  })
  return Object.assign(simulator, { sent })
}

interface GatewayState {
  readonly now: number
  readonly accessKeys: Readonly<Record<string, string>>
  readonly usedNonces: Set<string>
}

const authorizationShape = /^ACS3-HMAC-SHA256 Credential=([^,\s]+),SignedHeaders=([^,\s]+),Signature=([0-9a-f]{64})$/

/** What the gateway refuses before the product sees the call. */
function checkGateway(request: ReceivedRequest, state: GatewayState): { status: number; code: string } | undefined {
  const header = (name: string) => String(request.headers[name] ?? '')
  if (header('x-acs-action') !== 'SendSms') return { status: 404, code: 'InvalidAction.NotFound' }
  if (header('x-acs-version') !== '2017-05-25') return { status: 404, code: 'InvalidVersion' }

  const [, keyId = '', signedNames = '', signature = ''] = authorizationShape.exec(header('authorization')) ?? []
  if (keyId === '') return { status: 400, code: 'IncompleteSignature' }
  const secret = Object.hasOwn(state.accessKeys, keyId) ? state.accessKeys[keyId] : undefined
  if (secret === undefined) return { status: 404, code: 'InvalidAccessKeyId.NotFound' }

  const date = header('x-acs-date')
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(date)) return { status: 400, code: 'InvalidTimeStamp.Format' }
  if (!(Math.abs(Date.parse(date) - state.now) <= toleranceMs)) return { status: 400, code: 'InvalidTimeStamp.Expired' }

  const nonce = header('x-acs-signature-nonce')
  const signed = signedNames.split(';')
  const mustSign = ['host', ...Object.keys(request.headers).filter((name) => name.startsWith('x-acs-'))]
  if (request.headers['content-type'] !== undefined) mustSign.push('content-type')
  const mismatch = { status: 400, code: 'SignatureDoesNotMatch' }
  if (nonce === '' || mustSign.some((name) => !signed.includes(name))) return mismatch
  if (header('x-acs-content-sha256') !== hash(request.body)) return mismatch
  if (expectedSignature(request, signed, secret) !== signature) return mismatch

  if (state.usedNonces.has(nonce)) return { status: 400, code: 'SignatureNonceUsed' }
  state.usedNonces.add(nonce)
  return undefined
}

function expectedSignature(request: ReceivedRequest, signed: readonly string[], secret: string): string {
  const names = [...signed].sort()
  const canonical = [
    request.method,
    request.path,
    canonicalQuery(request.rawQuery),
    `${names.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`).join('')}`,
    names.join(';'),
    hash(request.body),
  ].join('\n')
  return createHmac('sha256', secret)
    .update(`ACS3-HMAC-SHA256\n${hash(canonical)}`)
    .digest('hex')
}

function canonicalQuery(rawQuery: string): string {
  return [...new URLSearchParams(rawQuery)]
    .map(([name, value]) => [strictEncode(name), strictEncode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map((pair) => pair.join('='))
    .join('&')
}

/** Percent-encodes every byte outside RFC 3986's unreserved set. */
function strictEncode(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte)
      return /[A-Za-z0-9\-_.~]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    })
    .join('')
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

interface Accepted {
  /** With country code, without the plus. */
  readonly numbers: readonly string[]
  readonly params: Readonly<Record<string, string>>
}

/** The product's own checks: the code of the first thing wrong, or what is to be sent. */
function checkMessage(query: URLSearchParams, { signNames, templates }: AliyunSmsOptions): string | Accepted {
  if (!signNames.includes(query.get('SignName') ?? '')) return 'isv.SMS_SIGNATURE_ILLEGAL'
  const code = query.get('TemplateCode') ?? ''
  const template = Object.hasOwn(templates, code) ? templates[code] : undefined
  if (template === undefined) return 'isv.SMS_TEMPLATE_ILLEGAL'

  const params = parseParams(query.get('TemplateParam') ?? '{}')
  if (params === undefined) return 'isv.INVALID_JSON_PARAM'
  if (template.variables.some((name) => !Object.hasOwn(params, name))) return 'isv.TEMPLATE_MISSING_PARAMETERS'
  if (Object.values(params).some((value) => !/^[A-Za-z0-9]+$/.test(value))) return 'isv.INVALID_PARAMETERS'

  const typed = (query.get('PhoneNumbers') ?? '').split(',')
  if (typed.length > 1000) return 'isv.MOBILE_COUNT_OVER_LIMIT'
  const mainland = typed.map((text) => /^(?:\+|\+86|0086|86)?(1[3-9]\d{9})$/.exec(text)?.[1])
  if (template.abroad === true) {
    if (mainland.some((number) => number !== undefined)) return 'isv.DOMESTIC_NUMBER_NOT_SUPPORTED'
    return typed.every((text) => /^[1-9]\d{6,14}$/.test(text))
      ? { numbers: typed, params }
      : 'isv.MOBILE_NUMBER_ILLEGAL'
  }
  const numbers = mainland.flatMap((number) => (number === undefined ? [] : [`86${number}`]))
  return numbers.length === typed.length ? { numbers, params } : 'isv.MOBILE_NUMBER_ILLEGAL'
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
