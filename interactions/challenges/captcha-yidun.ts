import { createHash, randomInt } from 'node:crypto'
import { z } from 'zod'
import { secret } from '../../src/base/secret.ts'
import { addressBelow, vendorAddress } from '../../src/base/vendor-address.ts'
import { ask, form, requireGood } from '../upstreams/upstream-call.ts'
import { optional, parseAnswer } from '../upstreams/vendor-answers.ts'
import {
  type CaptchaDependencies,
  type CaptchaVendor,
  type Judged,
  pageOf,
  pageOptions,
  type Solution,
} from './captcha-vendor.ts'

/** Settings of NetEase's captcha. */
export const yidunOptions = z.strictObject({
  vendor: z.literal('yidun').describe('Captcha of NetEase (网易易盾).'),
  captcha_id: z.string().min(1).max(64).describe('Id of the captcha (验证码 ID).'),
  secret_id: z.string().min(1).describe('Id of the secret of the account.'),
  secret_key: secret().describe('That secret.'),
  endpoint: vendorAddress('https://c.dun.163.com').describe('Address of the service.'),
  ...pageOptions('https://cstaticdun.126.net/load.min.js'),
})

/** The settings of NetEase's captcha, after they were checked. */
export type YidunOptions = z.output<typeof yidunOptions>

// SECURITY: a text that says true is no yes.
const answer = z.object({ result: z.boolean(), error: optional(z.string()) })

const longestProof = 1024

/** NetEase's captcha, its second check (support.dun.163.com, api/v2/verify). */
export function yidunCaptcha(options: YidunOptions, { http, clock }: CaptchaDependencies): CaptchaVendor {
  const { captcha_id, secret_id, secret_key, endpoint } = options

  async function judge({ fields }: Solution): Promise<Judged> {
    const { captcha_validate: validate = '' } = fields
    if (validate.length > longestProof) return { verdict: 'refused', vendorCode: 'too_long' }
    const params = {
      captchaId: captcha_id,
      validate,
      user: '',
      secretId: secret_id,
      version: 'v2',
      timestamp: String(clock()),
      nonce: String(randomInt(2 ** 31)),
    }
    const signature = yidunSignature(params, secret_key.reveal())
    const reply = await ask(http, addressBelow(endpoint, '/api/v2/verify'), form({ ...params, signature }))
    requireGood(reply)
    const { result, error } = parseAnswer(answer, reply.content)
    return { verdict: result ? 'human' : 'refused', vendorCode: error }
  }

  return {
    vendor: 'yidun',
    fields: ['captcha_validate'],
    widget: { captcha_id },
    page: pageOf(options, ['*.dun.163.com', '*.dun.163yun.com', '*.126.net', '*.127.net']),
    judge,
    shows: 'the address is right',
    unseen: [
      `secret_id and secret_key are right, and the captcha ${captcha_id} is of that account: its numbers do not tell`,
    ],
  }
}

/** Signs a call: all parameters by name, without separators, then the secret. The vendor's usual hash is MD5. */
export function yidunSignature(params: Readonly<Record<string, string>>, secretKey: string): string {
  const names = Object.keys(params).sort()
  const text = names.map((name) => `${name}${params[name]}`).join('')
  return createHash('md5').update(`${text}${secretKey}`).digest('hex')
}
