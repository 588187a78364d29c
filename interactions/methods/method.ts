import type { UpstreamCredential } from '../../src/accounts/kept-credentials.ts'
import type { Device } from '../../src/accounts/known-devices.ts'
import type { ProofMoment } from '../../src/accounts/proof.ts'
import type { IdentityClaim } from '../../src/accounts/user.ts'
import type { AppError } from '../../src/base/errors.ts'
import type { UserId } from '../../src/base/ids.ts'
import type { Acr } from '../../src/oidc/demand.ts'
import type { Connector } from '../upstreams/connector.ts'
import type { Visit } from '../upstreams/visit.ts'
import type { CodeOver, OtpPurpose, OtpTarget } from './otp.ts'

/** What a person or an app has entered, by field name. */
export type Input = Readonly<Record<string, string>>

/** What a method gets to do one step. */
export interface StepRequest<State> {
  readonly attemptId: string
  /** The client that the person comes from, if one is known. */
  readonly clientId?: string | undefined
  readonly ip: string
  readonly visit: Visit
  readonly input: Input
  /** Codes that are on their way because the same browser has asked for them, in this attempt or another. */
  readonly sent?: readonly SentCode[] | undefined
  /** Who is signed in and adds a way in; absent in a login. */
  readonly userId?: UserId | undefined
  /** The browser or app that the person uses. */
  readonly device?: Device | undefined
  /** Level of the challenge that was solved for this very step; absent: none was. */
  readonly proven?: number | undefined
  /** When this step began, in milliseconds since the epoch. */
  readonly nowMs: number
  /** What the method answered last time; kept on our side. */
  readonly state: State | undefined
}

/** What a person is asked for. `resendAt` is in milliseconds since the epoch. */
export type Ask =
  | { readonly view: 'login' | 'register' | 'reset' }
  | {
      readonly view: 'code'
      readonly channel: 'sms' | 'email'
      readonly purpose: 'login' | 'register' | 'reset' | 'bind'
      readonly maskedTarget: string
      /** The whole number or address, where it was typed in this attempt: whoever mistyped it sees that. */
      readonly typedTarget?: string | undefined
      readonly resendAt: number
      /** Whether nobody knows if the code was sent. */
      readonly isUnclear: boolean
      /** Whether codes are short at present, so that only who has an account was sent one. */
      readonly isScarce?: boolean | undefined
      /** Whether it was sent before, and whoever asked for one again was led back to it. */
      readonly isEarlier?: boolean | undefined
    }
  | { readonly view: 'password-new'; readonly purpose: 'reset'; readonly username: string }

/** What the account table may do with a proved identity nobody has yet, or somebody has already. */
export type Registration = 'allowed' | 'required' | 'ask' | 'never'

/** A code that was asked for, so that another attempt of the same browser finds it. */
export interface SentCode {
  /** The attempt that it is kept with. */
  readonly attemptId: string
  readonly purpose: OtpPurpose
  readonly target: OtpTarget
  /** When the next may be asked for, in milliseconds since the epoch. */
  readonly resendAt: number
  /** When it was sent, in milliseconds since the epoch. */
  readonly sentAt: number
  /** Whose the number or address was then. */
  readonly ownerThen?: UserId | undefined
  /** Whether nobody knows if it was sent. */
  readonly isUnclear?: boolean | undefined
  /** Whether only who has an account was sent one. */
  readonly isScarce?: boolean | undefined
  /** Who was signed in when it was asked for. */
  readonly userId?: UserId | undefined
}

/** What a method answers: it asks for something, sends the person to an upstream, or has proved an identity. */
export type Step<State> =
  | {
      readonly kind: 'ask'
      readonly ask: Ask
      readonly fields: readonly string[]
      readonly state: State
      /** The code that is asked for. */
      readonly sent?: SentCode
    }
  | { readonly kind: 'redirect'; readonly to: URL; readonly state: State }
  | ({
      readonly kind: 'proved'
      readonly identity: IdentityClaim
      readonly amr: readonly string[]
      readonly registration: Registration
      /**
       * A second identity of the same person, proved in the same step: the phone number a mini program brings along.
       */
      readonly also?: IdentityClaim
      /** Whether that one was proved some time ago: it opens no account, and becomes part of none, without a code. */
      readonly isAlsoDated?: boolean
      /** A password chosen on the way, hashed. `replace` also ends every session and token of the account. */
      readonly password?: { readonly hash: string; readonly replace: boolean }
      /** A credential of the upstream, to be kept sealed beside the identity. */
      readonly credential?: UpstreamCredential
      /** The refusal for somebody whom the identity does not lead to an account: see `Identification`. */
      readonly ifUnknown?: AppError
    } & ProofMoment)

/** The answer of a method that has proved an identity. */
export type Proved = Extract<Step<unknown>, { kind: 'proved' }>

/** Somebody outside who vouches for people, as the log and the audit name them. */
export interface Asked {
  /** Name of the connection; for a carrier's vendor, which has only one, that of the vendor. */
  readonly connection: string
  readonly vendor: string
}

/** One way for a person to prove an identity. It knows no user, no route, and not whether a page or an app asks. */
export interface LoginMethod<State = unknown> {
  readonly id: string
  /** The page it begins with. */
  readonly entry: 'login' | 'register' | 'reset'
  /** Every `acr` a login by it may reach. */
  readonly acrs: readonly Acr[]
  /** Parameters an app begins it with; absent for one that only pages have. */
  readonly fields?: readonly string[]
  /** The upstream behind it, when there is one: what the login page needs for its button. */
  readonly connection?: Connector
  /**
   * Whom a step with this input asks. Absent if a step asks nobody outside: who is asked counts the questions, and may
   * want to be paid for them.
   */
  asksVendor?(input: Input): Asked | undefined
  /**
   * Everything that is wrong with a form by itself, each fault at its field, in the order of the fields; empty for an
   * input that begins nothing. It asks nobody, costs nothing and counts nothing, so that a person hears of all faults
   * at once before a step is taken.
   */
  faults?(input: Input): readonly AppError[]
  /** Why what it asked for last can no longer be answered; undefined while it can. Nothing is counted. */
  overBy?(state: State, attemptId: string): Promise<CodeOver | undefined>
  /** Forgets what was kept elsewhere for a state that is given up. */
  forget?(state: State, attemptId: string): Promise<void>
  /** One step. Throws an `AppError` when the input does not do; the state then stays as it was. */
  step(request: StepRequest<State>): Promise<Step<State>>
}

/** Whether an input begins what makes an account and nothing else. */
export function isRegistration(method: LoginMethod | undefined, { phone, identifier }: Input): boolean {
  return method?.entry === 'register' && (phone !== undefined || identifier !== undefined)
}

/** Methods that prove a phone number, the quicker one first. */
export const provesPhone: readonly string[] = ['one_tap', 'sms']
