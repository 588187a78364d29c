import type { z } from 'zod'
import type { Namespace } from '../../src/accounts/namespace.ts'
import type { IdentityClaim } from '../../src/accounts/user.ts'
import type { Clock } from '../../src/base/clock.ts'
import { AppError, type ErrorCode } from '../../src/base/errors.ts'
import type { HttpClient } from '../../src/base/http.ts'
import type { Locale } from '../../src/base/i18n.ts'
import type { PhoneNumber } from '../../src/base/phone.ts'

/** What was sent along to the upstream and has to fit what comes back. Made and kept by `federated`. */
export interface Authorization {
  readonly redirectUri: string
  /** Letters and digits only, 32 of them: WeChat takes nothing else. */
  readonly state: string
  readonly nonce: string
  /** RFC 7636 §4.1. */
  readonly codeVerifier: string
  /** Which of several apps or channels of the connection was used; the connector's own business. */
  readonly variant: string
}

/** Who asks. The user agent is a hint about what can work, never a security decision. */
export interface Visit {
  readonly userAgent: string
  readonly locale: Locale
}

/** Whether the visitor is in WeChat's own browser. That of WeCom calls itself both, and has no login of ours. */
export function isInsideWechat({ userAgent }: Visit): boolean {
  return /micromessenger/i.test(userAgent) && !/wxwork/i.test(userAgent)
}

/** What the upstream's redirect carried, query or form, or what its SDK gave an app. */
export type UpstreamResponse = Readonly<Record<string, string>>

/**
 * `here`: offer it. `elsewhere`: it can only work in another browser; say so. `hidden`: it cannot work for this
 * visitor.
 */
export type Availability = 'here' | 'elsewhere' | 'hidden'

/** Where an upstream works that works only in some browsers: in the one of its own app, or on a computer. */
export type Place = 'own_app' | 'computer'

/** What an upstream vouched for. */
export interface Identification {
  readonly identity: IdentityClaim
  /** A phone number the upstream names as this person's own. */
  readonly phone?: PhoneNumber
  /** Whether that was verified some time ago: not enough to enter an account that is there. */
  readonly isPhoneDated?: boolean
  /** A credential of the upstream that a later feature needs (Apple's refresh token, to revoke it); kept sealed. */
  readonly credential?: string
}

/**
 * An upstream that vouches for people. State, nonce and PKCE are made and checked by `federated`; single use of the
 * callback is the callback's. A connector knows no user, no route and no page.
 */
export interface Connector {
  /** Name of the connection: part of its callback path, and the id of its login method. */
  readonly id: string
  /** What its identities are filed under, which says who vouched for them: see `Namespace`. */
  readonly provider: string
  /** Label for the button, where the operator gave one. */
  readonly label?: string | undefined
  availability(visit: Visit): Availability
  /** Absent: everywhere. */
  readonly places?: readonly Place[]
  /**
   * Whether this is the browser of the upstream's own app, where its button comes first. Absent: there is no such
   * browser.
   */
  isHome?(visit: Visit): boolean
  /** Which channel this visitor will use: kept in `Authorization.variant`. */
  variant(visit: Visit): string
  authorizationUrl(authorization: Authorization, visit: Visit): Promise<URL>
  /**
   * Redeems what came back in the callback's query or form. Throws `upstream.cancelled`, `upstream.code_invalid`,
   * `upstream.busy`, `upstream.misconfigured`, `upstream.account_restricted`, `upstream.snapshot` or
   * `upstream.refused`, each with an `UpstreamAnswer` as cause where the vendor said why. A code is exchanged once and
   * never again.
   */
  identify(response: UpstreamResponse, authorization: Authorization): Promise<Identification>
  /**
   * Redeems what the upstream's SDK handed to an app of ours, by the login method that brings it; a method that is
   * absent is not set up. Throws what `identify` throws, and `request.invalid` for a parameter that is missing.
   * SECURITY: only what is proved to have been made for an app of ours; what is good for one login is guarded by the
   * caller.
   */
  readonly apps?: Readonly<Partial<Record<AppMethod, (credential: UpstreamResponse) => Promise<Identification>>>>
}

/** A parameter an app must bring. Throws `request.invalid` naming it. */
export function required(credential: UpstreamResponse, name: string): string {
  const value = credential[name]
  if (!value) throw new AppError('request.invalid', { field: name })
  return value
}

/** Login methods of apps that bring what an upstream's SDK gave them. */
export const appMethods = ['wechat_app', 'wechat_mini_program', 'qq_app', 'weibo_app', 'apple'] as const
/** A method by which an app brings what its vendor's SDK gave it. */
export type AppMethod = (typeof appMethods)[number]

/** Texts all processes share and that vendors give one of at a time: the token of an API. Kept sealed. */
export interface SharedTexts {
  /** The text of this name, or where there is none what `make` gives, which a process calls once at a time. */
  get(name: string, make: () => Promise<{ readonly text: string; readonly ttlSeconds: number }>): Promise<string>
  /** Forgets this text; one that has taken its place stays. */
  forget(name: string, text: string): Promise<void>
}

/** What every connector works with. */
export interface ConnectorDependencies {
  readonly http: HttpClient
  readonly clock: Clock
  readonly shared: SharedTexts
  /** False outside the sandbox: upstream addresses must be https. */
  readonly allowInsecure: boolean
}

/** One kind of upstream: the schema of its settings and what is built from them. */
export interface ConnectorKind<Schema extends z.ZodObject> {
  readonly options: Schema
  /** Whose people it brings, and what they are filed under. */
  namespace(options: z.output<Schema>, where: Pick<ConnectorDependencies, 'allowInsecure'>): Namespace
  build(options: z.output<Schema>, dependencies: ConnectorDependencies): Connector
}

/** Ties a schema to its builder, for one line in the registry. */
export function connectorKind<Schema extends z.ZodObject>(kind: ConnectorKind<Schema>): ConnectorKind<Schema> {
  return kind
}

/** What the vendor said, for audit and log. Never holds the vendor's prose, a code or a token. */
export class UpstreamAnswer extends Error {
  override readonly name = 'UpstreamAnswer'
  readonly vendorCode: string
  readonly vendorRequestId: string | undefined

  constructor({
    vendorCode,
    requestId,
    cause,
  }: { vendorCode: string | number; requestId?: string | undefined; cause?: unknown }) {
    const code = /^[\w.:-]{1,80}$/.test(String(vendorCode)) ? String(vendorCode) : 'unrecognised'
    super(`the upstream answered ${code}`, cause === undefined ? undefined : { cause })
    this.vendorCode = code
    this.vendorRequestId = requestId !== undefined && /^[\w-]{1,64}$/.test(requestId) ? requestId : undefined
  }
}

/** What a token that was not made for us is: a fault of the vendor's, or something an app should not have brought. */
export type Unfit = 'upstream.refused' | 'upstream.code_invalid'

/** The refusal of an upstream, or of a carrier, as one of our codes. */
export function upstreamError(
  code: Extract<ErrorCode, `upstream.${string}` | `one_tap.${string}`>,
  answer: { readonly vendorCode: string | number; readonly requestId?: string | undefined; readonly cause?: unknown },
): AppError {
  return new AppError(code, { cause: new UpstreamAnswer(answer) })
}

/** The JSON in a vendor's answer, whatever its content type says. Throws `upstream.refused`. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // SECURITY: the engine's message quotes the text around the fault, which may be a token.
    throw upstreamError('upstream.refused', { vendorCode: 'unparsable' })
  }
}

/** What fits the schema of a vendor's answer. Throws `upstream.refused`. */
export function parseAnswer<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  // SECURITY: the issues name paths, not values, so no token of the answer reaches the log.
  throw upstreamError('upstream.refused', { vendorCode: 'unexpected_shape' })
}
