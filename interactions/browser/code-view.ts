import type { AppError } from '../../src/base/errors.ts'
import { callingCode, nationalNumber, type PhoneNumber, readablePhone } from '../../src/base/phone.ts'
import type { PageError } from '../../views/form-values.ts'
import type { Ask, Input } from '../methods/method.ts'
import type { CodeOver } from '../methods/otp.ts'
import { written } from './typed.ts'

type CodeAsk = Extract<Ask, { view: 'code' }>

interface Shown {
  readonly error: AppError | undefined
  readonly shown: PageError | undefined
  /** Why the code can no longer be entered. */
  readonly over: CodeOver | undefined
  readonly nowMs: number
}

/** What the page for a code shows of the step that asks for it. */
export function codeView(ask: CodeAsk, { error, shown, over, nowMs }: Shown) {
  const { channel, maskedTarget, purpose, resendAt, isUnclear, isScarce, isEarlier } = ask
  const typedTarget = purpose === 'reset' ? undefined : ask.typedTarget
  const whole = typedTarget && (channel === 'sms' ? readablePhone(typedTarget as PhoneNumber) : typedTarget)
  const isDead = over !== undefined
  return {
    channel,
    target: whole ?? maskedTarget,
    purpose,
    isUnclear,
    isScarce: isScarce && !isDead,
    isDead,
    isEarlier: isEarlier && !isDead && !error,
    over: error ? undefined : over,
    resendAfterSeconds: Math.max(0, Math.ceil((resendAt - nowMs) / 1000)),
    triesLeft: error?.params['triesLeft'] as number | undefined,
    // A dead field takes no focus: the refusal itself does.
    error: shown && isDead ? { ...shown, field: undefined } : shown,
  }
}

/** What the form before the code begins with for whoever wants to change what they typed there. */
export function typedBefore(ask: Ask | undefined): Input | undefined {
  if (ask?.view !== 'code') return undefined
  const { channel, purpose, typedTarget } = ask
  if (typedTarget === undefined) return {}
  if (channel === 'email') return { identifier: typedTarget, agreement: 'on' }
  const country = callingCode(typedTarget as PhoneNumber)
  const phone = nationalNumber(typedTarget as PhoneNumber)
  // The form of a reset has one field for a number or an address.
  if (purpose === 'reset') return { identifier: written(phone, country), agreement: 'on' }
  return { phone, country, agreement: 'on' }
}
