import { captchaQuestions } from '../../interactions/challenges/captcha.ts'
import {
  buildCaptchaVendor,
  type CaptchaOptions,
  captchaEndpoint,
  captchaSettings,
} from '../../interactions/challenges/captcha-vendors.ts'
import type { Config } from '../config/config.ts'
import { metadataClient } from '../sms/vendor-keys.ts'
import { type Finding, todo, wallClockMs } from './doctor-checks.ts'
import { askAll } from './doctor-questions.ts'
import { doctorHttp, refusesPlain } from './doctor-reach.ts'

const consoles: Readonly<Record<CaptchaOptions['vendor'], string>> = {
  aliyun: 'yundun.console.aliyun.com (验证码 2.0 → 场景管理), and ram.console.aliyun.com for the access key',
  tencent: 'console.cloud.tencent.com/captcha, and console.cloud.tencent.com/cam for the API key',
  geetest: 'the console of GeeTest (行为验证 4.0)',
  yidun: 'dun.163.com (验证码)',
  turnstile: 'dash.cloudflare.com (Turnstile)',
  hcaptcha: 'dashboard.hcaptcha.com',
  siteverify: 'the console of the captcha',
}

/** Whether the captcha knows this server. */
export async function checkCaptcha(config: Config): Promise<Finding[]> {
  const { issuer, sandbox: allowInsecure } = config
  const options = captchaSettings(config)
  if (!options) return []
  const name = `captcha ${options.vendor === 'siteverify' ? options.provider : options.vendor}`
  const endpoint = captchaEndpoint(options)
  const refused = endpoint === undefined ? undefined : refusesPlain(new URL(endpoint), { name, allowInsecure })
  if (refused) return [refused]
  const page = consoles[options.vendor]
  const vendor = buildCaptchaVendor(options, {
    http: doctorHttp(allowInsecure),
    metadata: metadataClient(),
    clock: wallClockMs,
    hostname: new URL(issuer).hostname,
  })
  const questions = captchaQuestions(vendor)
  return [
    ...vendor.unseen.map((detail) => todo(name, detail, `look at ${page}`)),
    ...(await askAll(questions.map((question) => ({ name, question, page })))),
  ]
}
