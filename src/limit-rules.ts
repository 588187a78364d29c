import type { Config } from './config.ts'
import type { LimitRule } from './ops/limits.ts'

const day = 86_400

/** Every named limit of the product. Those on messages are settings, because they cost money. */
export function rules({ sms, login, native_login }: Pick<Config, 'sms' | 'login' | 'native_login'>) {
  const { per_number, per_ip, per_day_total } = sms.limits
  const begun = login.limits.per_network
  return {
    'sms.number': { windows: per_number, error: 'otp.too_soon' },
    'sms.ip': { windows: per_ip, perNetwork: 'growing' },
    'sms.total': { windows: [{ max: per_day_total, seconds: day }], error: 'server.unavailable' },
    'mail.address': { windows: per_number, error: 'otp.too_soon' },
    'mail.ip': { windows: per_ip, perNetwork: 'growing' },
    'register.ip': {
      windows: [
        { max: 20, seconds: 3600 },
        { max: 60, seconds: day },
      ],
      perNetwork: 'growing',
    },
    'device.ip': {
      windows: [
        { max: 100, seconds: 600 },
        { max: 1000, seconds: day },
      ],
      perNetwork: 'growing',
    },
    'auth.ip': { windows: [begun], perNetwork: 'growing' },
    'push.ip': { windows: [begun], perNetwork: 'growing' },
    'device_code.ip': { windows: [{ max: 300, seconds: 3600 }], perNetwork: 'growing' },
    'native.ip': { windows: native_login.limits.per_ip, perNetwork: 'growing' },
    'native.vendor': { windows: native_login.limits.per_ip, perNetwork: 'growing' },
    'native.device': {
      windows: [
        { max: 30, seconds: 600 },
        { max: 200, seconds: day },
      ],
    },
    'logout.ip': {
      windows: [
        { max: 300, seconds: 600 },
        { max: 3000, seconds: day },
      ],
      perNetwork: 'growing',
    },
  } as const satisfies Record<string, LimitRule>
}
