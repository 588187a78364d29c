import { z } from 'zod'
import { secret } from '../../src/base/secret.ts'
import { addressBelow, vendorAddress } from '../../src/base/vendor-address.ts'
import { type CaptchaDependencies, type CaptchaVendor, hostnamesOption, pageOf, pageOptions } from './captcha-vendor.ts'
import { judgeSiteverify, strayFault } from './siteverify.ts'

/** Settings of hCaptcha. */
export const hcaptchaOptions = z.strictObject({
  vendor: z.literal('hcaptcha').describe('hCaptcha, for people outside the mainland.'),
  site_key: z.string().min(1).max(200).describe('Site key of the site.'),
  secret: secret().describe('Secret of the account.'),
  endpoint: vendorAddress('https://api.hcaptcha.com').describe('Address of the service.'),
  hostnames: hostnamesOption,
  ...pageOptions('https://js.hcaptcha.com/1/api.js?render=explicit'),
})

/** The settings of hCaptcha, after they were checked. */
export type HcaptchaOptions = z.output<typeof hcaptchaOptions>

const lifeSeconds = 120

/** The captcha of docs.hcaptcha.com. The site key goes along, so that an answer for another one is refused there. */
export function hcaptchaCaptcha(
  options: HcaptchaOptions,
  { http, clock, hostname }: CaptchaDependencies,
): CaptchaVendor {
  const { site_key, secret: key, endpoint, hostnames } = options
  return {
    vendor: 'hcaptcha',
    fields: ['captcha_token'],
    widget: { site_key },
    page: pageOf(options, ['https://hcaptcha.com', 'https://*.hcaptcha.com']),
    judge: ({ fields, ip }) =>
      judgeSiteverify(http, {
        url: addressBelow(endpoint, '/siteverify'),
        secret: key,
        token: fields['captcha_token'] ?? '',
        ip,
        others: { sitekey: site_key },
        fault: (answer) => strayFault(answer, { hostname, hostnames, lifeSeconds, nowMs: clock() }),
      }),
    shows: 'the secret is right',
    unseen: [`the site ${site_key} knows the host ${hostname}`],
  }
}
