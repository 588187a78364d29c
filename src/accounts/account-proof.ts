import { AppError } from '../base/errors.ts'
import type { UserId } from '../base/ids.ts'
import { partOf } from './identity-claim.ts'
import { isUnended, type ProofMoment, requireStanding } from './proof.ts'
import { type IdentityClaim, stillHas } from './user.ts'
import type { Locked } from './user-locks.ts'

/** That somebody has shown that an account is theirs. */
export interface AccountProof extends ProofMoment {
  readonly userId: UserId
  /** What was proved, where it was an identity just now. */
  readonly claim?: IdentityClaim | undefined
  /** What the login came by, where it was one: ids of identities, and `password`. */
  readonly by?: readonly string[] | undefined
}

/**
 * Throws `merge.unfit` for an account that is locked or on its way out, and `attempt.expired` where a proof no longer
 * lets its owner in. SECURITY: to be asked under the lock of the account: what ends proofs ends this one.
 */
export function requireProof(locked: Locked | undefined, proof: AccountProof): void {
  const { claim, by = [] } = proof
  requireFit(locked)
  const { account } = locked
  if (claim) {
    const part = partOf(claim, account)
    if (!part) throw new AppError('attempt.expired')
    requireStanding(account, proof, part)
    return
  }
  if (!isUnended(account.user, proof) || !by.every((each) => stillHas(account, each)))
    throw new AppError('attempt.expired')
}

/** Throws `attempt.expired` for an account that has gone, and `merge.unfit` for one that nobody can log in to. */
export function requireFit(locked: Locked | undefined): asserts locked is Locked {
  if (!locked) throw new AppError('attempt.expired')
  if (locked.account.user.status !== 'active') throw new AppError('merge.unfit')
}
