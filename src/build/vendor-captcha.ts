import { type CaptchaChallenge, captcha, captchaTimeoutMs } from '../../interactions/challenges/captcha.ts'
import { buildCaptchaVendor, captchaSettings } from '../../interactions/challenges/captcha-vendors.ts'
import { httpClient } from '../base/http.ts'
import { metadataClient } from '../sms/vendor-keys.ts'
import type { Core } from './core.ts'

/** The captcha of the vendor that is configured, if one is. */
export function buildCaptcha({ config, clock, log }: Core): CaptchaChallenge | undefined {
  const options = captchaSettings(config)
  if (!options) return undefined
  const vendor = buildCaptchaVendor(options, {
    http: httpClient({ timeoutMs: captchaTimeoutMs, allowInsecure: config.sandbox }),
    metadata: metadataClient(),
    clock,
    hostname: new URL(config.issuer).hostname,
  })
  return captcha(vendor, { clock, log })
}
