import type { Guard } from '../../src/abuse/abuse-guard.ts'
import type { Passwords } from '../../src/accounts/passwords.ts'
import type { Acr } from '../../src/oidc/demand.ts'
import type { Connector } from '../upstreams/connector.ts'
import type { OneTapVendor } from '../upstreams/one-tap-vendor.ts'
import { appLogins } from './app-login.ts'
import { emailMethod } from './email.ts'
import { type ExpectedCallbacks, federated } from './federated.ts'
import type { LoginMethod } from './method.ts'
import { oneTapMethod } from './one-tap.ts'
import type { OtpCodes } from './otp.ts'
import { passwordMethod } from './password.ts'
import { type RegistrationRules, registerMethod } from './register.ts'
import { resetMethod } from './reset.ts'
import { smsMethod } from './sms.ts'
import type { Spent } from './spent-credentials.ts'

/** All methods on offer, by their ids. */
export type LoginMethods = ReadonlyMap<string, LoginMethod>

/** Every `acr` that a way in of these tables reaches. */
export function reachedBy(...tables: readonly LoginMethods[]): ReadonlySet<Acr> {
  return new Set(tables.flatMap((methods) => [...methods.values()].flatMap(({ acrs }) => acrs)))
}

interface Dependencies {
  readonly codes: OtpCodes
  readonly passwords: Passwords
  readonly guard: Pick<Guard<'register.ip'>, 'require'>
  readonly options: {
    /** Ids of the ways to log in, in the order the login page shows them. */
    readonly methods: readonly string[]
    readonly connectors: readonly Connector[]
    readonly callbacks: ExpectedCallbacks
    readonly issuer: string
    readonly registration: RegistrationRules & { readonly upstream: 'ask' | 'auto' | 'closed' }
    /** Whether a mail address is one of those that are thrown away. */
    readonly isDisposable: (address: string) => boolean
  }
}

/** Every way in. One line a method; the order is that of the configuration. */
export function loginMethods({ codes, passwords, guard, options }: Dependencies): LoginMethods {
  const { registration: rules, isDisposable } = options
  const builders: Readonly<Record<string, () => LoginMethod[]>> = {
    sms: () => [erase(smsMethod({ codes, registration: rules.phone, purpose: 'login' }))],
    password: () => [
      erase(passwordMethod({ passwords })),
      erase(registerMethod({ codes, passwords, guard, rules, isDisposable })),
      erase(resetMethod({ codes, passwords })),
    ],
  }
  const { connectors, callbacks, issuer } = options
  return byId([
    ...options.methods.flatMap((id) => builders[id]?.() ?? []),
    ...connectors.map((connector) => erase(federated({ connector, callbacks, issuer, registration: rules.upstream }))),
  ])
}

interface BindingDependencies {
  readonly codes: OtpCodes
  readonly options: Pick<Dependencies['options'], 'connectors' | 'callbacks' | 'issuer'> & {
    /** What there is a sender for. */
    readonly channels: readonly ('sms' | 'email')[]
  }
}

/**
 * Every way to prove an identity that somebody who is signed in adds. SECURITY: none of them is in the table of the
 * logins.
 */
export function bindingMethods({ codes, options }: BindingDependencies): LoginMethods {
  const { channels, connectors, callbacks, issuer } = options
  return byId([
    ...codeBindings(codes, channels),
    ...connectors.map((connector) => erase(federated({ connector, callbacks, issuer, registration: 'closed' }))),
  ])
}

/**
 * Every way to prove another account of somebody who is signed in: as adding a way in, and by its password. SECURITY:
 * none of them is in the table of the logins.
 */
export function mergingMethods({ passwords, ...binding }: MergingDependencies): LoginMethods {
  return byId([...bindingMethods(binding).values(), erase(passwordMethod({ passwords }))])
}

type MergingDependencies = BindingDependencies & Pick<Dependencies, 'passwords'>

interface NativeDependencies {
  readonly codes: OtpCodes
  readonly passwords: Passwords
  readonly spent: Spent
  readonly options: Pick<Dependencies['options'], 'methods' | 'connectors' | 'registration'> & {
    readonly oneTap: readonly OneTapVendor[]
  }
}

/** Every way in for an app that draws its own screens. */
export function nativeMethods({ codes, passwords, spent, options }: NativeDependencies): LoginMethods {
  const { connectors, oneTap, registration } = options
  const builders: Readonly<Record<string, () => LoginMethod>> = {
    sms: () => erase(smsMethod({ codes, registration: registration.phone, purpose: 'login' })),
    password: () => erase(passwordMethod({ passwords })),
  }
  return byId([
    ...options.methods.flatMap((id) => builders[id]?.() ?? []),
    ...fromPhones({ spent, connectors, oneTap, registration }),
  ])
}

interface NativeBindingDependencies {
  readonly codes: OtpCodes
  readonly spent: Spent
  readonly options: Pick<BindingDependencies['options'], 'channels' | 'connectors'> &
    Pick<NativeDependencies['options'], 'oneTap'>
}

/** The same for somebody who is signed in and adds a way in. SECURITY: none of them is in the table of the logins. */
export function nativeBindingMethods({ codes, spent, options }: NativeBindingDependencies): LoginMethods {
  const { channels, connectors, oneTap } = options
  const registration = { upstream: 'closed', phone: 'closed' } as const
  return byId([...codeBindings(codes, channels), ...fromPhones({ spent, connectors, oneTap, registration })])
}

/**
 * Every way to prove another account of somebody who is signed in to an app. SECURITY: none of them is in the table of
 * the logins.
 */
export function nativeMergingMethods({ passwords, ...binding }: NativeMergingDependencies): LoginMethods {
  return byId([...nativeBindingMethods(binding).values(), erase(passwordMethod({ passwords }))])
}

type NativeMergingDependencies = NativeBindingDependencies & Pick<Dependencies, 'passwords'>

/** What a carrier or the SDK of an upstream gives an app. */
function fromPhones({
  spent,
  connectors,
  oneTap,
  registration,
}: Parameters<typeof appLogins>[0] & { readonly oneTap: readonly OneTapVendor[] }): LoginMethod[] {
  const carrier = { vendors: oneTap, spent, registration: registration.phone }
  return [
    ...(oneTap.length > 0 ? [erase(oneTapMethod(carrier))] : []),
    ...appLogins({ connectors, spent, registration }).map(erase),
  ]
}

function codeBindings(codes: OtpCodes, channels: readonly ('sms' | 'email')[]): LoginMethod[] {
  const byCode = {
    sms: () => erase(smsMethod({ codes, registration: 'closed', purpose: 'bind' })),
    email: () => erase(emailMethod({ codes })),
  }
  return channels.map((channel) => byCode[channel]())
}

function byId(methods: readonly LoginMethod[]): LoginMethods {
  return new Map(methods.map((method) => [method.id, method]))
}

/** Only the method knows what it remembers; for everybody else it is a value to hand back. */
function erase<State>(method: LoginMethod<State>): LoginMethod {
  return method as unknown as LoginMethod
}
