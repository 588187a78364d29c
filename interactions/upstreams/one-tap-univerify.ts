import { createHmac, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../../src/base/clock.ts'
import type { HttpClient, HttpRequest } from '../../src/base/http.ts'
import type { PhoneNumber } from '../../src/base/phone.ts'
import { type Secret, secret } from '../../src/base/secret.ts'
import { addressBelow, wholeAddress } from '../../src/base/vendor-address.ts'
import { madeUp, required, type UpstreamResponse, upstreamError } from './connector.ts'
import { askOneTap, mainlandNumber, type OneTapCodes, type OneTapVendor, unexpectedShape } from './one-tap-vendor.ts'
import { flag } from './vendor-answers.ts'

/** Settings of univerify: the cloud function that asks DCloud for us. */
export const univerifyOptions = z.strictObject({
  vendor: z.literal('univerify').describe('univerify of DCloud, for uni-app.'),
  function_url: wholeAddress().describe('Address of the URL-ized cloud function that calls `uniCloud.getPhoneNumber`.'),
  secret: secret(16).describe('What that function checks signatures with, at least 16 characters.'),
  protocol: z
    .enum(['sample', 'hardened'])
    .default('hardened')
    .describe('`hardened`: POST with time and nonce. `sample`: GET as in DCloud’s sample, which can be repeated.'),
})

interface Dependencies {
  readonly http: HttpClient
  readonly clock: Clock
}

const result = z.object({
  code: z.string(),
  phoneNumber: z.unknown().optional(),
  success: flag,
})
/** Two shapes are in use: the result itself, or an answer whose `data` is the result. */
const answer = z.union([z.object({ data: result }).transform(({ data }) => data), result])

/**
 * univerify (doc.dcloud.net.cn, as of 2026-11-20), through a cloud function of the operator, because only such a
 * function may ask DCloud. It is not documented what a function answers when it throws, so every answer without a code
 * counts as a failure of the function.
 */
export function univerify(options: z.output<typeof univerifyOptions>, { http, clock }: Dependencies): OneTapVendor {
  async function number(credential: UpstreamResponse): Promise<PhoneNumber> {
    const values = { access_token: required(credential, 'carrier_token'), openid: required(credential, 'openid') }
    const isSample = options.protocol === 'sample'
    const url = addressBelow(options.function_url, '', isSample ? signed(values) : {})
    const { status, isGood, content } = await askOneTap(http, url, isSample ? {} : hardened(values))
    if (!isGood) throw upstreamError('one_tap.unavailable', { vendorCode: status })
    const { success: isShaped, data: told } = answer.safeParse(content)
    if (!isShaped) throw unexpectedShape()
    const { code, phoneNumber, success } = told
    if (code !== '0') throw upstreamError(codes.get(code) ?? 'one_tap.unavailable', { vendorCode: code })
    if (success === false) throw upstreamError('one_tap.failed', { vendorCode: 'no_success' })
    return mainlandNumber(phoneNumber)
  }

  return {
    vendor: 'univerify',
    number,
    questions: () => [{ about: 'function_url', ask: () => number({ carrier_token: madeUp(), openid: madeUp() }) }],
  }

  function signed(values: Values): Values {
    return { ...values, sign: univerifySign(options.secret, values) }
  }

  function hardened(values: Values): HttpRequest {
    const all = { ...values, nonce: randomBytes(16).toString('hex'), timestamp: String(clock()) }
    const sign = univerifySign(options.secret, all, encodeURIComponent)
    return {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...all, sign }),
    }
  }
}

type Values = Readonly<Record<string, string>>

/**
 * Hex HMAC-SHA256 over `name=value`, sorted by name, joined by `&`. DCloud's sample signs values as they are. SECURITY:
 * if values are not encoded, a `&` inside a value could look like the beginning of the next one.
 */
export function univerifySign(key: Secret, values: Values, encode = (value: string) => value): string {
  const text = Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${encode(value)}`)
    .join('&')
  return createHmac('sha256', key.reveal()).update(text).digest('hex')
}

const codes: OneTapCodes = new Map([
  ['-7', 'one_tap.unavailable'],
  ['1000', 'one_tap.unavailable'],
  ['1001', 'one_tap.unavailable'],
  ['1002', 'one_tap.unavailable'],
  ['4001', 'one_tap.unavailable'],
  ['4003', 'one_tap.unavailable'],
  ['40004', 'one_tap.unavailable'],
  ['5000', 'one_tap.failed'],
  ['30001', 'one_tap.failed'],
  ['30002', 'one_tap.failed'],
  ['30003', 'one_tap.failed'],
  ['30004', 'one_tap.failed'],
  ['30005', 'one_tap.failed'],
  ['30006', 'one_tap.failed'],
  ['30007', 'one_tap.failed'],
  ['30008', 'one_tap.failed'],
  ['40047', 'one_tap.failed'],
  ['40053', 'one_tap.failed'],
  ['20202', 'one_tap.network'],
  ['40101', 'one_tap.network'],
  ['40201', 'one_tap.network'],
  ['40301', 'one_tap.network'],
])
