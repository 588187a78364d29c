import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { secret } from '../../src/base/secret.ts'
import { addressBelow, vendorAddress } from '../../src/base/vendor-address.ts'
import { upstreamError } from '../upstreams/connector.ts'
import { ask, form, requireGood } from '../upstreams/upstream-call.ts'
import { optional, parseAnswer } from '../upstreams/vendor-answers.ts'
import {
  type CaptchaDependencies,
  type CaptchaVendor,
  hostnamesOption,
  isOurs,
  type Judged,
  pageOf,
  pageOptions,
  type Solution,
} from './captcha-vendor.ts'

/** Settings of GeeTest v4. */
export const geetestOptions = z.strictObject({
  vendor: z.literal('geetest').describe('GeeTest v4 (极验).'),
  captcha_id: z.string().min(1).max(64).describe('Id of the captcha.'),
  captcha_key: secret().describe('Key of that captcha.'),
  endpoint: vendorAddress('https://gcaptcha4.geetest.com').describe('Address of the service.'),
  hostnames: hostnamesOption,
  ...pageOptions('https://static.geetest.com/v4/gt4.js'),
})

/** The settings of GeeTest, after they were checked. */
export type GeetestOptions = z.output<typeof geetestOptions>

const answer = z.object({
  status: z.string(),
  result: optional(z.string()),
  reason: optional(z.string()),
  code: optional(z.string()),
  captcha_args: optional(z.object({ lot_number: optional(z.string()), referer: optional(z.string()) })),
})

/** The captcha itself is not there, or not in use. */
const ofCaptcha = /^-5010[1-5]$/

/** GeeTest v4 (docs.geetest.com/gt4/deploy/server). */
export function geetestCaptcha(options: GeetestOptions, { http, hostname }: CaptchaDependencies): CaptchaVendor {
  const { captcha_id, captcha_key, endpoint, hostnames } = options

  async function judge({ fields }: Solution): Promise<Judged> {
    const { captcha_lot_number: lot_number = '' } = fields
    const sent = {
      lot_number,
      captcha_output: fields['captcha_output'] ?? '',
      pass_token: fields['captcha_pass_token'] ?? '',
      gen_time: fields['captcha_gen_time'] ?? '',
      captcha_id,
      sign_token: createHmac('sha256', captcha_key.reveal()).update(lot_number).digest('hex'),
    }
    const reply = await ask(http, addressBelow(endpoint, '/validate', { captcha_id }), form(sent))
    requireGood(reply)
    const { status, result, reason, code, captcha_args: about } = parseAnswer(answer, reply.content)
    if (status !== 'success') return refusal(code ?? 'no_code')
    if (result === undefined) throw upstreamError('upstream.refused', { vendorCode: 'no_result' })
    if (result !== 'success') return { verdict: 'refused', vendorCode: wordOf(reason) }
    if (about?.lot_number !== lot_number) return { verdict: 'refused', vendorCode: 'other_lot_number' }
    // An app has no page, and tells none.
    const host = about.referer === undefined ? undefined : (URL.parse(about.referer)?.hostname ?? '')
    if (host !== undefined && !isOurs(host, hostname, hostnames)) {
      return { verdict: 'refused', vendorCode: 'other_referer' }
    }
    return { verdict: 'human' }
  }

  return {
    vendor: 'geetest',
    fields: ['captcha_lot_number', 'captcha_output', 'captcha_pass_token', 'captcha_gen_time'],
    widget: { captcha_id },
    page: pageOf(options, ['*.geetest.com', '*.geevisit.com']),
    judge,
    shows: 'captcha_id is right',
    unseen: [`the key is that of the captcha ${captcha_id}, which is of version 4`],
  }
}

function refusal(vendorCode: string): Judged {
  if (ofCaptcha.test(vendorCode)) throw upstreamError('upstream.misconfigured', { vendorCode })
  if (vendorCode === '-50000') throw upstreamError('upstream.busy', { vendorCode })
  return { verdict: 'refused', vendorCode }
}

/** Reasons are prose of a few words. */
function wordOf(reason = 'no_reason'): string {
  return reason.replace(/[^\w]+/g, '_').slice(0, 60)
}
