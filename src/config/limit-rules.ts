import type { MessageLimit } from '../../interactions/methods/message-budget.ts'
import type { OwnerMessageLimit } from '../../interactions/owner-deliveries.ts'
import type { LimitRule } from '../ops/limits.ts'
import type { CountingWindow } from '../store/ephemeral.ts'
import type { Config } from './config.ts'

const day = 86_400

type Part =
  | ('sms' | 'accounts' | 'limits' | 'login' | 'native_login')
  | ('password' | 'phone' | 'registration' | 'sandbox')

/** Every named limit of the product. Those on messages are settings, because they cost money. */
export function rules({
  sms,
  accounts,
  limits,
  login,
  native_login,
  password,
  phone,
  registration,
  sandbox,
}: Pick<Config, Part>) {
  const begun = login.limits.per_network
  return {
    ...messageRules('sms', sms.limits, sandbox),
    ...messageRules('mail', { ...sms.limits, ...limits.mail }, sandbox),
    ...ownerMessageRules(accounts.messages),
    'password.ip': { windows: password.lock.per_ip, perNetwork: 'growing' },
    // For who has solved a challenge where the network has had its wrong passwords.
    'password.proven': { windows: [{ max: 30, seconds: 3600 }], perNetwork: 'growing' },
    'register.ip': {
      windows: [
        { max: 20, seconds: 3600 },
        { max: 60, seconds: day },
      ],
      perNetwork: 'growing',
    },
    'register.device': {
      windows: [
        { max: registration.per_device.a_day, seconds: day },
        { max: registration.per_device.ever, seconds: 180 * day },
      ],
      error: 'registration.too_many',
    },
    'invite.ip': { windows: [{ max: 30, seconds: 3600 }], perNetwork: 'growing' },
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
    'challenge.ip': { windows: [{ max: 60, seconds: 60 }], perNetwork: 'growing' },
    // A program can answer it, too.
    'question.ip': {
      windows: [
        { max: 10, seconds: 3600 },
        { max: 30, seconds: day },
      ],
      perNetwork: 'growing',
    },
    // Wrong answers to the captcha of a vendor, which each cost a call.
    'captcha.ip': { windows: [{ max: 30, seconds: 3600 }], perNetwork: 'growing', isFreeHere: sandbox },
    'instead.ip': { windows: [{ max: 5, seconds: 3600 }], perNetwork: 'growing', isFreeHere: sandbox },
    'instead.to': { windows: [{ max: 1, seconds: 120 }] },
    // A tenth of an hour of an even day.
    'instead.all': { windows: [{ max: Math.max(10, Math.floor(sms.limits.per_day_total / 240)), seconds: 3600 }] },
    'question.all': { windows: [{ max: 600, seconds: 3600 }] },
    'vendor.ip': { windows: native_login.limits.per_ip, perNetwork: 'growing' },
    'picture.ip': { windows: [{ max: 6000, seconds: 600 }], perNetwork: 'growing' },
    'picture.user': {
      windows: [
        { max: 20, seconds: 3600 },
        { max: 50, seconds: day },
      ],
    },
    'export.user': { windows: [{ max: 3, seconds: day }] },
    'number_check.number': { windows: [{ max: 3, seconds: day }] },
    'number_check.day': { windows: [{ max: phone.carrier_check[0]?.per_day ?? 1000, seconds: day }] },
    'notification.ip': {
      windows: [
        { max: 1200, seconds: 600 },
        { max: 20_000, seconds: day },
      ],
      perNetwork: 'growing',
    },
    'native.device': {
      windows: [
        { max: 30, seconds: 600 },
        { max: 200, seconds: day },
      ],
    },
    'deletion.account': { windows: [{ max: 10, seconds: 3600 }] },
    'logout.ip': {
      windows: [
        { max: 300, seconds: 600 },
        { max: 3000, seconds: day },
      ],
      perNetwork: 'growing',
    },
  } as const satisfies Record<string, LimitRule>
}

/** The name of a limit. */
export type LimitName = keyof ReturnType<typeof rules>

function ownerMessageRules({ of_one_kind, sms_per_day, mails_per_day }: Config['accounts']['messages']) {
  const ofDay = (max: number) => ({ windows: [{ max, seconds: day }] })
  return {
    'owner.kind': ofDay(of_one_kind),
    'owner.sms': ofDay(sms_per_day),
    'owner.mail': ofDay(mails_per_day),
  } as const satisfies Record<OwnerMessageLimit, LimitRule>
}

/**
 * The limits of one channel. What one network may take of a number is a limit of its own, and so is the number's day:
 * see `messageBudget`.
 */
function messageRules<Channel extends 'sms' | 'mail'>(
  channel: Channel,
  { per_number, per_ip, per_day_total, reserved_percent }: Config['sms']['limits'],
  isFreeHere: boolean,
) {
  const error = 'otp.too_soon'
  const hour = per_number.filter(({ seconds }) => seconds <= 3600)
  const longer = per_number.filter(({ seconds }) => seconds > 3600)
  const times = (factor: number, windows: readonly CountingWindow[]) =>
    windows.map(({ max, seconds }) => ({ max: factor * max, seconds }))
  const ofDay = (max: number) => ({ windows: [{ max, seconds: day }], error: 'server.unavailable' }) as const
  const named: Readonly<Record<string, LimitRule>> = {
    ip: { windows: per_ip, perNetwork: 'growing', isFreeHere },
    pair: { windows: per_number, perNetwork: 'widest', error },
    number: { windows: times(2, hour), error },
    number_day: { windows: times(2, longer), error },
    late: { windows: [{ max: 1, seconds: 3600 }], error },
    // So that somebody who wants all late messages of one number needs six networks.
    late_pair: { windows: [{ max: 4, seconds: day }], perNetwork: 'widest', error },
    known: { windows: per_number, error },
    known_all: { windows: times(3, per_number), error },
    open: ofDay(Math.max(1, Math.floor((per_day_total * (100 - reserved_percent)) / 100))),
    total: ofDay(per_day_total),
  }
  const entries = Object.entries(named).map(([part, rule]) => [`${channel}.${part}`, rule])
  return Object.fromEntries(entries) as Record<Extract<MessageLimit, `${Channel}.${string}`>, LimitRule>
}
