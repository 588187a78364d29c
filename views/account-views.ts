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
  readonly logoutHref: string
  /** One translated sentence about what was just done. */
  readonly notice?: string | undefined
}

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
  readonly formToken: string
  readonly backHref: string
}

/** What was proved belongs to somebody else. Nothing of that account is shown. */
export interface AccountTakenView {
  readonly provider: string
  readonly backHref: string
  readonly logoutHref: string
}
