import { parseIdentifier } from '../../src/accounts/identifier.ts'
import type { Passwords } from '../../src/accounts/passwords.ts'
import { provedInOneStep } from '../../src/accounts/proof.ts'
import { AppError } from '../../src/base/errors.ts'
import type { Input, LoginMethod } from './method.ts'

/** User name, e-mail or phone number, and the one password of the account. */
export function passwordMethod({ passwords }: { passwords: Passwords }): LoginMethod<undefined> {
  return {
    id: 'password',
    entry: 'login',
    acrs: ['urn:menshen:acr:knowledge'],
    fields: ['identifier', 'password'],
    faults,
    async step(request) {
      const { input, ip, device, clientId, proven } = request
      const { identifier: typed = '', password = '' } = input
      if (!isBegun(input)) {
        return { kind: 'ask', ask: { view: 'login' }, fields: ['identifier', 'password'], state: undefined }
      }
      const identifier = readIdentifier(typed, input['country'])
      await passwords.verify({ identifier, password, ip, device, clientId, proven })
      return {
        kind: 'proved',
        identity: { provider: identifier.provider, subjects: [identifier.subject], profile: {} },
        amr: ['pwd'],
        ...provedInOneStep(request),
        registration: 'never',
      }
    },
  }
}

function isBegun({ identifier, password }: Input): boolean {
  return identifier !== undefined || password !== undefined
}

function faults(input: Input): readonly AppError[] {
  const { identifier = '', password = '' } = input
  if (!isBegun(input)) return []
  return [
    ...(identifier.trim() === '' ? [new AppError('identifier.required', { field: 'identifier' })] : []),
    ...(password === '' ? [new AppError('password.required', { field: 'password' })] : []),
  ]
}

/** What nobody can have as an identifier is answered like an identifier nobody has. */
function readIdentifier(typed: string, country: string | undefined) {
  try {
    return parseIdentifier(typed, country)
  } catch (cause) {
    throw new AppError('password.wrong', { field: 'password', cause })
  }
}
