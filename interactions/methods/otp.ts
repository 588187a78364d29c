import { randomBytes, randomInt } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import { AppError } from '../../src/base/errors.ts'
import type { Locale } from '../../src/base/i18n.ts'
import { callingCode, maskPhone, type PhoneNumber } from '../../src/base/phone.ts'
import { isSameSecret } from '../../src/base/same-secret.ts'
import type { MailSender } from '../../src/mail/sender.ts'
import type { Limits } from '../../src/ops/limits.ts'
import type { SmsSender } from '../../src/sms/sender.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'

export type OtpPurpose = 'login' | 'register' | 'reset' | 'bind'
export type OtpTarget =
  | { readonly channel: 'sms'; readonly to: PhoneNumber }
  | { readonly channel: 'email'; readonly to: string }

export type OtpLimit = 'sms.number' | 'sms.ip' | 'sms.total' | 'mail.address' | 'mail.ip'

/** `background`: the answer does not wait for the sender. `none`: all is counted and kept, but nothing is sent. */
export type Delivery = 'awaited' | 'background' | 'none'

interface IssueRequest {
  readonly attemptId: string
  readonly purpose: OtpPurpose
  readonly target: OtpTarget
  readonly ip: string
  readonly locale: Locale
  readonly delivery: Delivery
}

interface VerifyRequest {
  readonly attemptId: string
  readonly purpose: OtpPurpose
  readonly target: OtpTarget
  readonly otp: string
}

/** One-time codes of six digits, bound to the attempt, the purpose and the number or address they were sent to. */
export interface OtpCodes {
  /**
   * Sends a code; it replaces the one before. Answers when the next may be asked for, in milliseconds since the epoch. Throws
   * `otp.too_soon`, `phone.country_unsupported`, `server.unavailable` (limits fail closed) and what the sender throws.
   */
  issue(request: IssueRequest): Promise<number>
  /** Uses the code up: of several callers one succeeds. Throws `otp.required`, `otp.wrong`, `otp.expired`, `otp.tries_used`. */
  verify(request: VerifyRequest): Promise<void>
}

interface Dependencies {
  readonly store: EphemeralStore
  readonly sms: SmsSender
  readonly mail: MailSender | undefined
  readonly limits: Limits<OtpLimit>
  readonly clock: Clock
  readonly options: {
    readonly countries: readonly string[]
    readonly mac: (text: string) => string
    /** Told what a delivery in the background failed with. */
    readonly report: (error: unknown) => void
  }
}

interface Issued {
  readonly id: string
  readonly target: string
  readonly mac: string
}

/** Seconds a code is good for. */
export const otpSeconds = 300
const maxTries = 5
const resendSeconds = 60

export function otpCodes({ store, sms, mail, limits, clock, options }: Dependencies): OtpCodes {
  const { countries, mac, report } = options
  const keyOf = ({ attemptId, purpose }: { attemptId: string; purpose: OtpPurpose }) =>
    `otp:${purpose}:${mac(attemptId)}`
  const targetOf = (target: OtpTarget) => `${target.channel}:${target.to}`

  async function countSend({ target, ip }: IssueRequest): Promise<void> {
    if (target.channel === 'email') {
      await limits.takeAll([
        ['mail.ip', ip],
        ['mail.address', target.to],
      ])
      return
    }
    if (!countries.includes(callingCode(target.to))) throw new AppError('phone.country_unsupported', { field: 'phone' })
    await limits.takeAll([
      ['sms.ip', ip],
      ['sms.number', target.to],
      ['sms.total', 'all'],
    ])
  }

  async function deliver({ target, purpose, locale }: IssueRequest, otp: string): Promise<void> {
    const message = { template: `${purpose}_code` as const, otp, ttlMinutes: otpSeconds / 60 }
    if (target.channel === 'sms') return sms.send({ ...message, to: target.to })
    if (!mail) throw new AppError('mail.undeliverable')
    return mail.send({ ...message, to: target.to, locale })
  }

  return {
    async issue(request) {
      await countSend(request)
      const otp = String(randomInt(1_000_000)).padStart(6, '0')
      const id = randomBytes(12).toString('base64url')
      const issued: Issued = { id, target: targetOf(request.target), mac: mac(`otp:${id}:${otp}`) }
      await store.set(keyOf(request), issued, otpSeconds)
      if (request.delivery === 'awaited') await deliver(request, otp)
      if (request.delivery === 'background') deliver(request, otp).catch(report)
      return clock() + resendSeconds * 1000
    },

    async verify(request) {
      const typed = request.otp.normalize('NFKC').replace(/[\s-]/g, '')
      if (typed === '') throw new AppError('otp.required', { field: 'otp' })
      const key = keyOf(request)
      const issued = await store.get<Issued>(key)
      if (!issued || issued.target !== targetOf(request.target)) throw new AppError('otp.expired', { field: 'otp' })
      // SECURITY: counted before it is compared, so that parallel guesses cannot outrun the limit.
      const tries = await store.increment(`otp-tries:${issued.id}`, otpSeconds)
      if (tries > maxTries) {
        await store.delete(key)
        throw new AppError('otp.tries_used', { field: 'otp' })
      }
      if (!isSameSecret(issued.mac, mac(`otp:${issued.id}:${typed}`))) {
        if (tries === maxTries) throw new AppError('otp.tries_used', { field: 'otp' })
        throw new AppError('otp.wrong', { field: 'otp', params: { triesLeft: maxTries - tries } })
      }
      const taken = await store.take<Issued>(key)
      if (taken?.id !== issued.id) throw new AppError('otp.expired', { field: 'otp' })
    },
  }
}

/** What a person recognises their own number or address by. */
export function maskTarget(target: OtpTarget): string {
  if (target.channel === 'sms') return maskPhone(target.to)
  const at = target.to.lastIndexOf('@')
  return `${target.to.slice(0, Math.min(2, at - 1) || 1)}***${target.to.slice(at)}`
}
