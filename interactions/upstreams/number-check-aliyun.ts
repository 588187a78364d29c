import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { HttpClient } from '../../src/base/http.ts'
import { callingCode, nationalNumber } from '../../src/base/phone.ts'
import { secret } from '../../src/base/secret.ts'
import { vendorAddress } from '../../src/base/vendor-address.ts'
import { acs3Rpc, areRefusedKeys } from '../../src/sms/aliyun-signature.ts'
import { aliyunKeyOptions, aliyunKeys, checkAliyunKeys, type KeyDeps } from '../../src/sms/vendor-keys.ts'
import { keysFrom } from './cloud-keys.ts'
import { upstreamError } from './connector.ts'
import type { NumberCheck } from './number-check.ts'
import { ask, requireHttps, type VendorCodes } from './upstream-call.ts'
import { optional } from './vendor-answers.ts'

/** Settings of Aliyun's check for numbers that were given out again. */
export const aliyunNumberCheckOptions = z
  .strictObject({
    vendor: z.literal('aliyun').describe('DescribePhoneTwiceTelVerify of Aliyun.'),
    ...aliyunKeyOptions,
    auth_code: secret().describe('Authorisation code (AuthCode) of the tag 二次号, from the console of the service.'),
    endpoint: vendorAddress('https://dytnsapi.aliyuncs.com').describe('Address of the service.'),
    per_day: z.int().min(1).default(1000).describe('Questions a day in all: the most that strangers can cost.'),
  })
  .superRefine(checkAliyunKeys)

/** The settings of the check, after they were checked. */
export type NumberCheckOptions = z.output<typeof aliyunNumberCheckOptions>

interface Dependencies extends KeyDeps {
  readonly http: HttpClient
  /** False outside the sandbox, where the address must be https. */
  readonly allowInsecure: boolean
}

const answer = z.object({
  Code: z.string(),
  RequestId: optional(z.string()),
  Data: optional(z.object({ VerifyResult: z.union([z.string(), z.number()]).transform(String) })),
})

/** What the carriers say: 1, it has another owner since then; 2, it has not; 3, it is given up; 0, they do not know. */
const results: ReadonlyMap<string, 'same' | 'doubted' | 'changed'> = new Map([
  ['0', 'doubted'],
  ['1', 'changed'],
  ['2', 'same'],
  ['3', 'changed'],
])

/** Codes for a number that the vendor cannot look up. */
const unknownNumbers: ReadonlySet<string> = new Set(['PortabilityNumberNotSupported', 'RequestNumberNotSupported'])

/**
 * Whether a number was given out again, by Aliyun (dytns 2020-02-17, DescribePhoneTwiceTelVerify, as of 2026-11-20).
 * The number leaves us as a hash.
 */
export function aliyunNumberCheck(options: NumberCheckOptions, dependencies: Dependencies): NumberCheck {
  const { http, clock, allowInsecure } = dependencies
  if (!allowInsecure) requireHttps('phone.carrier_check', options)
  const keys = aliyunKeys(options, dependencies)

  async function look(hash: string, since: Date): Promise<'same' | 'doubted' | 'changed'> {
    const signedWith = await keysFrom(keys)
    const query = {
      AuthCode: options.auth_code.reveal(),
      InputNumber: hash,
      Mask: 'SHA256',
      StartTime: inBeijing(since),
    }
    const call = { action: 'DescribePhoneTwiceTelVerify', version: '2020-02-17', query, nowMs: clock() }
    const { url, request } = acs3Rpc({ endpoint: options.endpoint, keys: signedWith, ...call })
    const { isGood, status, content } = await ask(http, url, request)
    const told = answer.safeParse(content)
    if (!told.success) throw upstreamError('upstream.refused', { vendorCode: 'unexpected_shape' })
    const { Code, RequestId: requestId, Data } = told.data
    const vendorCode = Code.replace(/^is[vp]\./, '')
    if (unknownNumbers.has(vendorCode)) return 'doubted'
    if (Code !== 'OK') {
      if (areRefusedKeys(Code)) keys.drop(signedWith)
      throw upstreamError(codes.get(vendorCode) ?? 'upstream.refused', { vendorCode: Code, requestId })
    }
    if (!isGood) throw upstreamError('upstream.refused', { vendorCode: status, requestId })
    const result = results.get(Data?.VerifyResult ?? '')
    if (!result) throw upstreamError('upstream.refused', { vendorCode: 'unexpected_shape', requestId })
    return result
  }

  return {
    vendor: 'aliyun',
    knows: (phone) => callingCode(phone) === '86',
    hasChanged: (phone, since) => look(sha256(nationalNumber(phone)), since),
    questions: () => [
      {
        about: options.access_key_id ? `access key ${options.access_key_id}` : 'access key',
        // No carrier has a number that begins like this, so that the answer is free.
        ask: () => look(sha256('10000000000'), new Date(clock())),
        isAnswered: true,
      },
    ],
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

const beijingMs = 8 * 3_600_000

/** `yyyy-MM-dd HH:mm:ss`. The vendor does not say in which zone; its carriers count in theirs. */
function inBeijing(at: Date): string {
  return new Date(at.getTime() + beijingMs).toISOString().slice(0, 19).replace('T', ' ')
}

/** The codes are listed without the prefixes `isv.` and `isp.`, because the vendor does not always send these. */
const codes: VendorCodes = new Map([
  ['MOBILE_NUMBER_ILLEGAL', 'upstream.code_invalid'],
  ['RequestFrequencyLimit', 'upstream.busy'],
  ['QPS_LIMIT', 'upstream.busy'],
  ['OPERATOR_LIMIT', 'upstream.busy'],
  ['SYSTEM_ERROR', 'upstream.busy'],
  ['UNKNOWN', 'upstream.busy'],
])
