import type { Config } from './config.ts'
import type { LimitRule } from './ops/limits.ts'

const day = 86_400

/** Every named limit of the product. Those on messages are settings, because they cost money. */
export function rules({ sms, login, native_login }: Pick<Config, 'sms' | 'login' | 'native_login'>) {
  const { per_number, per_ip, per_day_total } = sms.limits
  const begun = login.limits.per_network
  return {
    'sms.number': { windows: per_number, error: 'otp.too_soon' },
    'sms.ip': { windows: per_ip, error: 'request.too_many' },
    'sms.total': { fixed: { max: per_day_total, seconds: day }, error: 'server.unavailable' },
    'mail.address': { windows: per_number, error: 'otp.too_soon' },
    'mail.ip': { windows: per_ip, error: 'request.too_many' },
    'register.ip': {
      windows: [
        { max: 20, seconds: 3600 },
        { max: 60, seconds: day },
      ],
      error: 'request.too_many',
    },
    'device.ip': {
      windows: [
        { max: 100, seconds: 600 },
        { max: 1000, seconds: day },
      ],
      error: 'request.too_many',
    },
    'auth.ip': { fixed: begun, error: 'request.too_many' },
    'push.ip': { fixed: begun, error: 'request.too_many' },
    'device_code.ip': { fixed: { max: 300, seconds: 3600 }, error: 'request.too_many' },
    'native.ip': { windows: native_login.limits.per_ip, error: 'request.too_many' },
    'native.vendor': { windows: native_login.limits.per_ip, error: 'request.too_many' },
    'native.device': {
      windows: [
        { max: 30, seconds: 600 },
        { max: 200, seconds: day },
      ],
      error: 'request.too_many',
    },
    'logout.ip': {
      windows: [
        { max: 300, seconds: 600 },
        { max: 3000, seconds: day },
      ],
      error: 'request.too_many',
    },
  } as const satisfies Record<string, LimitRule>
}
