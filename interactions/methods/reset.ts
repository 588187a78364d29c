import { parseIdentifier } from '../../src/accounts/identifier.ts'
import type { Passwords } from '../../src/accounts/passwords.ts'
import type { ProofMoment } from '../../src/accounts/proof.ts'
import { AppError, faultsOf } from '../../src/base/errors.ts'
import type { PhoneNumber } from '../../src/base/phone.ts'
import { beginCode, type CodeState, checkCode, identityOf, keptCodes, otpAmr, provedByCode } from './code-step.ts'
import type { LoginMethod, Step } from './method.ts'
import type { OtpCodes, OtpTarget } from './otp.ts'

interface ResetState extends CodeState {
  /** When the code came back right; absent before. */
  readonly proved?: ProofMoment
}

interface Dependencies {
  readonly codes: OtpCodes
  readonly passwords: Passwords
}

/**
 * Forgotten password: prove the number or address by a code, then choose another. It never makes an account, and nobody
 * learns whether there is one before proving that the number or address is theirs.
 */
export function resetMethod({ codes, passwords }: Dependencies): LoginMethod<ResetState> {
  return {
    id: 'reset',
    entry: 'reset',
    // It lets in by the code; with the new password the person can log in where only that will do.
    acrs: ['urn:menshen:acr:possession', 'urn:menshen:acr:knowledge'],
    ...keptCodes(codes, 'reset'),
    faults: ({ identifier, country }) =>
      identifier === undefined
        ? []
        : faultsOf(() => codes.requireServed(readTarget(identifier, country), 'identifier')),
    async step(request) {
      const { input, state } = request
      if (input['identifier'] !== undefined) {
        const target = readTarget(input['identifier'], input['country'])
        // A code that came back right is used up, and the next one is asked for.
        const again = { ...request, state: state?.proved ? undefined : state }
        return beginCode({ codes, request: again, purpose: 'reset', state: { target } })
      }
      if (!state) return { kind: 'ask', ask: { view: 'reset' }, fields: ['identifier'], state: undefined as never }
      if (!state.proved) {
        const next = await checkCode({ codes, request, state, purpose: 'reset' })
        return next ?? askPassword({ ...state, proved: provedByCode(request, state) })
      }
      if (input['new_password'] === undefined) return askPassword(state)
      const identity = identityOf(state.target)
      return {
        kind: 'proved',
        identity,
        amr: otpAmr(state.target),
        ...state.proved,
        registration: 'never',
        password: { hash: await passwords.prepare(input['new_password'], [state.target.to]), replace: true },
      }
    },
  }
}

function askPassword(state: ResetState): Step<ResetState> {
  return {
    kind: 'ask',
    ask: { view: 'password-new', purpose: 'reset', username: state.target.to },
    fields: ['new_password'],
    state,
  }
}

function readTarget(typed: string, country: string | undefined): OtpTarget {
  if (typed.trim() === '') throw new AppError('identifier.required', { field: 'identifier' })
  const { provider, subject } = parseIdentifier(typed, country)
  if (provider === 'phone') return { channel: 'sms', to: subject as PhoneNumber }
  if (provider === 'email') return { channel: 'email', to: subject }
  throw new AppError('email.invalid', { field: 'identifier' })
}
