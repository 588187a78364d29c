import type { AppError } from '../../src/base/errors.ts'
import { callingCode, nationalNumber, type PhoneNumber, readablePhone } from '../../src/base/phone.ts'
import type { PageError } from '../../views/form-values.ts'
import type { Ask, Input } from '../methods/method.ts'

type CodeAsk = Extract<Ask, { view: 'code' }>

/** Refusals after which no code can be entered any more. */
const ends: ReadonlySet<string> = new Set(['otp.tries_used', 'otp.expired'])

/** What the page for a code shows of the step that asks for it. */
export function codeView(ask: CodeAsk, error: AppError | undefined, shown: PageError | undefined, nowMs: number) {
  const { channel, maskedTarget, typedTarget, purpose, resendAt, isUnclear } = ask
  const whole = typedTarget && (channel === 'sms' ? readablePhone(typedTarget as PhoneNumber) : typedTarget)
  const isDead = error !== undefined && ends.has(error.code)
  return {
    channel,
    target: whole ?? maskedTarget,
    purpose,
    isUnclear,
    isDead,
    resendAfterSeconds: Math.max(0, Math.ceil((resendAt - nowMs) / 1000)),
    triesLeft: error?.params['triesLeft'] as number | undefined,
    // A dead field takes no focus: the refusal itself does.
    error: shown && isDead ? { ...shown, field: undefined } : shown,
  }
}

/** What the form before the code begins with for whoever wants to change what they typed there. */
export function typedBefore(ask: Ask | undefined): Input | undefined {
  if (ask?.view !== 'code') return undefined
  const { channel, typedTarget } = ask
  if (typedTarget === undefined) return {}
  if (channel === 'email') return { identifier: typedTarget, agreement: 'on' }
  const phone = typedTarget as PhoneNumber
  return { phone: nationalNumber(phone), country: callingCode(phone), agreement: 'on' }
}
