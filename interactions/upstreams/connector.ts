import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import type { z } from 'zod'
import type { UpstreamCredential } from '../../src/accounts/kept-credentials.ts'
import type { Namespace } from '../../src/accounts/namespace.ts'
import type { IdentityClaim } from '../../src/accounts/user.ts'
import type { Clock } from '../../src/base/clock.ts'
import { AppError, type ErrorCode } from '../../src/base/errors.ts'
import type { HttpClient } from '../../src/base/http.ts'
import type { Localized } from '../../src/base/languages.ts'
import type { PhoneNumber } from '../../src/base/phone.ts'
import type { BrandPicture } from '../../src/brand/read-brand.ts'
import type { IconName } from './connection-base.ts'
import type { AppName, Visit } from './visit.ts'

/** What was sent to the upstream and must fit what comes back. `federated` makes it and keeps it. */
export interface Authorization {
  readonly redirectUri: string
  /** 32 letters and digits only, because WeChat accepts nothing else. */
  readonly state: string
  readonly nonce: string
  /** RFC 7636 §4.1. */
  readonly codeVerifier: string
  /** Which of the connection's apps or channels was used. Only the connector knows what it means. */
  readonly variant: string
}

/** The parameters of the upstream's redirect, from query or form, or those that its SDK gave an app. */
export type UpstreamResponse = Readonly<Record<string, string>>

/**
 * `here`: offer it. `elsewhere`: it works only in another browser, and the page says so. `hidden`: it cannot work for
 * this visitor.
 */
export type Availability = 'here' | 'elsewhere' | 'hidden'

/** Where an upstream works if it works only in some browsers: in the browser of its own app, or on a computer. */
export type Place = 'own_app' | 'computer'

/** A page of an upstream inside our login page. */
export interface Frame {
  /** Whose page it is: nothing else may be inside ours. */
  readonly origin: string
  /** Whether it works for this visitor. */
  isOffered(visit: Visit): boolean
  /** SECURITY: from there the top window is led to the callback, where the browser's cookies are. */
  url(authorization: Authorization, visit: Visit): URL
}

/** What an upstream vouched for. */
export interface Identification {
  readonly identity: IdentityClaim
  /** A phone number that, as the upstream says, belongs to this person. */
  readonly phone?: PhoneNumber
  /** Whether that number was verified some time ago. Then it is not enough to enter an existing account. */
  readonly isPhoneDated?: boolean
  /**
   * What has to be given back to the upstream when the identity goes (Apple's refresh token). It is stored sealed.
   */
  readonly credential?: UpstreamCredential
  /**
   * The refusal for somebody whom these subjects do not lead to an account: something could not be asked that could
   * have led to one. Without it the person would get a second account.
   */
  readonly ifUnknown?: AppError
}

/** A question to a vendor that nobody is hurt by. */
export interface Question {
  /** The app or address it is about, as the settings call it: a vendor may know one of several and not the others. */
  readonly about: string
  /**
   * Asks. A vendor that knows us throws `upstream.code_invalid` or its like: it dislikes what was made up, and nothing
   * else.
   */
  ask(): Promise<unknown>
  /** Whether a vendor that knows us gives an answer instead. */
  readonly isAnswered?: boolean
  /** Whether people can log in without an answer. */
  readonly isOptional?: boolean
  /** What it shows that the vendor dislikes what was made up, where that is not that id and secret are right. */
  readonly shows?: string
}

/** A code or token that no vendor has made. */
export function madeUp(): string {
  return randomBytes(16).toString('hex')
}

/**
 * An upstream that vouches for people. `federated` makes and checks state, nonce and PKCE; the callback makes sure that
 * it is used only once. A connector knows nothing of users, routes and pages.
 */
export interface Connector {
  /** Name of the connection: part of its callback path, and the id of its login method. */
  readonly id: string
  /** The name that its identities are stored under. It says who vouched for them: see `Namespace`. */
  readonly provider: string
  /** What the operator calls it on buttons, in one language or in each, if they call it anything. */
  readonly label?: Localized | undefined
  /** The icon of its button, if it is not the one of its type: one of ours, or a picture of the operator. */
  readonly icon?: IconName | BrandPicture | undefined
  availability(visit: Visit): Availability
  /** If absent, it works everywhere. */
  readonly places?: readonly Place[]
  /** The upstream's own app, in whose browser its button comes first. Absent if it has none. */
  readonly home?: AppName | undefined
  /** Which channel this visitor will use. It is kept in `Authorization.variant`. */
  variant(visit: Visit): string
  authorizationUrl(authorization: Authorization, visit: Visit): Promise<URL>
  /** The upstream's page as a part of ours, with a code that a phone scans. Absent if it has none. */
  readonly frame?: Frame
  /**
   * Redeems what came back in the callback's query or form. Throws `upstream.cancelled`, `upstream.code_invalid`,
   * `upstream.busy`, `upstream.misconfigured`, `upstream.account_restricted`, `upstream.snapshot` or
   * `upstream.refused`. Each has an `UpstreamAnswer` as cause if the vendor said why. A code is exchanged once and
   * never again.
   */
  identify(response: UpstreamResponse, authorization: Authorization): Promise<Identification>
  /**
   * What `menshen doctor` asks the vendor to find out whether ids and secrets are right: one exchange with a made-up
   * code for each app. Nothing is used up, sent or charged. `callback` is the address that people come back to.
   */
  questions(callback: string): readonly Question[]
  /**
   * Redeems what the upstream's SDK gave to an app of ours. Each function has the name of the login method that brings
   * it; a method that is absent is not set up. Throws what `identify` throws, and `request.invalid` for a missing
   * parameter. SECURITY: accepts only what was provably made for an app of ours. The caller makes sure that what is
   * good for one login is used only once.
   */
  readonly apps?: Readonly<Partial<Record<AppMethod, (credential: UpstreamResponse) => Promise<Identification>>>>
  /**
   * Reads what the upstream posts to `/notifications/<id>`. Absent if it posts nothing. Throws `request.invalid` for
   * what the upstream has not said to us, or not lately, and `upstream.busy` or `upstream.refused` if that cannot be
   * found out now. SECURITY: the caller makes sure that nothing is done twice.
   */
  readonly notice?: (body: string) => Promise<UpstreamNotice>
  /** Absent if the upstream gives nothing to keep. */
  readonly keeping?: {
    /** Our client ids that credentials are kept for. */
    readonly clients: readonly string[]
    /**
     * Gives a credential back; one that the upstream does not know is as good as given back. Throws what `identify`
     * throws.
     */
    revoke(credential: UpstreamCredential): Promise<void>
  }
}

/** What an upstream tells us by itself of somebody who came by it. */
export interface UpstreamNotice {
  /** The same notice may come several times, by the same name. */
  readonly id: string
  readonly subject: string
  /** `mail_relay`: whether its addresses reach the person has changed. `other` is nothing that we know. */
  readonly kind: 'consent_ended' | 'account_deleted' | 'mail_relay' | 'other'
  /** The upstream's own word for it. */
  readonly word: string
  /** Milliseconds since the epoch. */
  readonly happenedAt: number
}

/** A parameter that an app must bring. Throws `request.invalid`, which names the parameter. */
export function required(credential: UpstreamResponse, name: string): string {
  const value = credential[name]
  if (!value) throw new AppError('request.invalid', { field: name })
  return value
}

/** Login methods of apps that bring what an upstream's SDK gave them. */
export const appMethods = ['wechat_app', 'wechat_mini_program', 'qq_app', 'weibo_app', 'apple'] as const
/** A method by which an app brings what its vendor's SDK gave it. */
export type AppMethod = (typeof appMethods)[number]

/**
 * Texts that all processes share because the vendor has only one at a time, such as the token of an API. They are
 * stored sealed.
 */
export interface SharedTexts {
  /** The text of this name. If there is none, `make` makes it; a process runs only one `make` at a time. */
  get(name: string, make: () => Promise<{ readonly text: string; readonly ttlSeconds: number }>): Promise<string>
  /** Forgets this text. If another text has taken its place, that one stays. */
  forget(name: string, text: string): Promise<void>
}

/** What every connector works with. */
export interface ConnectorDependencies {
  readonly http: HttpClient
  readonly clock: Clock
  readonly shared: SharedTexts
  /** False outside the sandbox, where the addresses of upstreams must be https. */
  readonly allowInsecure: boolean
}

/** One kind of upstream: the schema of its settings, and the function that builds its connector. */
export interface ConnectorKind<Schema extends z.ZodObject> {
  readonly options: Schema
  /** Which people it brings, and under which name they are stored. */
  namespace(options: z.output<Schema>, where: Pick<ConnectorDependencies, 'allowInsecure'>): Namespace
  build(options: z.output<Schema>, dependencies: ConnectorDependencies): Connector
}

/** Settings that every connection has: see `connectionBase`. */
type AnyOptions = z.ZodObject & z.ZodType<{ readonly id: string; readonly label?: Localized | undefined }>

/** What the settings and the name space say of a connector. */
type FromSettings = 'id' | 'provider' | 'label'

/** What most connectors have in common. */
type Usual = 'availability' | 'variant'

/** One kind of upstream as its file describes it; `connectorKind` adds what the others have too. */
interface ConnectorParts<Schema extends AnyOptions> extends Pick<ConnectorKind<Schema>, 'options' | 'namespace'> {
  /** `provider` is the name that its identities are stored under. */
  build(
    options: z.output<Schema>,
    dependencies: ConnectorDependencies,
    provider: string,
  ): Omit<Connector, FromSettings | Usual> & Partial<Pick<Connector, Usual>>
}

/**
 * Ties a schema to its builder, so that the registry needs one line for it. A connector that does not say otherwise is
 * offered to every visitor and has one channel, the web.
 */
export function connectorKind<Schema extends AnyOptions>(parts: ConnectorParts<Schema>): ConnectorKind<Schema> {
  return {
    ...parts,
    build(options, dependencies) {
      const { provider } = parts.namespace(options, dependencies)
      const { id, label } = options
      const usual: Pick<Connector, Usual> = { availability: () => 'here', variant: () => 'web' }
      return { id, provider, label, ...usual, ...parts.build(options, dependencies, provider) }
    },
  }
}

/** What of a vendor's refusal may be kept. */
export interface VendorFacts {
  readonly vendorCode: string | number
  readonly requestId?: string | undefined
  readonly addressSeen?: string | undefined
  readonly cause?: unknown
}

/** What the vendor said, for audit and log. It never contains the vendor's free text, a code or a token. */
export class UpstreamAnswer extends Error {
  override readonly name = 'UpstreamAnswer'
  readonly vendorCode: string
  readonly vendorRequestId: string | undefined
  /** The address of ours that the vendor does not let in, if it says so. */
  readonly addressSeen: string | undefined

  constructor({ vendorCode, requestId, addressSeen, cause }: VendorFacts) {
    const code = /^[\w.:-]{1,80}$/.test(String(vendorCode)) ? String(vendorCode) : 'unrecognised'
    super(`the upstream answered ${code}`, cause === undefined ? undefined : { cause })
    this.vendorCode = code
    this.vendorRequestId = requestId !== undefined && /^[\w:-]{1,64}$/.test(requestId) ? requestId : undefined
    this.addressSeen = addressSeen !== undefined && isIP(addressSeen) !== 0 ? addressSeen : undefined
  }
}

/**
 * The error for a token that was not made for us: either the vendor made a mistake, or an app brought a token it should
 * not have brought.
 */
export type Unfit = 'upstream.refused' | 'upstream.code_invalid'

/** Turns the refusal of an upstream, or of a carrier, into one of our codes. */
export function upstreamError(
  code: Extract<ErrorCode, `upstream.${string}` | `one_tap.${string}`>,
  answer: VendorFacts,
): AppError {
  return new AppError(code, { cause: new UpstreamAnswer(answer) })
}
