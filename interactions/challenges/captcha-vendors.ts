import { z } from 'zod'
import { type AliyunCaptchaOptions, aliyunCaptcha, aliyunCaptchaOptions } from './captcha-aliyun.ts'
import { geetestCaptcha, geetestOptions } from './captcha-geetest.ts'
import { hcaptchaCaptcha, hcaptchaOptions } from './captcha-hcaptcha.ts'
import { tencentCaptcha, tencentCaptchaOptions } from './captcha-tencent.ts'
import { turnstileCaptcha, turnstileOptions } from './captcha-turnstile.ts'
import type { CaptchaDependencies, CaptchaVendor } from './captcha-vendor.ts'
import { yidunCaptcha, yidunOptions } from './captcha-yidun.ts'
import { type SiteverifyOptions, siteverify, siteverifyCaptchaOptions } from './siteverify.ts'

/** Settings of one vendor, told apart by `vendor`. */
export const captchaOptions = z.discriminatedUnion('vendor', [
  aliyunCaptchaOptions,
  tencentCaptchaOptions,
  geetestOptions,
  yidunOptions,
  turnstileOptions,
  hcaptchaOptions,
  siteverifyCaptchaOptions,
])

/** The settings of the captcha, after they were checked. */
export type CaptchaOptions = z.output<typeof captchaOptions>

/** The captcha that the settings name. */
export function buildCaptchaVendor(options: CaptchaOptions, dependencies: CaptchaDependencies): CaptchaVendor {
  switch (options.vendor) {
    case 'aliyun':
      return aliyunCaptcha(options satisfies AliyunCaptchaOptions, dependencies)
    case 'tencent':
      return tencentCaptcha(options, dependencies)
    case 'geetest':
      return geetestCaptcha(options, dependencies)
    case 'yidun':
      return yidunCaptcha(options, dependencies)
    case 'turnstile':
      return turnstileCaptcha(options, dependencies)
    case 'hcaptcha':
      return hcaptchaCaptcha(options, dependencies)
    case 'siteverify':
      return siteverify(options, dependencies)
  }
}

/** Where secrets are sent, if the settings say so; undefined for the vendor's own address. */
export function captchaEndpoint(options: CaptchaOptions): string | undefined {
  return options.vendor === 'siteverify' ? options.verify_url : options.endpoint
}

/** Keys that vendors publish for trying things out: whoever comes passes, or nobody does. */
const testKeys = [/^[1-3]x0{8,}/, /^0x0{30,}$/, /^10000000-ffff-ffff-ffff-00000000000\d$/, /^6LeIxAcTAAAAA/]

/** Whether the settings hold a key with which everybody passes, or nobody. */
export function hasTestKey(options: CaptchaOptions | undefined): boolean {
  if (!options || !('site_key' in options)) return false
  return [options.secret.reveal(), options.site_key].some((key) => testKeys.some((shape) => shape.test(key)))
}

interface CaptchaSettings {
  readonly abuse: { readonly captcha?: CaptchaOptions | undefined }
  readonly captcha?: SiteverifyOptions | undefined
}

/** The captcha in force, by whichever name it is set. */
export function captchaSettings({ abuse, captcha }: CaptchaSettings): CaptchaOptions | undefined {
  return abuse.captcha ?? (captcha && { vendor: 'siteverify', hostnames: [], ...captcha })
}
