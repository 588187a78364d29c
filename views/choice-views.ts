import type { PageError } from './form-values.ts'

/**
 * Posts `choice=new`, with `invite` where that is asked for. Or a link leads to the login page; after the login the
 * person is asked whether to bind it.
 */
export interface ChooseView {
  readonly provider: string
  readonly nickname?: string | undefined
  readonly canRegister: boolean
  /** Whether a new account takes an invitation. */
  readonly needsInvite?: boolean
  readonly invite?: string | undefined
  readonly error?: PageError | undefined
  readonly existingMethod: string
}

/** What its owner recognises an account by. */
interface ShownAccount {
  readonly label: string
  readonly createdAt: Date
  readonly lastUsedAt: Date
}

/** An app asks which account to go on with. Posts `choice=continue` or `choice=other`, which leads to the login. */
export interface SelectAccountView {
  /** The one that is signed in here. */
  readonly account: { readonly label: string; readonly nickname?: string | undefined }
}

/** The phone number belongs to another account. Posts `choice=use_other_phone` or `choice=login_existing`. */
export interface ConflictView {
  readonly accounts: readonly ShownAccount[]
  /** Whether `choice=one_account` is offered too: the accounts become one. */
  readonly canMerge: boolean
}

/**
 * A phone number was proved that its account has not proved for long. Posts `choice=mine`, after which something else
 * is to be proved, or `choice=not_mine`.
 */
export interface ConfirmOwnerView {
  /** As little as its owner knows it by: whoever asks may be a stranger to it. */
  readonly account: { readonly name?: string | undefined; readonly year: number }
  /** What becomes of the number when the account is not theirs; undefined: they cannot say so here. */
  readonly without?: 'new' | 'own' | undefined
}

/** One proof leads to several accounts of one person. Posts `choice=account` with the id of one as `account`. */
export interface ChooseAccountView {
  readonly provider: string
  /** Whether `choice=one_account` is offered too: the accounts become one. */
  readonly canMerge: boolean
  readonly accounts: readonly (ShownAccount & {
    readonly userId: string
    readonly nickname?: string | undefined
    /** Whether its owner can log in without what was proved. Otherwise it gives nothing away. */
    readonly isSpare: boolean
  })[]
  /** A way in with a form, for who wants to log in without the proof. */
  readonly otherMethod?: string | undefined
}

/** The account is on its way out. Posts `choice=undo_deletion` or `choice=keep_deletion`. */
export interface LeavingView {
  readonly account: { readonly label: string; readonly nickname?: string | undefined }
  readonly leavesAt: Date
}
