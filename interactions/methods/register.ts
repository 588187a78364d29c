import { type ParsedIdentifier, parseNewIdentifier } from '../../src/accounts/identifier.ts'
import type { Passwords } from '../../src/accounts/passwords.ts'
import { provedInOneStep } from '../../src/accounts/proof.ts'
import { AppError } from '../../src/base/errors.ts'
import { type PhoneNumber, parsePhone } from '../../src/base/phone.ts'
import type { Acr } from '../../src/oidc/demand.ts'
import type { Limits } from '../../src/ops/limits.ts'
import { beginCode, type CodeState, checkCode, identityOf, otpAmr, provedByCode } from './code-step.ts'
import type { LoginMethod, Step, StepRequest } from './method.ts'
import type { OtpCodes, OtpTarget } from './otp.ts'

interface RegisterState extends CodeState {
  readonly passwordHash?: string
}

/** Which kinds of accounts people may make by themselves. */
export interface RegistrationRules {
  readonly phone: 'auto' | 'closed'
  readonly username: 'open' | 'closed'
  readonly email: 'open' | 'closed'
}

/** The `acr` an account that is made in each of the ways logs in with at once. */
export const acrOfKind = {
  phone: 'urn:menshen:acr:possession',
  email: 'urn:menshen:acr:possession',
  username: 'urn:menshen:acr:knowledge',
} as const satisfies Record<keyof RegistrationRules, Acr>

function registrationAcrs(rules: RegistrationRules): readonly Acr[] {
  const kinds = ['phone', 'email', 'username'] as const
  return kinds.filter((kind) => rules[kind] !== 'closed').map((kind) => acrOfKind[kind])
}

interface Dependencies {
  readonly codes: OtpCodes
  readonly passwords: Passwords
  readonly limits: Limits<'register.ip'>
  readonly rules: RegistrationRules
}

/**
 * An account by user name and password at once, or by phone number or e-mail address, which a code has to prove first.
 */
export function registerMethod({ codes, passwords, limits, rules }: Dependencies): LoginMethod<RegisterState> {
  async function begin(request: StepRequest<RegisterState>): Promise<Step<RegisterState>> {
    const { input, ip } = request
    const identifier = readIdentifier(input)
    if (rules[identifier.provider] === 'closed') throw new AppError('registration.closed')
    await limits.take('register.ip', ip)
    if (identifier.provider === 'phone') {
      const target = { channel: 'sms', to: identifier.subject as PhoneNumber } as const
      return beginCode({ codes, request, purpose: 'register', state: { target } })
    }
    const passwordHash = await hashNew(input['new_password'], identifier)
    if (identifier.provider === 'username') {
      return {
        kind: 'proved',
        identity: { provider: 'username', subjects: [identifier.subject], profile: {} },
        amr: ['pwd'],
        ...provedInOneStep(request),
        registration: 'required',
        password: { hash: passwordHash, replace: false },
      }
    }
    const target: OtpTarget = { channel: 'email', to: identifier.subject }
    return beginCode({ codes, request, purpose: 'register', state: { target, passwordHash } })
  }

  async function hashNew(password: string | undefined, identifier: ParsedIdentifier): Promise<string> {
    if (!password) throw new AppError('password.required', { field: 'new_password' })
    return passwords.prepare(password, [identifier.subject])
  }

  return {
    id: 'register',
    entry: 'register',
    acrs: registrationAcrs(rules),
    forget: (_, attemptId) => codes.forget({ attemptId, purpose: 'register' }),
    async step(request) {
      const { input, state } = request
      if (input['phone'] !== undefined || input['identifier'] !== undefined) return begin(request)
      if (!state) {
        return {
          kind: 'ask',
          ask: { view: 'register' },
          fields: ['identifier', 'new_password'],
          state: undefined as never,
        }
      }
      const next = await checkCode({ codes, request, state, purpose: 'register' })
      if (next) return next
      return {
        kind: 'proved',
        identity: identityOf(state.target),
        amr: otpAmr(state.target),
        ...provedByCode(request, state),
        registration: 'allowed',
        ...(state.passwordHash === undefined ? {} : { password: { hash: state.passwordHash, replace: false } }),
      }
    },
  }
}

function readIdentifier(input: Readonly<Record<string, string>>): ParsedIdentifier {
  if (input['phone'] !== undefined) return { provider: 'phone', subject: parsePhone(input['phone'], input['country']) }
  if (!input['identifier']?.trim()) throw new AppError('identifier.required', { field: 'identifier' })
  return parseNewIdentifier(input['identifier'], input['country'])
}
