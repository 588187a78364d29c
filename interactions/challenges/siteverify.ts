import { z } from 'zod'
import type { HttpClient } from '../../src/base/http.ts'
import { secret } from '../../src/base/secret.ts'
import { wholeAddress } from '../../src/base/vendor-address.ts'
import { upstreamError } from '../upstreams/connector.ts'
import { ask, form } from '../upstreams/upstream-call.ts'
import { optional, parseAnswer } from '../upstreams/vendor-answers.ts'
import { type CaptchaDependencies, type CaptchaVendor, hostnamesOption, isOurs, type Judged } from './captcha-vendor.ts'

/** Settings of a captcha whose answers are checked by the protocol of reCAPTCHA, hCaptcha and Turnstile. */
export const siteverifyOptions = z.strictObject({
  provider: z.string().min(1).max(40).describe('Name the apps know the captcha by.'),
  site_key: z.string().min(1).max(200).describe('Public key, handed to the apps.'),
  secret: secret().describe('Secret key.'),
  verify_url: wholeAddress().describe(
    'Where an answer is checked: gets the form fields `secret`, `response` and `remoteip`, ' +
      'answers `{"success": true}`.',
  ),
})

/** The same as one vendor among others. */
export const siteverifyCaptchaOptions = siteverifyOptions.extend({
  vendor: z.literal('siteverify').describe('Any other that speaks this protocol; for apps only.'),
  hostnames: hostnamesOption.describe('Hosts where it may be solved, as the answer names them. Empty: anywhere.'),
  min_score: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('The lowest `score` that passes, for a captcha that answers with one.'),
})

/** The settings of such a captcha, after they were checked. */
export type SiteverifyOptions = z.output<typeof siteverifyOptions> &
  Partial<Pick<z.output<typeof siteverifyCaptchaOptions>, 'hostnames' | 'min_score'>>

// SECURITY: whatever is not exactly this is no yes.
const yesOrNo = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])
const verdict = z.object({
  success: yesOrNo,
  'error-codes': z.array(z.string()).catch([]),
  hostname: optional(z.string()).catch(undefined),
  action: optional(z.string()).catch(undefined),
  challenge_ts: optional(z.string()).catch(undefined),
  score: optional(z.string().transform(Number)).catch(undefined),
})
/** The protocol's words for a secret key that is not ours. */
const secretCodes = [
  'missing-input-secret',
  'invalid-input-secret',
  'sitekey-secret-mismatch',
  'not-using-dummy-secret',
]
const busyCodes = ['internal-error']

interface Asked {
  readonly url: string | URL
  readonly secret: { reveal(): string }
  readonly token: string
  readonly ip: string
  /** What this vendor wants to know besides. */
  readonly others?: Readonly<Record<string, string>>
  /** What else must be right of an answer that says yes: the word for what is not. */
  readonly fault?: (answer: Answer) => string | undefined
}

type Answer = z.output<typeof verdict>

/** Has an answer judged by this protocol. Throws what `CaptchaVendor.judge` throws. */
export async function judgeSiteverify(http: HttpClient, asked: Asked): Promise<Judged> {
  const { url, secret: key, token, ip, others = {}, fault } = asked
  const sent = form({ secret: key.reveal(), response: token, remoteip: ip, ...others })
  const { isGood, status, content } = await ask(http, new URL(url), sent)
  if (!isGood) throw upstreamError('upstream.refused', { vendorCode: status })
  const answer = parseAnswer(verdict, content)
  const { success, 'error-codes': codes } = answer
  if (!success) {
    const ofUs = codes.find((code) => secretCodes.includes(code))
    if (ofUs !== undefined) throw upstreamError('upstream.misconfigured', { vendorCode: ofUs })
    const busy = codes.find((code) => busyCodes.includes(code))
    if (busy !== undefined) throw upstreamError('upstream.busy', { vendorCode: busy })
    return { verdict: 'refused', vendorCode: codes[0] ?? 'no_success' }
  }
  const wrong = fault?.(answer)
  return wrong === undefined ? { verdict: 'human' } : { verdict: 'refused', vendorCode: wrong }
}

/** How far the clock of the vendor may be from ours. */
const skewMs = 300_000

interface Expected {
  readonly hostname: string
  readonly hostnames: readonly string[]
  readonly action?: string | undefined
  readonly lifeSeconds: number
  readonly nowMs: number
}

/**
 * What is wrong with an answer that says yes. SECURITY: a token is good on every page that shows the site key, so that
 * only the answer tells where and for what it was made.
 */
export function strayFault(answer: Answer, expected: Expected): string | undefined {
  if (!isOurs(answer.hostname ?? '', expected.hostname, expected.hostnames)) return 'other_hostname'
  if (expected.action !== undefined && answer.action !== expected.action) return 'other_action'
  const ageMs = expected.nowMs - Date.parse(answer.challenge_ts ?? '')
  return ageMs >= -skewMs && ageMs <= expected.lifeSeconds * 1000 + skewMs ? undefined : 'other_time'
}

/** A captcha of a vendor that speaks the protocol of reCAPTCHA, hCaptcha and Turnstile. */
export function siteverify(options: SiteverifyOptions, { http }: Pick<CaptchaDependencies, 'http'>): CaptchaVendor {
  const { provider, site_key, verify_url: url, secret: key, hostnames = [], min_score } = options
  const fault = ({ hostname = '', score = -1 }: Answer) => {
    if (hostnames.length > 0 && !hostnames.includes(hostname.toLowerCase())) return 'other_hostname'
    return min_score !== undefined && !(score >= min_score) ? 'low_score' : undefined
  }
  return {
    vendor: provider,
    fields: ['captcha_token'],
    widget: { site_key },
    judge: ({ fields, ip }) =>
      judgeSiteverify(http, { url, secret: key, token: fields['captcha_token'] ?? '', ip, fault }),
    shows: 'the secret is right, if this vendor looks at it first',
    unseen: [`site_key ${site_key} is of the same site as the secret`],
  }
}
