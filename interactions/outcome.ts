import type { IdentityUse } from '../src/accounts/directory-types.ts'
import type { Device } from '../src/accounts/known-devices.ts'
import type { Collisions } from '../src/accounts/merge-collisions.ts'
import type { Account, IdentityClaim } from '../src/accounts/user.ts'
import type { UserId } from '../src/base/ids.ts'
import type { Acr, Demand } from '../src/oidc/demand.ts'
import type { SignIn } from '../src/oidc/records/sign-in.ts'
import type { Ask, Input, SentCode } from './methods/method.ts'
import type { Visit } from './upstreams/visit.ts'

/** What a person may answer where an attempt cannot go on by itself. */
export type Choice =
  /** Make me an account. */
  | 'new'
  /** I have one: I log in to it, and what I proved becomes its own. */
  | 'existing'
  /** Let me into the account the phone number, or whatever is in conflict, belongs to. */
  | 'login_existing'
  | 'use_other_phone'
  | 'without_phone'
  /** The account of the number that came along is mine: what I proved becomes its own. */
  | 'join'
  /** What waits is mine, and so is the account. */
  | 'bind'
  | 'without_binding'
  /** I go on with this one of my accounts. */
  | 'account'
  /** The account of the number is mine, and I show it by something else. */
  | 'mine'
  /** The account of the number is not mine: it loses the number. */
  | 'not_mine'
  /** My account is to stay. */
  | 'undo_deletion'
  /** It is to go as I have asked, and I log in no more. */
  | 'keep_deletion'
  /** Both accounts are mine, and are to be one. */
  | 'one_account'
  | 'merge'
  | 'apart'

/** One of two accounts that may become one, as its owner knows it. */
export interface MergeSide {
  readonly userId: UserId
  readonly label: string
  readonly nickname: string | undefined
  readonly createdAt: Date
  readonly lastUsedAt: Date
  readonly identities: Account['identities']
}

/** What the person is asked before two accounts become one. Nothing has changed. */
export interface MergeQuestion {
  readonly sides: readonly [MergeSide, MergeSide]
  /** The one that stays unless the person says otherwise. */
  readonly into: UserId
  readonly collisions: Collisions
}

/** One of several accounts that one proof leads to. */
export interface AskedAccount {
  readonly userId: UserId
  /** Whether its owner can log in without what was proved. Otherwise it gives nothing away. */
  readonly isSpare: boolean
}

/** One proof leads to several accounts of one person, who has to say which to go on with. Nothing has changed. */
export interface AccountQuestion {
  readonly kind: 'choose_account'
  readonly provider: string
  readonly accounts: readonly AskedAccount[]
  /** Whether they may become one. */
  readonly canMerge: boolean
}

/**
 * Somebody is in, and something waits that was proved in the same attempt, maybe by another person: is it to be part of
 * that account?
 */
export interface BindingQuestion {
  readonly kind: 'bind_identity'
  readonly identity: IdentityClaim
  readonly userId: UserId
  readonly choices: readonly Choice[]
}

/** What was proved belongs to another account. Nothing has changed. */
export interface ConflictQuestion {
  readonly kind: 'conflict'
  readonly provider: string
  readonly users: readonly UserId[]
  readonly choices: readonly Choice[]
}

/**
 * Somebody has proved a phone number that its account has not proved for long: is that account theirs? Nothing has
 * changed.
 */
export interface OwnerQuestion {
  readonly kind: 'confirm_owner'
  readonly userId: UserId
  /** Whether somebody is in already, to whom the number comes where the account is not theirs. */
  readonly isIn: boolean
  readonly choices: readonly Choice[]
}

/** Somebody has proved that an account is theirs whose deletion was asked for: is it to stay? Nothing has changed. */
export interface LeavingQuestion {
  readonly kind: 'leaving'
  readonly userId: UserId
  /** When the account will be gone, in milliseconds since the epoch. */
  readonly leavesAtMs: number
}

/** What an attempt answers to the page or app that sent a step. */
export type Outcome =
  | {
      readonly kind: 'ask'
      readonly method: string
      readonly ask: Ask
      readonly fields: readonly string[]
      /** The code that is asked for, for the browser to remember. */
      readonly sent?: SentCode | undefined
    }
  | { readonly kind: 'redirect'; readonly to: URL }
  /**
   * The person has to prove who they are by any method; once more, with `userId`, whose login was too old for the
   * request by then. `isClaim`: by something else than the number they have proved.
   */
  | {
      readonly kind: 'login'
      readonly userId?: UserId
      readonly endedSessions?: boolean
      readonly isClaim?: boolean
    }
  /**
   * Somebody was proved whom nobody knows: a new account, or one that is there already? `needsInvite`: a new one only
   * with an invitation.
   */
  | { readonly kind: 'choose'; readonly provider: string; readonly needsInvite: boolean }
  /** The client lets nobody in without a phone number, or the one that was named is another's. */
  | { readonly kind: 'bind_phone'; readonly reason: 'policy' | 'conflict' }
  | ConflictQuestion
  | BindingQuestion
  | AccountQuestion
  | OwnerQuestion
  | LeavingQuestion
  /** The account goes as its owner wants, and nobody was let in. */
  | { readonly kind: 'left'; readonly leavesAtMs: number }
  /** Two accounts were proved, and the person has to say whether they are to be one. */
  | { readonly kind: 'merge'; readonly question: MergeQuestion }
  | {
      readonly kind: 'done'
      readonly userId: UserId
      readonly method: string
      readonly amr: readonly string[]
      readonly acr: Acr
      readonly by: SignIn['by']
      /** Seconds since the epoch. */
      readonly authTime: number
      /** As of a proof, in milliseconds since the epoch. */
      readonly begunAt: number | undefined
      readonly isNew: boolean
      /** `id@version` of what was agreed to in this attempt. */
      readonly agreed: readonly string[]
      /** True when every session of the user has been ended on the way, that of this browser too. */
      readonly endedSessions: boolean
    }

/** One step of an attempt, as a page or app hands it over. */
export interface AdvanceRequest {
  /** Whether the authorization request takes up most of the room of a login: then one method is kept at a time. */
  readonly isLong?: boolean
  readonly attemptId: string
  readonly method: string
  readonly ip: string
  readonly visit: Visit
  readonly input: Input
  /** Codes that the same browser has asked for. */
  readonly sent?: readonly SentCode[] | undefined
  /** What the request came with; absent: a device that is not known to anybody. */
  readonly device?: Device | undefined
  /** Level of the challenge that was solved for this very step; absent: none was. */
  readonly proven?: number | undefined
  /** The name that an app gives the device. Without it the history of logins shows what `visit` says. */
  readonly deviceName?: string | undefined
  readonly clientId?: string | undefined
  readonly requestId?: string | undefined
  /** Who is signed in and adds a way in; absent in a login. */
  readonly userId?: UserId | undefined
  /** Who has to prove themselves once more; anybody else is refused and nothing changes. */
  readonly expectedUserId?: UserId | undefined
  /** When it was asked, in seconds since the epoch. */
  readonly askedAt: number
  /** What is demanded of the login. */
  readonly demand: Demand
  /**
   * Whether a login that comes instead of an awaited choice drops what was proved: an app that did not show the choice
   * does not know the question after the login either.
   */
  readonly mustChoose?: boolean | undefined
}

/** Where, and in which language, an identity is used by a request. */
export function useOf({ ip, visit }: Pick<AdvanceRequest, 'ip' | 'visit'>): IdentityUse {
  return { ip, locale: visit.locale }
}

/** Where a request came from, for the audit. */
export function auditContext({ clientId, ip, requestId }: Pick<AdvanceRequest, 'clientId' | 'ip' | 'requestId'>) {
  return { clientId, ip, requestId }
}
