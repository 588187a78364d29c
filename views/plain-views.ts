/** Posts `xsrf` and, to sign out everywhere, `logout=yes` to `action`. */
export interface LogoutView {
  readonly action: string
  readonly xsrf: string
  readonly clientName?: string | undefined
  readonly accountLabel?: string | undefined
}

/** The page after signing out. */
export interface LogoutDoneView {
  readonly clientName?: string | undefined
}

/** Posts `xsrf`, `user_code` and `confirm=yes` or `abort=yes` to `action`. */
export interface DeviceConfirmView {
  readonly action: string
  readonly xsrf: string
  readonly userCode: string
  readonly clientName: string
  readonly device: { readonly ip?: string | undefined; readonly userAgent?: string | undefined }
}

/** The page after a device was allowed, or refused. */
export interface DeviceDoneView {
  readonly clientName?: string | undefined
}

/** The sandbox's own sample documents, so that the agreement links lead somewhere. */
export interface TermsView {
  readonly kind: 'terms' | 'privacy'
}

/**
 * Posts the given fields to `action`. With JavaScript the page does it alone; without it, the person presses the
 * button.
 */
export interface ContinueView {
  readonly action: string
  readonly fields: readonly { readonly name: string; readonly value: string }[]
}

/** A page that only says something. */
export interface MessageView {
  readonly title: string
  readonly body: string
  readonly nextHref?: string | undefined
  readonly nextLabel?: string | undefined
}

/** What is kept of people, and who else gets it. */
export interface CollectedView {
  readonly kept: readonly {
    readonly kind: 'phone' | 'email' | 'password' | 'nickname' | 'upstream' | 'carrier' | 'consent' | 'log'
    /** Of `upstream`. */
    readonly provider?: string | undefined
    /** How long it is kept, where that is a time. */
    readonly days?: number | undefined
  }[]
  readonly shared: readonly {
    readonly kind: 'sms' | 'mail' | 'carrier' | 'number_check' | 'captcha' | 'upstream'
    /** Of a vendor. */
    readonly name?: string | undefined
    /** Of `upstream`. */
    readonly provider?: string | undefined
  }[]
  /** Apps of others, and what they may ask for. */
  readonly apps: readonly {
    readonly name: string
    readonly scopes: readonly string[]
    readonly policyUri?: string | undefined
  }[]
  readonly dataHref: string
}
