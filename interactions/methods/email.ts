import { parseIdentifier } from '../../src/accounts/identifier.ts'
import { AppError, faultsOf } from '../../src/base/errors.ts'
import { beginCode, type CodeState, checkCode, identityOf, keptCodes, otpAmr, provedByCode } from './code-step.ts'
import type { LoginMethod } from './method.ts'
import type { OtpCodes } from './otp.ts'

/**
 * E-mail address, then the code sent to it: for somebody who is signed in and adds the address. It is no way to log in.
 */
export function emailMethod({ codes }: { codes: OtpCodes }): LoginMethod<CodeState> {
  return {
    id: 'email',
    entry: 'login',
    acrs: ['urn:menshen:acr:possession'],
    fields: ['identifier'],
    ...keptCodes(codes, 'bind'),
    faults: ({ identifier }) => (identifier === undefined ? [] : faultsOf(() => readAddress(identifier))),
    async step(request) {
      const { input, state } = request
      if (input['identifier'] !== undefined) {
        const target = { channel: 'email', to: readAddress(input['identifier']) } as const
        return beginCode({
          codes,
          request,
          purpose: 'bind',
          state: { target, isLookedUp: input['known'] !== undefined },
        })
      }
      if (!state) return { kind: 'ask', ask: { view: 'login' }, fields: ['identifier'], state: undefined as never }
      const next = await checkCode({ codes, request, state, purpose: 'bind' })
      if (next) return next
      return {
        kind: 'proved',
        identity: identityOf(state.target),
        amr: otpAmr(state.target),
        ...provedByCode(request, state),
        registration: 'never',
      }
    },
  }
}

function readAddress(typed: string): string {
  const invalid = () => new AppError('email.invalid', { field: 'identifier' })
  if (typed.trim() === '') throw new AppError('email.missing', { field: 'identifier' })
  if (!typed.includes('@')) throw invalid()
  const { provider, subject } = parseIdentifier(typed)
  if (provider !== 'email') throw invalid()
  return subject
}
