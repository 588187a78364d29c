import { z } from 'zod'
import type { HttpClient } from '../../src/base/http.ts'
import { secret } from '../../src/base/secret.ts'
import { wholeAddress } from '../../src/base/vendor-address.ts'
import { madeUp, upstreamError } from '../upstreams/connector.ts'
import { parseAnswer, readAnswer } from '../upstreams/vendor-answers.ts'
import type { HumanChallenge } from './human-challenge.ts'

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

/** The settings of such a captcha, after they were checked. */
export type SiteverifyOptions = z.output<typeof siteverifyOptions>

// SECURITY: whatever is not exactly this is no yes.
const yesOrNo = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])
const verdict = z.object({ success: yesOrNo, 'error-codes': z.array(z.string()).catch([]) })
/** The protocol's words for a secret key that is not ours. */
const secretCodes = ['missing-input-secret', 'invalid-input-secret', 'sitekey-secret-mismatch']

/** A captcha of a vendor that speaks the protocol of reCAPTCHA, hCaptcha and Turnstile. */
export function siteverify(options: SiteverifyOptions, http: HttpClient): HumanChallenge {
  async function ask(fields: Readonly<Record<string, string>>): Promise<z.output<typeof verdict>> {
    const { secret: key, verify_url: url } = options
    const form = new URLSearchParams({ secret: key.reveal(), ...fields })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const { status, text } = await http.request(url, { method: 'POST', headers, body: form.toString() })
    if (status !== 200) throw upstreamError('upstream.refused', { vendorCode: status })
    return parseAnswer(verdict, readAnswer(text))
  }

  return {
    name: options.provider,
    fields: ['captcha_token'],
    shown: async () => ({ provider: options.provider, site_key: options.site_key }),

    async verify({ fields, ip }) {
      const { captcha_token: response } = fields
      if (!response) return { verdict: 'refused' }
      try {
        const { success: isHuman, 'error-codes': codes } = await ask({ response, remoteip: ip })
        return isHuman ? { verdict: 'human' } : { verdict: 'refused', vendorCode: codes[0] }
      } catch (cause) {
        return { verdict: 'unavailable', cause }
      }
    },

    /** Whether an answer that nobody gave is right. Most say so if the secret key is not. */
    questions() {
      const about = async () => {
        const { success, 'error-codes': codes } = await ask({ response: madeUp() })
        if (success) return
        const wrong = codes.find((code) => secretCodes.includes(code))
        throw wrong === undefined
          ? upstreamError('upstream.code_invalid', { vendorCode: codes[0] ?? 'no_success' })
          : upstreamError('upstream.misconfigured', { vendorCode: wrong })
      }
      return [{ about: 'verify_url', ask: about }]
    },
  }
}
