import type { Guard } from '../../src/abuse/abuse-guard.ts'
import { type ParsedIdentifier, parseNewIdentifier } from '../../src/accounts/identifier.ts'
import { installationOf } from '../../src/accounts/known-devices.ts'
import type { Passwords } from '../../src/accounts/passwords.ts'
import { provedInOneStep } from '../../src/accounts/proof.ts'
import { AppError, type ErrorCode, faultsOf } from '../../src/base/errors.ts'
import { type PhoneNumber, parsePhone } from '../../src/base/phone.ts'
import type { Acr } from '../../src/oidc/demand.ts'
import { beginCode, type CodeState, checkCode, identityOf, keptCodes, otpAmr, provedByCode } from './code-step.ts'
import type { Input, LoginMethod, Step, StepRequest } from './method.ts'
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
  readonly guard: Pick<Guard<'register.ip'>, 'require'>
  readonly rules: RegistrationRules
  /** Whether a mail address is one of those that are thrown away. */
  readonly isDisposable: (address: string) => boolean
}

/**
 * An account by user name and password at once, or by phone number or e-mail address, which a code has to prove first.
 */
export function registerMethod({
  codes,
  passwords,
  guard,
  rules,
  isDisposable,
}: Dependencies): LoginMethod<RegisterState> {
  async function begin(request: StepRequest<RegisterState>): Promise<Step<RegisterState>> {
    const { input, ip, device, clientId, proven } = request
    const identifier = readIdentifier(input)
    if (rules[identifier.provider] === 'closed') throw new AppError('registration.closed')
    const wanted = {
      act: 'registration',
      to: identifier.subject,
      name: identifier.subject,
      ip,
      device: installationOf(device),
      clientId,
      proven,
    } as const
    await guard.require({ ...wanted, isKnownDevice: false }, [['register.ip', ip]])
    if (identifier.provider === 'phone') {
      return beginCode({ codes, request, purpose: 'register', state: { target: smsTo(identifier) } })
    }
    const passwordHash = await passwords.prepare(input['new_password'] ?? '', [identifier.subject])
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

  function faults(input: Input): readonly AppError[] {
    if (!isBegun(input)) return []
    let read: ParsedIdentifier | undefined
    const readable = () => {
      read = readIdentifier(input)
      if (read.provider === 'phone') codes.requireServed(smsTo(read))
      if (read.provider === 'email' && isDisposable(read.subject))
        throw new AppError('email.disposable', { field: 'identifier' })
    }
    const choosable = () => {
      if (input['phone'] === undefined && read?.provider !== 'phone')
        passwords.check(input['new_password'] ?? '', read ? [read.subject] : [])
    }
    return faultsOf(readable, choosable)
  }

  return {
    id: 'register',
    entry: 'register',
    acrs: registrationAcrs(rules),
    ...keptCodes(codes, 'register'),
    faults,
    async step(request) {
      const { input, state } = request
      if (isBegun(input)) return begin(request)
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

function isBegun({ phone, identifier }: Input): boolean {
  return phone !== undefined || identifier !== undefined
}

function smsTo({ subject }: ParsedIdentifier): OtpTarget {
  return { channel: 'sms', to: subject as PhoneNumber }
}

/** What is told to who makes an account of a kind that was chosen before. */
const kindRefusals: ReadonlyMap<string | undefined, readonly [missing: ErrorCode, invalid: ErrorCode]> = new Map([
  ['email', ['email.missing', 'email.invalid']],
  ['username', ['username.missing', 'username.invalid']],
])

function readIdentifier(input: Input): ParsedIdentifier {
  if (input['phone'] !== undefined) return { provider: 'phone', subject: parsePhone(input['phone'], input['country']) }
  const { identifier = '', country, kind } = input
  const [missing = 'identifier.required', invalid] = kindRefusals.get(kind) ?? []
  if (identifier.trim() === '') throw new AppError(missing, { field: 'identifier' })
  const read = parseNewIdentifier(identifier, country)
  // Whoever makes an account with an address does not get one without, because they forgot half of it.
  if (invalid && read.provider !== kind) throw new AppError(invalid, { field: 'identifier' })
  return read
}
