import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { UserId } from '../base/ids.ts'
import { type Account, type IdentityClaim, isAnswered, type User } from './user.ts'

/** When something was proved: a proof is a moment and never a mere yes. Both in milliseconds since the epoch. */
export interface ProofMoment {
  /** When the last part of it was shown. Clients are told it as `auth_time`. */
  readonly provedAt: number
  /**
   * When it began: a code was sent, somebody left for an upstream. What ended proofs since then has ended this one too.
   */
  readonly begunAt: number
  /** Whose the number or address was when a code was sent to it; undefined: nobody's, or there was no code. */
  readonly ownerThen?: UserId | undefined
}

const provedMs = 600_000
/** How much later the account may have been made than the proof was shown, where two first logins come at once. */
const atOnceMs = 1000
/** Identities that may belong to another person a moment later. The subject of an upstream stays one person's. */
const changesHands: ReadonlySet<string> = new Set(['phone', 'email', 'username'])

/** The moment of a proof that began and ended within one step. */
export function provedInOneStep({ nowMs }: { readonly nowMs: number }): ProofMoment {
  return { provedAt: nowMs, begunAt: nowMs }
}

/** Whether a proof that waits still counts: for ten minutes. */
export function isFresh({ provedAt }: Pick<ProofMoment, 'provedAt'>, clock: Clock): boolean {
  return clock() - provedAt <= provedMs
}

/**
 * Whether nothing has ended a proof since it began: no password was set, reset or changed, nobody signed out
 * everywhere, no way in was removed, the account was not locked. A proof without a moment counts as ended.
 */
export function isUnended({ proofsEndedAt, signedOutAt }: User, { begunAt }: Pick<ProofMoment, 'begunAt'>): boolean {
  return begunAt >= Math.max(proofsEndedAt?.getTime() ?? 0, signedOutAt?.getTime() ?? 0)
}

/** Whether a number or address is whose it was when the code was sent; what nobody had may have found an owner. */
function isUnmoved({ ownerThen }: Pick<ProofMoment, 'ownerThen'>, owner: UserId | undefined): boolean {
  return ownerThen === undefined || ownerThen === owner
}

/**
 * Throws `attempt.expired` for a code that was sent to somebody whose number or address it was, and is no more.
 * SECURITY: whoever saw it then could be given the number now.
 */
export function requireUnmoved(moment: Pick<ProofMoment, 'ownerThen'>, owner: UserId | undefined): void {
  if (!isUnmoved(moment, owner)) throw new AppError('attempt.expired')
}

/**
 * Whether a proof of an identity lets its owner into this account. SECURITY: the only place that decides it, for what
 * was proved just now as for what has waited. An identity that came to the account after the proof began may have been
 * somebody else's then. One that the account was made with counts from when it was shown: of two first logins at once,
 * one makes the account; and of one person at an upstream, whoever of two browsers answers first whether to make one.
 */
function stands({ user, identities }: Account, moment: ProofMoment, claim: IdentityClaim): boolean {
  if (!isUnended(user, moment) || !isUnmoved(moment, user.id)) return false
  const own = identities.find(
    ({ provider, subjects }) => provider === claim.provider && subjects.includes(claim.subjects[0]),
  )
  if (!own) return false
  const boundAt = own.createdAt.getTime()
  const isFirst = boundAt === user.createdAt.getTime()
  if (isFirst && !changesHands.has(own.provider)) return true
  return isFirst ? moment.provedAt + atOnceMs >= boundAt : moment.begunAt >= boundAt
}

/**
 * Throws `user.locked`, and `attempt.expired` where `stands` says no. Whoever is leaving stands: what they may do is
 * asked afterwards, by `requireActive` or by the question whether to stay.
 */
export function requireStanding(account: Account, moment: ProofMoment, claim: IdentityClaim): void {
  if (!isAnswered(account.user)) throw new AppError('user.locked')
  requireProved(account, moment, claim)
}

/**
 * Throws `attempt.expired` where `stands` says no. SECURITY: for a number in doubt, because a stranger who has it now
 * is not told that an account is locked.
 */
export function requireProved(account: Account, moment: ProofMoment, claim: IdentityClaim): void {
  if (!stands(account, moment, claim)) throw new AppError('attempt.expired')
}

/** Throws `user.locked` for an account that nobody may log in to, `user.leaving` for one that is on its way out. */
export function requireActive({ user }: Account): void {
  if (user.status !== 'active') throw new AppError(user.status === 'leaving' ? 'user.leaving' : 'user.locked')
}
