import { z } from 'zod'
import { secret } from '../../src/base/secret.ts'
import { addressBelow, vendorAddress } from '../../src/base/vendor-address.ts'
import { type CaptchaDependencies, type CaptchaVendor, hostnamesOption, pageOf, pageOptions } from './captcha-vendor.ts'
import { judgeSiteverify, strayFault } from './siteverify.ts'

/** Settings of Turnstile. */
export const turnstileOptions = z.strictObject({
  vendor: z.literal('turnstile').describe('Turnstile of Cloudflare, for people outside the mainland.'),
  site_key: z.string().min(1).max(200).describe('Site key of the widget.'),
  secret: secret().describe('Secret key of the widget.'),
  action: z
    .string()
    .regex(/^[\w-]{1,32}$/)
    .default('menshen')
    .describe('Action that the widget names and the answer must repeat, in apps too.'),
  endpoint: vendorAddress('https://challenges.cloudflare.com').describe('Address of the service.'),
  hostnames: hostnamesOption,
  ...pageOptions('https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit'),
})

/** The settings of Turnstile, after they were checked. */
export type TurnstileOptions = z.output<typeof turnstileOptions>

const lifeSeconds = 300
const longestToken = 2048

/** Turnstile (developers.cloudflare.com/turnstile). */
export function turnstileCaptcha(
  options: TurnstileOptions,
  { http, clock, hostname }: CaptchaDependencies,
): CaptchaVendor {
  const { site_key, secret: key, action, endpoint, hostnames } = options
  return {
    vendor: 'turnstile',
    fields: ['captcha_token'],
    widget: { site_key, action },
    page: pageOf(options, ['https://challenges.cloudflare.com']),
    async judge({ fields, ip }) {
      const { captcha_token: token = '' } = fields
      if (token.length > longestToken) return { verdict: 'refused', vendorCode: 'too_long' }
      return judgeSiteverify(http, {
        url: addressBelow(endpoint, '/turnstile/v0/siteverify'),
        secret: key,
        token,
        ip,
        fault: (answer) => strayFault(answer, { hostname, hostnames, action, lifeSeconds, nowMs: clock() }),
      })
    },
    shows: 'the secret is right',
    unseen: [`the site key ${site_key} is of the same widget as the secret, and the widget knows the host ${hostname}`],
  }
}
