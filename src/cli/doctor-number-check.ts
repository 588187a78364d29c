import { aliyunNumberCheck } from '../../interactions/upstreams/number-check-aliyun.ts'
import type { Config } from '../config/config.ts'
import { metadataClient } from '../sms/vendor-keys.ts'
import { type Finding, todo, wallClockMs } from './doctor-checks.ts'
import { askAll } from './doctor-questions.ts'
import { doctorHttp, refusesPlain } from './doctor-reach.ts'

const page = 'dytns.console.aliyun.com (标签广场 → 二次号), and ram.console.aliyun.com for the access key'

/** Whether the vendor that knows which numbers were given out again knows this server. */
export async function checkNumberCheck({ phone, sandbox: allowInsecure }: Config): Promise<Finding[]> {
  const [options] = phone.carrier_check
  if (!options) return []
  const name = `phone.carrier_check ${options.vendor}`
  const refused = refusesPlain(new URL(options.endpoint), { name, allowInsecure })
  if (refused) return [refused]
  const outside = { http: doctorHttp(allowInsecure), metadata: metadataClient(), clock: wallClockMs, allowInsecure }
  const questions = aliyunNumberCheck(options, outside).questions()
  return [
    todo(name, 'Aliyun RAM: the access key may call dytns:DescribePhoneTwiceTelVerify', `look at ${page}`),
    ...(await askAll(questions.map((question) => ({ name, question, page })))),
  ]
}
