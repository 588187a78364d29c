import type { Country, PageError, TypedValues } from './form-values.ts'
import type { ClientLogo } from './page-brand.ts'

/** What a hint for more safety is about, the most urgent first. */
export type AccountHint = 'alarm' | 'phone' | 'one_way' | 'password'

/** A row about a way in: what is bound, masked, and the page to bind or to manage it. */
export interface WayRow {
  readonly labels: readonly string[]
  readonly href: string
}

/** The start page of the account centre: rows, each with how it stands and the page behind it. */
export interface AccountView {
  /** What the owner recognises the account by: nickname, masked number or address, or user name. */
  readonly accountLabel: string
  readonly nickname?: string | undefined
  /** Path of our own copy of the picture. */
  readonly picture?: string | undefined
  readonly userId: string
  readonly hints: readonly { readonly kind: AccountHint; readonly href: string }[]
  /** Absent: none is bound, and none can be. */
  readonly phone?: WayRow | undefined
  readonly email?: WayRow | undefined
  /** Everything else that is bound: providers as stored (`oidc:<name>` …), each once. */
  readonly providers: readonly string[]
  readonly hasPassword: boolean
  /** Number of browsers and apps that are signed in. */
  readonly placeCount: number
  /** Number of apps of others that the person has allowed something. */
  readonly appCount: number
  readonly historyHref: string
  readonly messagesHref: string
  readonly dataHref: string
  readonly collectedHref: string
  readonly profileHref: string
  readonly identitiesHref: string
  readonly passwordHref: string
  readonly devicesHref: string
  readonly appsHref: string
  readonly deletionHref: string
  readonly languageHref: string
  readonly mergeHref: string
  readonly logoutHref: string
  /** One translated sentence that says what was just done. */
  readonly notice?: string | undefined
}

/** The list of languages; each is a link that the server remembers the choice of. */
export interface AccountLanguageView {
  readonly backHref: string
}

/** A login of the past. */
export interface LoginItem {
  readonly at: Date
  /** Browser and system, or the name that an app gives the device. */
  readonly device?: string | undefined
  /** Name of the app. */
  readonly client?: string | undefined
  /** `sms`, `password`, `one_tap`, `register`, `reset`, or the provider that the person logged in with. */
  readonly method: string
  /** Province or country, in the language of the page. */
  readonly place?: string | undefined
  /** Masked. */
  readonly ip?: string | undefined
  /** Whether it is the login of the browser that shows this page. */
  readonly isHere: boolean
  /** Whether the person has said that it was not theirs. */
  readonly isDisowned: boolean
  readonly notMeHref?: string | undefined
}

/** Logins of the last six months, a page of them. */
export interface AccountHistoryView {
  readonly logins: readonly LoginItem[]
  /** How far back it goes where that is less. */
  readonly days?: number | undefined
  readonly newestHref?: string | undefined
  readonly olderHref?: string | undefined
  readonly backHref: string
}

/** Posts `login` and `form_token`. */
export interface AccountNotMeView {
  readonly loginId: string
  readonly login: LoginItem
  readonly hasPassword: boolean
  readonly formToken: string
  readonly backHref: string
}

/** One way to log in, as the list of them shows it. */
export interface IdentityItem {
  readonly label: string
  readonly provider: string
  readonly createdAt: Date
  readonly lastUsedAt: Date
  /** Masked. */
  readonly lastUsedIp?: string | undefined
  /** False: an import says that it belongs to this account, but nobody has logged in with it yet. */
  readonly isProved: boolean
  /** Absent for the last way to log in. */
  readonly unbindHref?: string | undefined
  /** Absent for what is not changed by a code. */
  readonly changeHref?: string | undefined
  /** What is to take its place, masked, and when; the form to stop that posts `form_token`. */
  readonly changing?: { readonly label: string; readonly dueAt: Date; readonly stopAction: string } | undefined
}

/** Posts `identity` and `form_token`. */
export interface AccountUnbindView {
  readonly identityId: string
  readonly provider: string
  readonly label: string
  /** Whether the browser that shows this page was signed in with it, and so will be signed out. */
  readonly endsHere: boolean
  readonly formToken: string
  readonly backHref: string
}

/**
 * Posts `choice=send_old` or `choice=without_old`; with the step `new` it posts the number or address. All carry
 * `form_token`.
 */
export interface AccountChangeView {
  readonly kind: 'phone' | 'email'
  readonly step: 'old' | 'new'
  /** What is to be replaced, masked. */
  readonly label: string
  readonly values: TypedValues
  readonly countries: readonly Country[]
  /** Whether it goes without a code to the old one, or why not. */
  readonly without: 'possible' | 'only_way' | 'other_login'
  /** How long it waits then. */
  readonly waitSeconds: number
  readonly formToken: string
  readonly backHref: string
  readonly error?: PageError | undefined
  readonly retryAfterSeconds?: number | undefined
}

/** Posts `form_token` and the id of each event that is to be told. */
export interface AccountMessagesView {
  readonly events: readonly { readonly id: string; readonly isTold: boolean }[]
  readonly formToken: string
  readonly backHref: string
  readonly notice?: string | undefined
}

/**
 * The identity that was proved belongs to somebody else. Nothing of that account is shown. With `disown` the page posts
 * `choice=not_mine` there: a number that the account has not proved for long may be taken from it.
 */
export interface AccountTakenView {
  readonly provider: string
  /** A number in doubt may be taken from the other account, beside those that are there or in place of one. */
  readonly disown?: { readonly href: string; readonly formToken: string; readonly isChange?: boolean } | undefined
  readonly backHref: string
  readonly logoutHref: string
  /** Where both accounts can be made one; absent where that cannot be. */
  readonly mergeHref?: string | undefined
}

/** A place where the person is signed in. */
export interface DeviceItem {
  /** The value of the field `device` that signs out there; absent for the browser that shows this page. */
  readonly value?: string | undefined
  readonly kind: 'session' | 'grant'
  /** Names of the apps. */
  readonly clients: readonly string[]
  /** Browser and system, or the name that the app gives the device. */
  readonly name?: string | undefined
  /** `sms`, `password`, `one_tap`, `register`, `reset`, or the provider that the person logged in with. */
  readonly method?: string | undefined
  /** Masked. */
  readonly ip?: string | undefined
  /** Whether the item above is on the same device. */
  readonly isSameDevice?: boolean
  readonly createdAt: Date
  readonly lastUsedAt: Date
}

/** A login that was ended because one credential was used twice. */
export interface AlarmItem {
  readonly at: Date
  /** Name of the app. */
  readonly client?: string | undefined
  /** The address, masked, from which the second use came. */
  readonly ip?: string | undefined
}

/** Posts `form_token` and `device`, or `choice` = `others` or `all`. */
export interface DevicesView {
  readonly devices: readonly DeviceItem[]
  readonly newestHref?: string | undefined
  readonly olderHref?: string | undefined
  readonly alarms: readonly AlarmItem[]
  readonly formToken: string
  readonly backHref: string
  readonly logoutHref: string
  /** One translated sentence: what may still work for a moment after everything has ended. */
  readonly delay: string
  readonly notice?: string | undefined
}

/** An app of others that the person has allowed something. */
export interface AuthorisedAppItem {
  /** The value of the field `app` that takes it back. */
  readonly clientId: string
  readonly name: string
  readonly logo?: ClientLogo | undefined
  readonly uri?: string | undefined
  readonly policyUri?: string | undefined
  /** What it may do, in the words of the consent page. */
  readonly granted: readonly string[]
  readonly since: Date
  readonly lastUsedAt: Date
}

/** Posts `app` and `form_token`. */
export interface AuthorisedAppsView {
  readonly apps: readonly AuthorisedAppItem[]
  readonly formToken: string
  readonly backHref: string
  /** One translated sentence: what may still work for a moment after it was taken back. */
  readonly delay: string
  readonly notice?: string | undefined
}

/** Posts `form_token` and `confirm`, a box that is never ticked beforehand. */
export interface AccountDeletionView {
  /** Names of the apps that somebody is signed in to, or has allowed something. */
  readonly apps: readonly string[]
  /** Two translated sentences: how long it may be taken back, and how long what law wants is kept. */
  readonly wait: string
  readonly kept: string
  /** What stands in the way, in the words of the operator's system: text, and an https address. */
  readonly blocked?: { readonly reason: string; readonly link?: string | undefined } | undefined
  readonly error?: PageError | undefined
  readonly formToken: string
  readonly appsHref: string
  readonly backHref: string
}

/** The account goes, or is gone where that time has come. Nobody is signed in any more. */
export interface LeftView {
  readonly leavesAt: Date
  /** Whether it was asked for just now. */
  readonly isAsked?: boolean
  /** Where somebody else may log in. */
  readonly nextHref?: string | undefined
}

/** Posts `form_token`, to itself to have an archive made, or to `/account/data/archive` to fetch it. */
export interface AccountDataView {
  readonly state: 'none' | 'waiting' | 'ready'
  /** When the archive that is ready goes. */
  readonly expiresAt?: Date | undefined
  /** How many days an archive can be fetched. */
  readonly days: number
  readonly formToken: string
  readonly collectedHref: string
  readonly backHref: string
  readonly error?: PageError | undefined
}

/** The pages of the account centre whose data is here, by the names of their templates. */
export interface OwnAccountViews {
  readonly account: AccountView
  readonly 'account-language': AccountLanguageView
  readonly 'account-history': AccountHistoryView
  readonly 'account-not-me': AccountNotMeView
  readonly 'account-unbind': AccountUnbindView
  readonly 'account-change': AccountChangeView
  readonly 'account-messages': AccountMessagesView
  readonly 'account-taken': AccountTakenView
  readonly devices: DevicesView
  readonly 'account-apps': AuthorisedAppsView
  readonly 'account-deletion': AccountDeletionView
  readonly left: LeftView
  readonly 'account-data': AccountDataView
}
