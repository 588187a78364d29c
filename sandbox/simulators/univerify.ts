import { createHmac } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import type { Carrier } from './carrier.ts'
import { type Answer, objectOf, type ReceivedRequest, type Simulator, startSimulator } from './simulator.ts'
import { jsonAnswer, singleFields } from './web-vendor.ts'

/** How the cloud function was written: as the vendor's sample, or so that no call can be repeated. */
type UniverifyMode = 'sample' | 'hardened'

/** The app and the people that the simulator knows. */
export interface UniverifyOptions {
  readonly clock: Clock
  readonly carrier: Carrier
  /** The DCloud appid (`__UNI__…`) the function asks for. */
  readonly appid: string
  /** The function and the server that calls it share this secret. */
  readonly secret: string
  readonly mode: UniverifyMode
  readonly port?: number
}

/** The simulator, and what a test may make it do. */
export interface UniverifySimulator extends Simulator {
  /** Where the function answers. */
  readonly functionUrl: string
  /**
   * In which of its two shapes `getPhoneNumber` answers from here on: with the number below `data`, or beside the code.
   */
  setShape(shape: 'older' | 'newer'): void
}

const path = '/univerify/getPhoneNumber'
const toleranceMs = 5 * 60 * 1000
const mostNonceCharacters = 64

const messages: Readonly<Record<number, string>> = {
  [-7]: 'uniAppid missing',
  1000: 'univerify is not enabled for this app',
  1001: 'the account of the owner is abnormal',
  1002: 'balance insufficient',
  4001: 'request parameter abnormal',
  4003: 'appid check failed',
  5000: 'failed to get the phone number',
  40004: 'app does not exist',
  40047: 'one-click login failed to get the number',
  40053: 'number check failed',
  40101: 'source IP authentication failed at China Mobile',
  40201: 'source IP authentication failed at China Unicom',
  40301: 'source IP authentication failed at China Telecom',
}

/**
 * Plays a URL-ized uniCloud function that answers the number behind a univerify token. Not documented by the vendor:
 * what comes when the function throws (status 500 with JSON here), the code for a token of another app (4003 here) or
 * one that goes with another openid (5000 here). A refusal from the list of faults uses the token as little as the
 * vendor bills it.
 */
export async function startUniverify(options: UniverifyOptions): Promise<UniverifySimulator> {
  const { clock, carrier, appid, mode, port } = options
  const usedNonces = new Set<string>()
  let shape: 'older' | 'newer' = 'newer'

  const simulator = await startSimulator({
    clock,
    port,
    handle(request, refuse) {
      if (request.path !== path) return jsonAnswer(404, { code: 'FunctionNotFound', message: 'no such function' })
      const call = mode === 'sample' ? sampleCall(request, options) : hardenedCall(request, { ...options, usedNonces })
      if (typeof call === 'string') return thrown(call)
      if (refuse?.code === 'FunctionError') return thrown(refuse.message ?? refuse.code)
      if (refuse !== undefined) return told(shape, failure(Number(refuse.code), refuse.message))

      const found = carrier.find(call.accessToken)
      if (found?.state !== 'live' || found.about.purpose !== 'univerify') return told(shape, failure(5000))
      if (found.about.app !== appid) return told(shape, failure(4003))
      if (found.about.openid !== call.openid) return told(shape, failure(5000))
      carrier.use(call.accessToken)
      return told(shape, { code: 0, phoneNumber: found.about.phone })
    },
  })
  return Object.assign(simulator, {
    functionUrl: `${simulator.url}${path}`,
    setShape(wanted: 'older' | 'newer') {
      shape = wanted
    },
  })
}

/**
 * Hex HMAC-SHA256 over `name=value` pairs, sorted by name and joined by `&`. The vendor's sample leaves the values as
 * they are.
 */
export function univerifySign(
  secret: string,
  fields: Readonly<Record<string, string>>,
  written: (value: string) => string = (value) => value,
): string {
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${written(value)}`)
  return createHmac('sha256', secret).update(pairs.sort().join('&')).digest('hex')
}

interface NumberCall {
  readonly accessToken: string
  readonly openid: string
}

type Outcome =
  | { readonly code: 0; readonly phoneNumber: string }
  | { readonly code: number; readonly phoneNumber?: undefined; readonly message: string }

/** A call of the vendor's sample: GET, raw values signed. Otherwise why the function throws. */
function sampleCall({ method, rawQuery }: ReceivedRequest, { secret }: UniverifyOptions): NumberCall | string {
  if (method !== 'GET') return 'method not allowed'
  const fields = singleFields(rawQuery)
  if (fields === undefined) return 'a parameter comes twice'
  const [accessToken, openid] = [fields.get('access_token') ?? '', fields.get('openid') ?? '']
  if (accessToken === '' || openid === '') return 'a parameter is missing'
  if (fields.get('sign') !== univerifySign(secret, { access_token: accessToken, openid })) return 'bad sign'
  return { accessToken, openid }
}

/** A call nobody can repeat or take apart: POST, encoded values signed, a time and a nonce beside them. */
function hardenedCall(
  { method, headers, body }: ReceivedRequest,
  { secret, clock, usedNonces }: UniverifyOptions & { readonly usedNonces: Set<string> },
): NumberCall | string {
  if (method !== 'POST' || !/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) return 'not a JSON POST'
  const { access_token, openid, nonce, timestamp, sign } = objectOf(body)
  if (typeof access_token !== 'string' || typeof openid !== 'string' || typeof nonce !== 'string') return 'bad body'
  if (access_token === '' || openid === '' || nonce === '' || nonce.length > mostNonceCharacters) return 'bad body'
  if (!/^\d{13}$/.test(String(timestamp))) return 'timestamp is not in milliseconds'
  const fields = { access_token, openid, nonce, timestamp: String(timestamp) }
  if (sign !== univerifySign(secret, fields, encodeURIComponent)) return 'bad sign'
  if (Math.abs(Number(timestamp) - clock()) > toleranceMs) return 'stale timestamp'
  if (usedNonces.has(nonce)) return 'nonce used'
  usedNonces.add(nonce)
  return { accessToken: access_token, openid }
}

function thrown(message: string): Answer {
  return jsonAnswer(500, { success: false, error: { code: 'FunctionError', message } })
}

function failure(code: number, message = messages[code] ?? 'failed'): Outcome {
  return { code, message }
}

function told(shape: 'older' | 'newer', outcome: Outcome): Answer {
  if (shape === 'newer') return jsonAnswer(200, { message: '', ...outcome })
  const { code, phoneNumber } = outcome
  const data = { code, success: code === 0, ...(phoneNumber === undefined ? outcome : { phoneNumber }) }
  return jsonAnswer(200, {
    data,
    statusCode: 200,
    header: { 'content-type': 'application/json; charset=utf-8' },
    errMsg: 'request:ok',
  })
}
