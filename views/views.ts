import type { IdentityItem, OwnAccountViews } from './account-views.ts'
import type {
  ChooseAccountView,
  ChooseView,
  ConfirmOwnerView,
  ConflictView,
  LeavingView,
  SelectAccountView,
} from './choice-views.ts'
import type { ConsentView } from './consent-views.ts'
import type { Agreement, ConnectionItem, Country, PageError, TypedValues } from './form-values.ts'
import type { AgreeView, CaptchaView, HumanCheckView, LoginView } from './login-views.ts'
import type { MergeViews } from './merge-views.ts'
import type { ClientLogo, PageBrand } from './page-brand.ts'
import type {
  CollectedView,
  ContinueView,
  DeviceConfirmView,
  DeviceDoneView,
  LogoutDoneView,
  LogoutView,
  MessageView,
  TermsView,
} from './plain-views.ts'

/** Tag of a language that there is a file of sentences for: `Locale`, which this folder must not import. */
export type PageLocale = string

/** What surrounds every page, whatever it shows. */
export interface PageContext {
  readonly locale: PageLocale
  readonly brand: PageBrand
  /** Picture of the app that the person wants to log in to, where that app is somebody else's. */
  readonly clientLogo?: ClientLogo | undefined
  /** Name of the app that the person wants to log in to. */
  readonly clientName?: string | undefined
  readonly requestId: string
  readonly sandbox: boolean
  /** What the language links lead to: a path, or a query alone for the address of the page; they add `lang`. */
  readonly languagePath: string
  /** Folder of the assets as the browser sees it: `/assets`. */
  readonly assetPath: string
}

/**
 * Posts `choice=without_binding`, which comes first, or `choice=bind`. It asks because two proofs of one attempt may
 * come from two people.
 */
export interface BindIdentityView {
  /** What is to be bound: an upstream's identity, or the phone number that was asked for. */
  readonly identity: { readonly provider: string; readonly label: string; readonly nickname?: string | undefined }
  readonly account: { readonly label: string; readonly nickname?: string | undefined }
  /** Whether it can still be bound. After a failure the person can only leave it. */
  readonly canBind: boolean
  readonly error?: PageError | undefined
}

/**
 * Posts `method` and `otp`; the resend form posts `method` and `resend=1`. Both carry `form_token` when given. With
 * `change` in its address the form before it begins with what was typed there.
 */
export interface CodeView {
  readonly channel: 'sms' | 'email'
  /** Whole for whoever typed it, else masked. */
  readonly target: string
  readonly purpose: 'login' | 'register' | 'reset' | 'bind' | 'change'
  /** Whether the number or address is the account's and cannot be another. */
  readonly isFixed?: boolean
  /** Whether the code can no longer be entered: the only way on is another one. */
  readonly isDead?: boolean
  /** Why not, where nothing was tried just now: `otp.expired` or `otp.tries_used`. */
  readonly over?: string | undefined
  /** Whether it was sent before, and whoever asked for one again was led back to it. */
  readonly isEarlier?: boolean | undefined
  readonly cancelAllowed?: boolean
  /** Where whoever gives up goes, where there is no login to cancel. */
  readonly backHref?: string | undefined
  readonly method: string
  /** Whether nobody knows if the code was sent. */
  readonly isUnclear?: boolean | undefined
  /** Whether codes are short at present, so that only who has an account was sent one. */
  readonly isScarce?: boolean | undefined
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
  readonly purpose: 'reset' | 'set' | 'change' | 'link'
  readonly method?: string | undefined
  readonly minLength: number
  /** The password manager reads it from a hidden field. */
  readonly username?: string | undefined
  readonly needsCurrent: boolean
  readonly error?: PageError | undefined
  readonly formToken?: string | undefined
  readonly canSkip: boolean
  readonly cancelAllowed?: boolean
  /** The form that whoever chooses no password after all is led to, as `show` names it. */
  readonly back?: string
  /** Offers the box `sign_out_others`, which is never ticked beforehand. */
  readonly canSignOutOthers?: boolean
}

/** What a new account can be made with. */
export type RegisterKind = 'phone' | 'email' | 'username'

/**
 * Posts `method=register`, `kind`, `agreement`, `invite` where that is asked for, and `phone` + `country`, or
 * `identifier` + `new_password`.
 */
export interface RegisterView {
  readonly kind: RegisterKind
  readonly offeredKinds: readonly RegisterKind[]
  readonly values: TypedValues
  readonly countries: readonly Country[]
  readonly agreements: readonly Agreement[]
  readonly minLength: number
  /** Whether an account takes an invitation: the field `invite`. */
  readonly needsInvite?: boolean
  readonly invite?: string | undefined
  readonly error?: PageError | undefined
}

/** Posts `method=reset`, `agreement` and `identifier` (phone or e-mail). */
export interface ResetView {
  readonly values: TypedValues
  readonly agreements: readonly Agreement[]
  readonly error?: PageError | undefined
}

/** The page of an error. */
export interface ErrorView {
  readonly title: string
  readonly code: string
  readonly message: string
  /** What the library says of it, in English: for developers, so only in the sandbox. */
  readonly hint?: string | undefined
  readonly requestId: string
  readonly at: Date
  readonly retryHref?: string | undefined
  readonly homeHref?: string | undefined
  /** Our own account pages, where nothing else leads on. */
  readonly accountHref?: string | undefined
  readonly retryAfterSeconds?: number | undefined
}

/** Posts `xsrf` and `user_code` to `action`. */
export interface DeviceCodeView {
  readonly action: string
  readonly xsrf: string
  readonly userCode?: string | undefined
  readonly error?: PageError | undefined
}

/** Posts `nickname` and `form_token`, or `picture` as a file, `choice` where it is to be removed, and `form_token`. */
export interface AccountProfileView {
  readonly nickname: string
  /** Path of our own copy of the picture. */
  readonly picture?: string | undefined
  /** Whether others see a picture, ours or one that an upstream tells. */
  readonly hasPicture: boolean
  readonly pictureHref: string
  readonly maxLength: number
  readonly formToken: string
  readonly error?: PageError | undefined
}

/** Each button of an upstream posts its id as `method`, and `form_token`. */
export interface IdentitiesView {
  readonly identities: readonly IdentityItem[]
  /** Ways to log in that a code proves; each has a page. `isFull`: no more of this provider can be bound. */
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
export interface Views extends OwnAccountViews, MergeViews {
  readonly login: LoginView
  readonly agree: AgreeView
  readonly 'human-check': HumanCheckView
  readonly captcha: CaptchaView
  readonly code: CodeView
  readonly 'password-new': PasswordNewView
  readonly register: RegisterView
  readonly reset: ResetView
  readonly consent: ConsentView
  readonly choose: ChooseView
  readonly 'choose-account': ChooseAccountView
  readonly 'select-account': SelectAccountView
  readonly conflict: ConflictView
  readonly 'confirm-owner': ConfirmOwnerView
  readonly leaving: LeavingView
  readonly 'bind-identity': BindIdentityView
  readonly logout: LogoutView
  readonly 'logout-done': LogoutDoneView
  readonly error: ErrorView
  readonly 'device-code': DeviceCodeView
  readonly 'device-confirm': DeviceConfirmView
  readonly 'device-done': DeviceDoneView
  readonly 'account-profile': AccountProfileView
  readonly identities: IdentitiesView
  readonly 'account-bind': AccountBindView
  readonly terms: TermsView
  readonly message: MessageView
  readonly continue: ContinueView
  readonly collected: CollectedView
}

/** The name of a page. */
export type ViewName = keyof Views
