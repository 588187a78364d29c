import type { ConnectionItem, Country, PageError, TypedValues } from './form-values.ts'

/** One of two accounts that may become one, as its owner knows it. */
export interface MergeAccount {
  readonly userId: string
  readonly label: string
  readonly nickname?: string | undefined
  readonly createdAt: Date
  readonly lastUsedAt: Date
  readonly ways: readonly { readonly provider: string; readonly label: string }[]
}

/**
 * The question before two accounts become one. Posts `choice=merge`, `into`, where it was asked `keep_password`,
 * `keep_nickname` and `keep_picture`, each the id of an account, and `stays_<id>` for each way in that stays.
 */
export interface MergeView {
  readonly accounts: readonly MergeAccount[]
  /** The one that stays unless the person says otherwise. */
  readonly into: string
  readonly hasTwoPasswords: boolean
  readonly hasTwoNicknames: boolean
  readonly hasTwoPictures: boolean
  readonly tooMany: readonly {
    readonly provider: string
    readonly limit: number
    readonly ways: readonly {
      readonly id: string
      readonly label: string
      readonly lastUsedAt: Date
    }[]
  }[]
  readonly formToken?: string | undefined
  /** Where whoever does not want it goes; absent in a login, where `choice=apart` goes on without it. */
  readonly backHref?: string | undefined
  readonly error?: PageError | undefined
}

/**
 * Where somebody proves another account of theirs. Each form posts `method` with what it takes, and `form_token`; that
 * of a merge which may be taken back posts `undo`.
 */
export interface AccountMergeView {
  readonly codeWays: readonly { readonly kind: 'phone' | 'email'; readonly method: string }[]
  readonly connections: readonly Omit<ConnectionItem, 'isLast'>[]
  readonly undoable: readonly { readonly id: string; readonly mergedAt: Date; readonly undoUntil: Date }[]
  readonly countries: readonly Country[]
  readonly values: TypedValues
  readonly formToken: string
  readonly backHref: string
  readonly notice?: string | undefined
  readonly error?: PageError | undefined
  readonly retryAfterSeconds?: number | undefined
}

/** The pages about two accounts that become one. */
export interface MergeViews {
  readonly merge: MergeView
  readonly 'account-merge': AccountMergeView
}
