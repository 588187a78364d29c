import type { Config } from '../config/config.ts'
import { servedBy } from '../sms/coverage.ts'
import { SmsRefusal } from '../sms/sms-sender.ts'
import { buildSmsVendor, type SmsSenderOptions } from '../sms/sms-senders.ts'
import { metadataClient } from '../sms/vendor-keys.ts'
import { type Finding, fail, ok, reasonOf, wallClockMs, warn } from './doctor-checks.ts'
import { doctorHttp, refusesPlain } from './doctor-reach.ts'

const pages = {
  aliyun: 'dysms.console.aliyun.com, and ram.console.aliyun.com for the key or the role',
  tencent: 'console.cloud.tencent.com/smsv2, and its page cam for the key or the role',
}

/**
 * Whom each sender serves, and whether its vendor knows the keys. Whether there is a vendor at all is told with what is
 * not fit for production.
 */
export async function checkSms({ login, sms, sandbox }: Config): Promise<Finding[]> {
  const { senders, countries } = sms
  if (senders.length === 0) return login.methods.includes('sms') ? [] : [ok('sms', 'no way to log in needs it')]
  const named = senders.map((sender) => `${sender.type} (${servedBy(sender, countries).join(', ')})`)
  const asked = await Promise.all(senders.map((sender) => asks(sender, countries, sandbox)))
  return [ok('sms', `${named.join(', then ')}; whether a message arrives only a message shows`), ...asked]
}

/** SECURITY: the question names no number, so no vendor can send anything. */
async function asks(sender: SmsSenderOptions, countries: readonly string[], allowInsecure: boolean): Promise<Finding> {
  const name = `sms ${sender.type}`
  const refused = refusesPlain(new URL(sender.endpoint), { name, allowInsecure })
  if (refused) return refused
  const outward = { http: doctorHttp(allowInsecure), metadata: metadataClient(), clock: wallClockMs, countries }
  try {
    await buildSmsVendor(sender, outward).askNothing()
  } catch (thrown) {
    const refusal = thrown instanceof Error && thrown.cause instanceof SmsRefusal ? thrown.cause : undefined
    return refusal === undefined ? fail(name, reasonOf(thrown), odd) : judged(name, refusal, pages[sender.type])
  }
  return fail(name, 'a message to nobody was accepted', 'whatever answers there is not the vendor: correct endpoint')
}

const odd = 'correct endpoint, and look at what stands between this machine and the vendor'
/** There was no number, or no word about the rest of the message: the keys are known. */
const knowsKeys = /^(MissingPhoneNumbers|MissingParameter\b.*|(isv\.)?(MOBILE_NUMBER|SMS_\w+)_ILLEGAL)$/
const refusesKeys =
  /^(SignatureDoesNotMatch|Invalid(AccessKeyId|SecurityToken|TimeStamp)\b.*|MissingSecurityToken|AuthFailure\b.*|isp\.RAM_PERMISSION_DENY|no_keys)$/

function judged(name: string, { vendorCode: code, remedy, cause }: SmsRefusal, page: string): Finding {
  if (knowsKeys.test(code)) return ok(name, `${code} to a message to nobody, so the key is right`)
  if (refusesKeys.test(code)) {
    return fail(name, `${code}: the vendor does not accept this server`, remedy ?? `compare key and clock with ${page}`)
  }
  if (code === 'unreachable' || code === 'unclear') return fail(name, `no answer: ${reasonOf(cause)}`, odd)
  if (code === 'unparsable' || code.startsWith('http_')) return fail(name, `${code}: an odd answer`, odd)
  return warn(name, `${code}: not known here`, remedy ?? `look it up at ${page}`)
}
