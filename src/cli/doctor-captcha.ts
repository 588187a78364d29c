import { siteverify } from '../../interactions/challenges/siteverify.ts'
import type { Config } from '../config/config.ts'
import { type Finding, todo } from './doctor-checks.ts'
import { askAll } from './doctor-questions.ts'
import { doctorHttp, refusesPlain } from './doctor-reach.ts'

/** Whether the captcha knows this server. */
export async function checkCaptcha({ captcha, sandbox: allowInsecure }: Config): Promise<Finding[]> {
  if (!captcha) return []
  const name = `captcha ${captcha.provider}`
  const refused = refusesPlain(new URL(captcha.verify_url), { name, allowInsecure })
  if (refused) return [refused]
  const page = `the console of ${captcha.provider}`
  const questions = siteverify(captcha, doctorHttp(allowInsecure)).questions?.() ?? []
  return [
    todo(name, `site_key ${captcha.site_key} is of the same site as the secret`, `look at ${page}`),
    ...(await askAll(questions.map((question) => ({ name, question, page })))),
  ]
}
