import type { OneTapOptions } from '../../interactions/methods/one-tap.ts'
import type { Config } from '../config/config.ts'
import { type Finding, ok, warn } from './doctor-checks.ts'
import { checkReach } from './doctor-reach.ts'

/** The vendors of one-tap logins: what their consoles must hold, and whether they can be reached from here. */
export async function checkOneTap({ one_tap: vendors, sandbox }: Config): Promise<Finding[]> {
  const found = await Promise.all(
    vendors.map(async (options) => {
      const name = `one_tap ${options.vendor}`
      const address = options.vendor === 'univerify' ? options.function_url : options.endpoint
      return [...settingFindings(options, name), await checkReach(new URL(address), { name, allowInsecure: sandbox })]
    }),
  )
  return found.flat()
}

function settingFindings(options: OneTapOptions, name: string): Finding[] {
  if (options.vendor === 'aliyun') {
    return [ok(name, 'Aliyun RAM: the access key may call dypns:GetMobile and dypns:VerifyMobile')]
  }
  const console = ok(name, 'DCloud: the URL-ized function holds the same secret, and the appid of the app')
  if (options.protocol === 'hardened') return [console]
  const advice = 'have the function check time and nonce, and set protocol to hardened'
  return [console, warn(name, 'a call that somebody records can be repeated, and the answer is a number', advice)]
}
