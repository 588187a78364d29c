import { randomBytes, randomInt } from 'node:crypto'
import type { Guard } from '../../src/abuse/abuse-guard.ts'
import type { Mark } from '../../src/abuse/entered-codes.ts'
import { type Device, installationOf } from '../../src/accounts/known-devices.ts'
import type { LoginAccount } from '../../src/accounts/login-account.ts'
import { isAnswered } from '../../src/accounts/user.ts'
import type { AfterAnswer } from '../../src/base/after-answer.ts'
import type { Clock } from '../../src/base/clock.ts'
import { AppError } from '../../src/base/errors.ts'
import type { UserId } from '../../src/base/ids.ts'
import type { Locale } from '../../src/base/languages.ts'
import { maskEmail, maskPhone } from '../../src/base/mask.ts'
import type { PhoneNumber } from '../../src/base/phone.ts'
import { isSameSecret } from '../../src/base/same-secret.ts'
import type { MailSender } from '../../src/mail/mail-sender.ts'
import { mailboxOf } from '../../src/mail/mailbox.ts'
import type { SmsSender } from '../../src/sms/sms-sender.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import type { Grant, MessageBudget } from './message-budget.ts'

/** What a code is for; a code for one purpose does nothing for another. */
export type OtpPurpose = 'login' | 'register' | 'reset' | 'bind'
/** Where a code is sent. */
export type OtpTarget =
  | { readonly channel: 'sms'; readonly to: PhoneNumber }
  | { readonly channel: 'email'; readonly to: string }

interface IssueRequest {
  readonly attemptId: string
  readonly purpose: OtpPurpose
  readonly target: OtpTarget
  readonly ip: string
  readonly locale: Locale
  readonly device: Device | undefined
  readonly clientId?: string | undefined
  /** Level of the challenge that was solved for this very message. */
  readonly proven?: number | undefined
}

/** What is known of a code that was sent. */
interface Sent {
  /** When the next may be asked for, in milliseconds since the epoch. */
  readonly resendAt: number
  /** Whose the number or address was. */
  readonly ownerThen: UserId | undefined
  /** Whether nobody knows if it was sent: the answer was lost, and the code may arrive. */
  readonly isUnclear: boolean
  /** Whether messages are short at present, so that only numbers and addresses with an account are sent one. */
  readonly isScarce: boolean
}

interface VerifyRequest {
  readonly attemptId: string
  readonly purpose: OtpPurpose
  readonly target: OtpTarget
  readonly otp: string
}

/** Why a code can no longer be entered. */
export type CodeOver = 'otp.expired' | 'otp.tries_used'

/** One-time codes of six digits, bound to the attempt, the purpose and the number or address they were sent to. */
export interface OtpCodes {
  /** Throws `phone.country_unsupported` for a number to which no code is sent. It counts nothing and asks nobody. */
  requireServed(target: OtpTarget, field?: string): void
  /**
   * Sends a code; it replaces the one before. A code that may have been sent is good like any other and counts as
   * sent. A code to reset a password is sent to nobody who has no account, and what a stranger sees of the answer does
   * not tell. Throws `otp.too_soon`, `request.too_many`, `challenge.required`, `message.paused`,
   * `phone.country_unsupported`, `server.unavailable` (limits fail closed) and what the sender throws.
   */
  issue(request: IssueRequest): Promise<Sent>
  /**
   * Uses the code up: of several callers one succeeds. Whoever pastes the whole message has entered its code. Throws
   * `otp.required` for a text that is no code, `otp.replaced` for a code before this one, both for no try;
   * `otp.wrong`, `otp.expired`, `otp.tries_used`.
   */
  verify(request: VerifyRequest): Promise<void>
  /** Why the code that was sent can no longer be entered; undefined while it can. No try is counted. */
  overBy(of: Omit<VerifyRequest, 'otp'>): Promise<CodeOver | undefined>
  /** The code that was sent for this purpose, if any, does no longer. */
  forget(of: Pick<VerifyRequest, 'attemptId' | 'purpose'>): Promise<void>
}

interface Dependencies {
  readonly store: EphemeralStore
  readonly sms: SmsSender
  readonly mail: MailSender | undefined
  readonly budget: MessageBudget
  readonly guard: Pick<Guard<never>, 'entered'>
  /** The account a number or address belongs to, and whether the device has logged in to it before. */
  readonly ownerOf: (
    target: OtpTarget,
    device: Device | undefined,
  ) => Promise<Pick<LoginAccount, 'userId' | 'status' | 'knownDevice'> | undefined>
  readonly background: Pick<AfterAnswer, 'do'>
  readonly clock: Clock
  readonly options: {
    readonly countries: readonly string[]
    readonly mac: (text: string) => string
  }
}

/** A code that another one has replaced. */
interface Replaced {
  readonly id: string
  readonly mac: string
  readonly expiresAt: number
}

interface Issued {
  readonly id: string
  readonly target: string
  readonly mac: string
  /** Those that it replaced, the latest first, each for as long as it would have lived. */
  readonly earlier?: readonly Replaced[]
  /** In milliseconds since the epoch. */
  readonly expiresAt: number
  /** What is told when it was entered. */
  readonly marks: readonly Mark[]
}

/** Seconds a code is good for. */
export const otpSeconds = 300
const maxTries = 5
const resendSeconds = 60
/** One a minute can be asked for while a code lives; where settings allow more, the oldest are forgotten. */
const mostReplaced = 5

/** Issues one-time codes and checks them. */
export function otpCodes(dependencies: Dependencies): OtpCodes {
  const { store, sms, mail, budget, guard, ownerOf, background, clock } = dependencies
  const { countries, mac } = dependencies.options
  const keyOf = ({ attemptId, purpose }: { attemptId: string; purpose: OtpPurpose }) =>
    `otp:${purpose}:${mac(attemptId)}`
  const targetOf = (target: OtpTarget) => `${target.channel}:${target.to}`
  const triesOf = ({ id }: Issued) => `otp-tries:${id}`
  const macOf = (id: string, otp: string) => mac(`otp:${id}:${otp}`)

  /**
   * Messages may be late and come in any order, so every code that would still live is known. SECURITY: only beside
   * another one for the same number or address, and as a digest.
   */
  function replacedBy(issued: Issued | undefined, target: string): readonly Replaced[] {
    if (issued?.target !== target) return []
    const all = [issued, ...(issued.earlier ?? [])].slice(0, mostReplaced)
    return all.filter(isAlive).map(({ id, mac: digest, expiresAt }) => ({ id, mac: digest, expiresAt }))
  }

  /** Never one that was replaced: that would be refused as such. */
  function newCode(earlier: readonly Replaced[]): string {
    const otp = String(randomInt(1_000_000)).padStart(6, '0')
    return earlier.some((each) => isOf(each, otp)) ? newCode(earlier) : otp
  }

  function isOf(code: Pick<Issued, 'id' | 'mac'>, otp: string): boolean {
    return isSameSecret(code.mac, macOf(code.id, otp))
  }

  function isAlive({ expiresAt }: Pick<Issued, 'expiresAt'>): boolean {
    return expiresAt > clock()
  }

  function requireServed({ channel, to }: OtpTarget, field = 'phone'): void {
    if (channel === 'sms' && !countries.some((country) => to.startsWith(`+${country}`)))
      throw new AppError('phone.country_unsupported', { field })
  }

  async function issuedTo(request: Omit<VerifyRequest, 'otp'>): Promise<Issued | undefined> {
    const issued = await store.get<Issued>(keyOf(request))
    return issued?.target === targetOf(request.target) && isAlive(issued) ? issued : undefined
  }

  async function take({
    target,
    purpose,
    ip,
    device,
    clientId,
    proven,
  }: IssueRequest): Promise<{ grant: Grant; ownerThen: UserId | undefined }> {
    const isSms = target.channel === 'sms'
    requireServed(target)
    const owner = await ownerOf(target, device)
    const isActive = owner !== undefined && isAnswered(owner)
    const grant = await budget.take({
      channel: isSms ? 'sms' : 'mail',
      to: isSms ? target.to : mailboxOf(target.to),
      ip,
      isReset: purpose === 'reset',
      hasAccount: isActive,
      knownDevice: isActive ? owner.knownDevice : undefined,
      ...{ device: installationOf(device), clientId, proven },
    })
    return { grant, ownerThen: owner?.userId }
  }

  async function deliver({ target, purpose, locale }: IssueRequest, otp: string): Promise<'sent' | 'unclear'> {
    const message = { template: `${purpose}_code` as const, otp, ttlMinutes: otpSeconds / 60 }
    if (target.channel === 'sms') return sms.send({ ...message, to: target.to })
    if (!mail) throw new AppError('mail.undeliverable')
    return mail.send({ ...message, to: target.to, locale })
  }

  return {
    requireServed,

    async issue(request) {
      const { grant, ownerThen } = await take(request)
      const target = targetOf(request.target)
      const earlier = replacedBy(await store.get<Issued>(keyOf(request)), target)
      const otp = newCode(earlier)
      const id = randomBytes(12).toString('base64url')
      const expiresAt = clock() + otpSeconds * 1000
      const issued: Issued = { id, target, mac: macOf(id, otp), earlier, expiresAt, marks: grant.marks }
      await store.set(keyOf(request), issued, otpSeconds)
      const isUnclear = grant.delivery === 'awaited' && (await send()) === 'unclear'
      if (grant.delivery === 'background') {
        background.do(async () => {
          await grant.takeTotal()
          await send()
        })
      }
      return {
        resendAt: clock() + Math.max(resendSeconds, grant.waitSeconds) * 1000,
        ownerThen,
        isUnclear,
        isScarce: grant.isScarce,
      }

      async function send(): Promise<'sent' | 'unclear'> {
        try {
          return await deliver(request, otp)
        } catch (error) {
          if (isCertainlyNotSent(error)) await grant.giveBack()
          throw error
        }
      }
    },

    async verify(request) {
      const typed = codeIn(request.otp)
      if (typed === undefined) throw new AppError('otp.required', { field: 'otp' })
      const key = keyOf(request)
      const issued = await issuedTo(request)
      if (!issued) throw new AppError('otp.expired', { field: 'otp' })
      // It opens nothing any more, so that whoever hits upon it has learned nothing; all else is counted.
      const isReplaced = issued.earlier?.some((each) => isAlive(each) && isOf(each, typed)) === true
      if (isReplaced) throw new AppError('otp.replaced', { field: 'otp' })
      // SECURITY: counted before it is compared, so that parallel guesses cannot outrun the limit.
      const tries = await store.increment(triesOf(issued), otpSeconds)
      if (tries > maxTries) {
        await store.delete(key)
        throw new AppError('otp.tries_used', { field: 'otp' })
      }
      if (!isOf(issued, typed)) {
        if (tries === maxTries) throw new AppError('otp.tries_used', { field: 'otp' })
        throw new AppError('otp.wrong', { field: 'otp', params: { triesLeft: maxTries - tries } })
      }
      const [taken] = await Promise.all([store.take<Issued>(key), guard.entered(issued.marks ?? [])])
      if (taken?.id !== issued.id) throw new AppError('otp.expired', { field: 'otp' })
    },

    async overBy(of) {
      const issued = await issuedTo(of)
      if (!issued) return 'otp.expired'
      const tries = (await store.get<number>(triesOf(issued))) ?? 0
      return tries < maxTries ? undefined : 'otp.tries_used'
    },

    forget: (of) => store.delete(keyOf(of)),
  }
}

/**
 * The code in what was entered: six digits with whatever spaces, or the only six that stand together in a message.
 * Undefined if there is none or a choice, so that nobody pays a try for what cannot be a code.
 */
function codeIn(entered: string): string | undefined {
  const text = entered.normalize('NFKC')
  const bare = text.replace(/[\s-]/g, '')
  if (/^\d{6}$/.test(bare)) return bare
  const found = new Set(text.match(/(?<!\d)\d{6}(?!\d)/g))
  return found.size === 1 ? [...found][0] : undefined
}

/** The vendor or mail server said so, or was never reached; where it is unclear, the message counts. */
function isCertainlyNotSent(error: unknown): boolean {
  const { cause } = Object(error) as { cause?: { certainlyNotSent?: unknown } }
  return cause?.certainlyNotSent === true
}

/** What a person recognises their own number or address by. */
export function maskTarget({ channel, to }: OtpTarget): string {
  return channel === 'sms' ? maskPhone(to) : maskEmail(to)
}
