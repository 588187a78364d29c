import type { AccountDirectory } from '../../src/accounts/directory.ts'
import type { Passwords } from '../../src/accounts/passwords.ts'
import type { Limits } from '../../src/ops/limits.ts'
import type { Connector } from './connector.ts'
import { emailMethod } from './email.ts'
import { type ExpectedCallbacks, federated } from './federated.ts'
import type { LoginMethod } from './method.ts'
import type { OtpCodes } from './otp.ts'
import { passwordMethod } from './password.ts'
import { type RegistrationRules, registerMethod } from './register.ts'
import { resetMethod } from './reset.ts'
import { smsMethod } from './sms.ts'

export type LoginMethods = ReadonlyMap<string, LoginMethod>

interface Dependencies {
  readonly codes: OtpCodes
  readonly passwords: Passwords
  readonly directory: AccountDirectory
  readonly limits: Limits<'register.ip'>
  readonly options: {
    /** Ids of the ways to log in, in the order the login page shows them. */
    readonly methods: readonly string[]
    readonly connectors: readonly Connector[]
    readonly callbacks: ExpectedCallbacks
    readonly issuer: string
    readonly registration: RegistrationRules & { readonly upstream: 'ask' | 'auto' | 'closed' }
  }
}

/** Every way in. One line a method; the order is that of the configuration. */
export function loginMethods({ codes, passwords, directory, limits, options }: Dependencies): LoginMethods {
  const { registration: rules } = options
  const builders: Readonly<Record<string, () => LoginMethod[]>> = {
    sms: () => [erase(smsMethod({ codes, registration: rules.phone, purpose: 'login' }))],
    password: () => [
      erase(passwordMethod({ passwords })),
      erase(registerMethod({ codes, passwords, limits, rules })),
      erase(resetMethod({ codes, passwords, directory })),
    ],
  }
  const { connectors, callbacks, issuer } = options
  const methods = [
    ...options.methods.flatMap((id) => builders[id]?.() ?? []),
    ...connectors.map((connector) => erase(federated({ connector, callbacks, issuer, registration: rules.upstream }))),
  ]
  return new Map(methods.map((method) => [method.id, method]))
}

interface BindingDependencies {
  readonly codes: OtpCodes
  readonly options: Pick<Dependencies['options'], 'connectors' | 'callbacks' | 'issuer'> & {
    /** What there is a sender for. */
    readonly channels: readonly ('sms' | 'email')[]
  }
}

/** Every way to prove an identity that somebody who is signed in adds. SECURITY: none of them is in the table of the logins. */
export function bindingMethods({ codes, options }: BindingDependencies): LoginMethods {
  const { channels, connectors, callbacks, issuer } = options
  const byCode = {
    sms: () => erase(smsMethod({ codes, registration: 'closed', purpose: 'bind' })),
    email: () => erase(emailMethod({ codes })),
  }
  const methods = [
    ...channels.map((channel) => byCode[channel]()),
    ...connectors.map((connector) => erase(federated({ connector, callbacks, issuer, registration: 'closed' }))),
  ]
  return new Map(methods.map((method) => [method.id, method]))
}

/** What a method remembers is its own business; to everybody else it is a value to hand back. */
function erase<State>(method: LoginMethod<State>): LoginMethod {
  return method as unknown as LoginMethod
}
