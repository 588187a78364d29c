/** The first page about one's own account. */
export interface AccountView {
  readonly accountLabel: string
  readonly nickname?: string | undefined
  readonly userId: string
  /** `label` is masked; `provider` is the identity's provider as stored (`phone`, `oidc:<name>` …). */
  readonly identities: readonly { readonly label: string; readonly provider: string }[]
  readonly hasPassword: boolean
  readonly profileHref: string
  readonly identitiesHref: string
  readonly passwordHref: string
  readonly devicesHref: string
  readonly logoutHref: string
  /** One translated sentence about what was just done. */
  readonly notice?: string | undefined
}

/** One way in, in the list of them. */
export interface IdentityItem {
  readonly label: string
  readonly provider: string
  readonly createdAt: Date
  readonly lastUsedAt: Date
  /** Masked. */
  readonly lastUsedIp?: string | undefined
  /** False: an import claimed it and nobody has logged in with it. */
  readonly isProved: boolean
  /** Absent for the last way in. */
  readonly unbindHref?: string | undefined
}

/** Posts `identity` and `form_token`. */
export interface AccountUnbindView {
  readonly identityId: string
  readonly provider: string
  readonly label: string
  /** Whether this very browser was signed in with it, and will be signed out. */
  readonly endsHere: boolean
  readonly formToken: string
  readonly backHref: string
}

/** What was proved belongs to somebody else. Nothing of that account is shown. */
export interface AccountTakenView {
  readonly provider: string
  readonly backHref: string
  readonly logoutHref: string
}

/** Somewhere somebody is signed in. */
export interface DeviceItem {
  /** The value of the field `device` that signs out there; absent for this very browser. */
  readonly value?: string | undefined
  readonly kind: 'session' | 'grant'
  /** Names of the apps. */
  readonly clients: readonly string[]
  /** Browser and system, or what the app calls the device. */
  readonly name?: string | undefined
  /** `sms`, `password`, `one_tap`, `register`, `reset`, or the provider it was done with. */
  readonly method?: string | undefined
  /** Masked. */
  readonly ip?: string | undefined
  readonly createdAt: Date
  readonly lastUsedAt: Date
}

/** A login that was ended because one credential was used twice. */
export interface AlarmItem {
  readonly at: Date
  /** Name of the app. */
  readonly client?: string | undefined
  /** Masked: where the second use came from. */
  readonly ip?: string | undefined
}

/** Posts `form_token` and `device`, or `choice` = `others` or `all`. */
export interface DevicesView {
  readonly devices: readonly DeviceItem[]
  readonly alarms: readonly AlarmItem[]
  readonly formToken: string
  readonly backHref: string
  readonly logoutHref: string
  /** What may still work for a moment after all is ended: one translated sentence. */
  readonly delay: string
  readonly notice?: string | undefined
}
