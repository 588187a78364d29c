import { buildOneTapVendors, type OneTapOptions } from '../../interactions/methods/one-tap.ts'
import type { Config } from '../config/config.ts'
import { metadataClient } from '../sms/vendor-keys.ts'
import { type Finding, todo, wallClockMs, warn } from './doctor-checks.ts'
import { askAll } from './doctor-questions.ts'
import { doctorHttp, refusesPlain } from './doctor-reach.ts'

const aliyunPage = 'dypns.console.aliyun.com, and ram.console.aliyun.com for the access key'
const dcloudPage = 'dev.dcloud.net.cn → 一键登录'

/** The vendors of one-tap logins: whether they know this server, and what only their consoles can tell. */
export async function checkOneTap({ one_tap: vendors, sandbox }: Config): Promise<Finding[]> {
  const found = await Promise.all(
    vendors.map(async (options) => {
      const name = `one_tap ${options.vendor}`
      return [...settingFindings(options, name), ...(await answers(options, { name, allowInsecure: sandbox }))]
    }),
  )
  return found.flat()
}

async function answers(
  options: OneTapOptions,
  look: { readonly name: string; readonly allowInsecure: boolean },
): Promise<Finding[]> {
  const { name, allowInsecure } = look
  const isUniverify = options.vendor === 'univerify'
  const refused = refusesPlain(new URL(isUniverify ? options.function_url : options.endpoint), look)
  if (refused) return [refused]
  const http = doctorHttp(allowInsecure)
  const built = buildOneTapVendors([options], {
    http,
    metadata: metadataClient(),
    clock: wallClockMs,
    allowInsecure,
  })
  const page = isUniverify ? dcloudPage : aliyunPage
  // Nobody has written down what a function answers when it throws.
  const thrown =
    'compare secret, protocol and address with the function (unicloud.dcloud.net.cn → 云函数), and read its log'
  const advice = isUniverify ? { oddAdvice: thrown } : {}
  const questions = built.flatMap((vendor) => vendor.questions())
  return askAll(questions.map((question) => ({ name, question, page, ...advice })))
}

function settingFindings(options: OneTapOptions, name: string): Finding[] {
  if (options.vendor === 'aliyun') {
    return [
      todo(name, 'Aliyun RAM: the access key may call dypns:VerifyMobile too', 'look at ram.console.aliyun.com'),
      todo(
        name,
        'Aliyun: a scheme (认证方案) has package name and signature, or bundle id, of each app',
        'look at dypns.console.aliyun.com',
      ),
    ]
  }
  const app = todo(name, 'DCloud: the function asks for the appid of the app', `look at ${dcloudPage}`)
  if (options.protocol === 'hardened') return [app]
  const advice = 'have the function check time and nonce, and set protocol to hardened'
  return [app, warn(name, 'a call that somebody records can be repeated, and the answer is a number', advice)]
}
