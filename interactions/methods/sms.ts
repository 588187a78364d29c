import { faultsOf } from '../../src/base/errors.ts'
import { parsePhone } from '../../src/base/phone.ts'
import { beginCode, type CodeState, checkCode, identityOf, keptCodes, otpAmr, provedByCode } from './code-step.ts'
import type { Input, LoginMethod } from './method.ts'
import type { OtpCodes, OtpTarget } from './otp.ts'

interface Dependencies {
  readonly codes: OtpCodes
  readonly registration: 'auto' | 'closed'
  /** SECURITY: a code is good for what it was sent for, and says so in the message; the two never mix. */
  readonly purpose: 'login' | 'bind'
}

/** Phone number, then the code sent to it. Whoever proves a number nobody has yet gets an account. */
export function smsMethod({ codes, registration, purpose }: Dependencies): LoginMethod<CodeState> {
  return {
    id: 'sms',
    entry: 'login',
    acrs: ['urn:menshen:acr:possession'],
    fields: ['phone'],
    ...keptCodes(codes, purpose),
    faults: (input) =>
      input['phone'] === undefined ? [] : faultsOf(() => codes.requireServed(readTarget(input['phone'], input))),
    async step(request) {
      const { input, state } = request
      if (input['phone'] !== undefined) {
        const target = readTarget(input['phone'], input)
        return beginCode({ codes, request, purpose, state: { target, isLookedUp: input['known'] !== undefined } })
      }
      if (!state)
        return { kind: 'ask', ask: { view: 'login' }, fields: ['phone', 'country'], state: undefined as never }
      const next = await checkCode({ codes, request, state, purpose })
      if (next) return next
      return {
        kind: 'proved',
        identity: identityOf(state.target),
        amr: otpAmr(state.target),
        ...provedByCode(request, state),
        registration: registration === 'auto' ? 'allowed' : 'never',
      }
    },
  }
}

function readTarget(typed = '', { country }: Input): OtpTarget {
  return { channel: 'sms', to: parsePhone(typed, country) }
}
