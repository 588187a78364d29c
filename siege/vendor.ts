import { type AliyunSmsSimulator, startAliyunSms } from '../sandbox/simulators/aliyun-sms.ts'
import type { Clock } from '../src/base/clock.ts'

/** The vendor of messages, as the town sees it. */
export interface Vendor {
  /** Settings of a server that sends by it. */
  readonly env: Readonly<Record<string, string>>
  /** Everything that was sent, in order. */
  readonly sent: AliyunSmsSimulator['sent']
  /** The newest code of a number that was sent at or after a moment. */
  codeOf(phone: string, sinceMs: number): string | undefined
  close(): Promise<void>
}

const secret = 'a-secret-of-the-vendor'
const signName = '茶铺'
const purposes = ['login_code', 'register_code', 'reset_code', 'bind_code']

/** Where messages go. */
export const places = ['mainland', 'abroad'] as const
/** One of these. */
export type Place = (typeof places)[number]

/** What a message costs, in yuan, by where it goes. */
export const prices: Readonly<Record<Place, number>> = { mainland: 0.05, abroad: 0.4 }

/** Where a message to this number goes. */
export function placeOf(phone: string): Place {
  return phone.startsWith('+86') ? 'mainland' : 'abroad'
}

/** What an hour of messages may cost, in yuan: in the mainland six times what the people need, and a little abroad. */
export function capsOf(scale: number): Readonly<Record<Place, number>> {
  return { mainland: 150 * scale, abroad: 20 * scale }
}

/** Starts the vendor; it goes by the walked clock, and keeps to its limits for each number. */
export async function startVendor(clock: Clock): Promise<Vendor> {
  const aliyun = await startAliyunSms({
    clock,
    accessKeys: { siege: secret },
    signNames: [signName],
    templates: { SMS_1: { variables: ['code'] }, SMS_2: { variables: ['code'], abroad: true } },
  })
  const templates = (code: string) => Object.fromEntries(purposes.map((purpose) => [purpose, code]))
  const sender = {
    type: 'aliyun',
    access_key_id: 'siege',
    access_key_secret: secret,
    sign_name: signName,
    templates: templates('SMS_1'),
    destinations: [{ to: ['852'], templates: templates('SMS_2') }],
    endpoint: aliyun.url,
  }
  return {
    env: { MENSHEN_SMS__SENDERS: JSON.stringify([sender]), MENSHEN_SMS__COUNTRIES: '["86", "852"]' },
    sent: aliyun.sent,
    codeOf(phone, sinceMs) {
      const message = aliyun.sent.findLast(({ to, at }) => to === phone && at >= sinceMs)
      return message?.params['code']
    },
    close: () => aliyun.close(),
  }
}
