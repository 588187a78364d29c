import { z } from 'zod'
import { AppError } from '../../src/base/errors.ts'
import type { HttpClient } from '../../src/base/http.ts'
import { secret } from '../../src/base/secret.ts'
import { wholeAddress } from '../../src/base/vendor-address.ts'
import { madeUp, type Question, upstreamError } from '../upstreams/connector.ts'
import { parseAnswer, readAnswer } from '../upstreams/vendor-answers.ts'

/** Settings of a captcha whose answers are checked by the protocol of reCAPTCHA, hCaptcha and Turnstile. */
export const captchaOptions = z.strictObject({
  provider: z.string().min(1).max(40).describe('Name the apps know the captcha by.'),
  site_key: z.string().min(1).max(200).describe('Public key, handed to the apps.'),
  secret: secret().describe('Secret key.'),
  verify_url: wholeAddress().describe(
    'Where an answer is checked: gets the form fields `secret`, `response` and `remoteip`, ' +
      'answers `{"success": true}`.',
  ),
})

/** The settings of the captcha, after they were checked. */
export type CaptchaOptions = z.output<typeof captchaOptions>

// SECURITY: whatever is not exactly this is no yes.
const yesOrNo = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])
const verdict = z.object({ success: yesOrNo, 'error-codes': z.array(z.string()).catch([]) })
/** The protocol's words for a secret key that is not ours. */
const secretCodes = ['missing-input-secret', 'invalid-input-secret', 'sitekey-secret-mismatch']

/** Asks an app to show that a person is there before a message is sent. Fails closed. */
export class Captcha {
  readonly #options: CaptchaOptions
  readonly #http: HttpClient

  constructor(options: CaptchaOptions, http: HttpClient) {
    this.#options = options
    this.#http = http
  }

  /** What the app shows. */
  get shown(): { readonly provider: string; readonly site_key: string } {
    const { provider, site_key } = this.#options
    return { provider, site_key }
  }

  /** Throws `captcha.required` for a missing or wrong answer, `server.unavailable` when nobody can say. */
  async verify(answer: string | undefined, ip: string): Promise<void> {
    if (!answer) throw new AppError('captcha.required')
    const { success: isHuman } = await this.#ask({ response: answer, remoteip: ip }).catch((cause: unknown) => {
      throw new AppError('server.unavailable', { cause })
    })
    if (!isHuman) throw new AppError('captcha.required')
  }

  /** What `menshen doctor` asks: whether an answer that nobody gave is right. Most say so if the secret key is not. */
  questions(): readonly Question[] {
    const ask = async () => {
      const { success, 'error-codes': codes } = await this.#ask({ response: madeUp() })
      if (success) return
      const wrong = codes.find((code) => secretCodes.includes(code))
      throw wrong === undefined
        ? upstreamError('upstream.code_invalid', { vendorCode: codes[0] ?? 'no_success' })
        : upstreamError('upstream.misconfigured', { vendorCode: wrong })
    }
    return [{ about: 'verify_url', ask }]
  }

  async #ask(fields: Readonly<Record<string, string>>): Promise<z.output<typeof verdict>> {
    const { secret: key, verify_url: url } = this.#options
    const form = new URLSearchParams({ secret: key.reveal(), ...fields })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const { status, text } = await this.#http.request(url, { method: 'POST', headers, body: form.toString() })
    if (status !== 200) throw upstreamError('upstream.refused', { vendorCode: status })
    return parseAnswer(verdict, readAnswer(text))
  }
}
