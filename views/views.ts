import type { AccountTakenView, AccountUnbindView, AccountView, DevicesView, IdentityItem } from './account-views.ts'
import type {
  ContinueView,
  DeviceConfirmView,
  DeviceDoneView,
  LogoutDoneView,
  LogoutView,
  MessageView,
  TermsView,
} from './plain-views.ts'

/** The languages the pages are written in; the same values as `Locale`, which this folder must not import. */
export type PageLocale = 'zh-CN' | 'en'

/** What surrounds every page, whatever it shows. */
export interface PageContext {
  readonly locale: PageLocale
  readonly brand: { readonly name: string; readonly supportUrl?: string | undefined }
  /** Name of the app the person is on the way to. */
  readonly clientName?: string | undefined
  readonly requestId: string
  readonly sandbox: boolean
  /**
   * Path (with query, if any) the language links lead to, `lang` added. Absent: a page that only answers a POST
   * elsewhere, so no links.
   */
  readonly languagePath?: string | undefined
  /** Folder of the assets as the browser sees it: `/assets`. */
  readonly assetPath: string
}

/** A refusal on the page that caused it. `message` is translated; `field` is the name of the input. */
export interface PageError {
  readonly code: string
  readonly message: string
  readonly field?: string | undefined
}

/** A country in the list beside the phone number. */
export interface Country {
  /** Without the plus: `86`. */
  readonly callingCode: string
  readonly name: string
}

/** A document that has to be agreed to. */
export interface Agreement {
  readonly id: string
  readonly title: string
  readonly url: string
}

/** What was typed, to be shown again. Never a password, never a code. */
export interface TypedValues {
  readonly phone?: string | undefined
  readonly country?: string | undefined
  readonly identifier?: string | undefined
  /** The box was ticked in the form that comes back; on a first sight it never is. */
  readonly agreed?: boolean
}

/** An upstream on the login page. `isHere` is false where it can only work in another browser. */
export interface ConnectionItem {
  readonly id: string
  readonly provider: string
  readonly label?: string | undefined
  readonly isHere: boolean
  /** Where it works, if not everywhere. */
  readonly places?: readonly ('own_app' | 'computer')[] | undefined
  readonly isLast: boolean
}

/** Posts `choice=new`; or else a link leads to the login page, after which the person is asked whether to bind it. */
export interface ChooseView {
  readonly provider: string
  readonly nickname?: string | undefined
  readonly canRegister: boolean
  readonly existingMethod: string
}

/** One person, several accounts: nothing has changed, and here they are. */
export interface ConflictView {
  readonly provider: string
  readonly accounts: readonly { readonly label: string; readonly createdAt: Date; readonly lastUsedAt: Date }[]
  readonly otherMethod: string
  readonly phoneTaken: boolean
}

/**
 * Posts `choice=without_binding`, which comes first, or `choice=bind`. Two proofs of one attempt may be two people's.
 */
export interface BindIdentityView {
  /** What waits: an upstream's identity, or the phone number that was asked for. */
  readonly identity: { readonly provider: string; readonly label: string; readonly nickname?: string | undefined }
  readonly account: { readonly label: string; readonly nickname?: string | undefined }
  /** Whether it still can be: what failed once is only left. */
  readonly canBind: boolean
  readonly error?: PageError | undefined
}

/** Posts `method`, `agreement` and `phone` + `country`, or `identifier` + `password`; or else `choice=cancel`. */
export interface LoginView {
  /** `sms` or `password`; the id of a connection only where `agreementMissing` asks before it is used. */
  readonly method: string
  readonly values: TypedValues
  readonly countries: readonly Country[]
  readonly agreements: readonly Agreement[]
  readonly error?: PageError | undefined
  /** The form came without the tick: ask once more, in the one question "agree and continue?". */
  readonly agreementMissing: boolean
  readonly loginHint?: string | undefined
  /** `prompt=login` or `max_age`: the person is known and must prove it again. */
  readonly reauthenticate: boolean
  readonly canRegister: boolean
  readonly cancelAllowed: boolean
  /** Ids of the methods on offer; `sms` and `password` become tabs. None: only connections reach what is asked for. */
  readonly offeredMethods: readonly string[]
  /** Other ways in, each a button that posts its id as `method`. */
  readonly connections: readonly ConnectionItem[]
  /** Provider of an identity that waits: after the login the person is asked whether it is to be bound. */
  readonly binding?: string | undefined
  /** Nobody gets in without a phone number: it is all that is asked for. */
  readonly needsPhone?: boolean
  /** Why the person is no longer signed in, in one translated sentence, and since when. */
  readonly ended?: { readonly message: string; readonly at: Date } | undefined
  /** The submit button waits this long where JavaScript runs; the server refuses in any case. */
  readonly retryAfterSeconds?: number | undefined
}

/** Posts `method` and `otp`; the resend form posts `method` and `resend=1`. Both carry `form_token` when given. */
export interface CodeView {
  readonly channel: 'sms' | 'email'
  readonly maskedTarget: string
  readonly purpose: 'login' | 'register' | 'reset' | 'bind'
  readonly method: string
  readonly formToken?: string | undefined
  readonly resendAfterSeconds: number
  readonly error?: PageError | undefined
  readonly triesLeft?: number | undefined
}

/**
 * Posts `new_password`, and `password` when the current one is asked for; the skip form posts `choice=skip`. Both carry
 * `form_token` when given.
 */
export interface PasswordNewView {
  readonly purpose: 'reset' | 'set' | 'change'
  readonly method?: string | undefined
  readonly minLength: number
  /** For the password manager, in a hidden field it can read. */
  readonly username?: string | undefined
  readonly needsCurrent: boolean
  readonly error?: PageError | undefined
  readonly formToken?: string | undefined
  readonly canSkip: boolean
  /** Offers a box, never ticked beforehand: `sign_out_others`. */
  readonly canSignOutOthers?: boolean
}

/** What a new account is made with. */
export type RegisterKind = 'phone' | 'email' | 'username'

/** Posts `method=register`, `kind`, `agreement` and `phone` + `country`, or `identifier` + `new_password`. */
export interface RegisterView {
  readonly kind: RegisterKind
  readonly offeredKinds: readonly RegisterKind[]
  readonly values: TypedValues
  readonly countries: readonly Country[]
  readonly agreements: readonly Agreement[]
  readonly minLength: number
  readonly error?: PageError | undefined
}

/** Posts `method=reset`, `agreement` and `identifier` (phone or e-mail). */
export interface ResetView {
  readonly values: TypedValues
  readonly agreements: readonly Agreement[]
  readonly error?: PageError | undefined
}

/** One line of what a client asks for. */
export interface ScopeItem {
  readonly name: string
  readonly title: string
  readonly description: string
  /** Shown as part of the request; only the others have a checkbox, never ticked beforehand. */
  readonly required: boolean
}

/**
 * Posts `choice` = `allow`, `deny` or `switch`, and one `scope` for each ticked optional scope: the scope's name, or
 * `<resource> <scope>` (one space) for the scope of a resource, because two resources may use one name.
 */
export interface ConsentView {
  readonly client: {
    readonly name: string
    /** Never loaded: a foreign image would tell its server who logs in. The first letter of the name is shown. */
    readonly logoUri?: string | undefined
    readonly policyUri?: string | undefined
    readonly tosUri?: string | undefined
    readonly uri?: string | undefined
    readonly filingNumber?: string | undefined
  }
  readonly scopes: readonly ScopeItem[]
  readonly resources: readonly { readonly resource: string; readonly scopes: readonly ScopeItem[] }[]
  /** Masked label of the signed-in account. */
  readonly account: string
  /** Whether another account can be chosen: not for a device, whose request cannot be made again here. */
  readonly canSwitch: boolean
  readonly offlineAccess: boolean
}

/** The page of an error. */
export interface ErrorView {
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
  readonly requestId: string
  readonly at: Date
  readonly retryHref?: string | undefined
  readonly homeHref?: string | undefined
  readonly retryAfterSeconds?: number | undefined
}

/** Posts `xsrf` and `user_code` to `action`. */
export interface DeviceCodeView {
  readonly action: string
  readonly xsrf: string
  readonly userCode?: string | undefined
  readonly error?: PageError | undefined
}

/** Posts `nickname` and `form_token`. */
export interface AccountProfileView {
  readonly nickname: string
  readonly maxLength: number
  readonly formToken: string
  readonly error?: PageError | undefined
}

/** Each button of an upstream posts its id as `method`, and `form_token`. */
export interface IdentitiesView {
  readonly identities: readonly IdentityItem[]
  /** Ways in that a code proves, each a page. `isFull`: no more of this provider can be bound. */
  readonly codeWays: readonly { readonly kind: 'phone' | 'email'; readonly href: string; readonly isFull: boolean }[]
  readonly connections: readonly (Omit<ConnectionItem, 'isLast'> & { readonly isFull: boolean })[]
  readonly formToken: string
  readonly backHref: string
  readonly notice?: string | undefined
  readonly error?: PageError | undefined
}

/** Posts `phone` + `country` or `identifier`, and `form_token`. */
export interface AccountBindView {
  readonly kind: 'phone' | 'email'
  readonly values: TypedValues
  readonly countries: readonly Country[]
  readonly formToken: string
  readonly backHref: string
  readonly error?: PageError | undefined
  readonly retryAfterSeconds?: number | undefined
}

/** The data each page takes. A page's name is also the name of its template. */
export interface Views {
  readonly login: LoginView
  readonly code: CodeView
  readonly 'password-new': PasswordNewView
  readonly register: RegisterView
  readonly reset: ResetView
  readonly consent: ConsentView
  readonly choose: ChooseView
  readonly conflict: ConflictView
  readonly 'bind-identity': BindIdentityView
  readonly logout: LogoutView
  readonly 'logout-done': LogoutDoneView
  readonly error: ErrorView
  readonly 'device-code': DeviceCodeView
  readonly 'device-confirm': DeviceConfirmView
  readonly 'device-done': DeviceDoneView
  readonly account: AccountView
  readonly 'account-profile': AccountProfileView
  readonly identities: IdentitiesView
  readonly 'account-unbind': AccountUnbindView
  readonly 'account-bind': AccountBindView
  readonly 'account-taken': AccountTakenView
  readonly devices: DevicesView
  readonly terms: TermsView
  readonly message: MessageView
  readonly continue: ContinueView
}

/** The name of a page. */
export type ViewName = keyof Views
