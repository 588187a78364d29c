import type { Knex } from 'knex'
import { AppError } from '../base/errors.ts'
import type { IdentityId, UserId } from '../base/ids.ts'
import { partOf } from './identity-claim.ts'
import { type ProofMoment, requireActive, requireStanding } from './proof.ts'
import { canSpare } from './spare-identity.ts'
import type { IdentityClaim } from './user.ts'
import { type Locked, lockAll } from './user-locks.ts'

/** One proof that leads to several accounts of a person, and which of them is to have all of it. */
export interface Gathering {
  readonly claim: IdentityClaim
  readonly moment: ProofMoment
  readonly to: UserId
  /** Those that give their part away. */
  readonly from: readonly UserId[]
  readonly at: Date
}

/** What of an identity leads to another account now. */
export interface Moved {
  readonly from: UserId
  readonly to: UserId
  readonly identityId: IdentityId
  readonly subjects: readonly string[]
}

/**
 * Moves the subjects of a claim to the identity of one account that has a part of it, in a transaction. An account that
 * would be left without a way in keeps what it has. SECURITY: the proof must stand for every account, under the locks
 * of all of them: whoever has signed out everywhere, lost an identity or was locked since is not moved. Like a removal,
 * it ends what was proved for the account that gives something away.
 */
export async function gatherSubjects(
  transaction: Knex.Transaction,
  { claim, moment, to, from, at }: Gathering,
): Promise<readonly Moved[]> {
  const locked = await lockAll(transaction, [to, ...from])
  const parts = new Map([to, ...from].map((userId) => [userId, standingPart(locked.get(userId), moment, claim)]))
  const target = identityWith(locked.get(to), parts.get(to))
  const moved = from.flatMap((userId) => movable(locked.get(userId), claim, to))
  for (const { from: userId, identityId, subjects } of moved) {
    for (const subject of subjects) {
      const position = claim.subjects.indexOf(subject)
      await transaction('identity_subjects')
        .where({ provider: claim.provider, subject })
        .update({ identity_id: target, position, created_at: at })
    }
    await transaction('identities')
      .where({ id: identityId })
      .whereNotExists(transaction('identity_subjects').where({ identity_id: identityId }))
      .delete()
    const ended = transaction.raw('greatest(proofs_ended_at, ?)', [at])
    await transaction('users').where({ id: userId }).update({ proofs_ended_at: ended })
  }
  return moved
}

/** Throws `user.locked`, and `attempt.expired` for a proof that does not let this account's owner in any more. */
function standingPart(locked: Locked | undefined, moment: ProofMoment, claim: IdentityClaim): IdentityClaim {
  const part = locked && partOf(claim, locked.account)
  if (!part) throw new AppError('attempt.expired')
  requireStanding(locked.account, moment, part)
  requireActive(locked.account)
  return part
}

function identityWith(locked: Locked | undefined, part: IdentityClaim | undefined): IdentityId {
  const found = locked?.account.identities.find(
    ({ provider, subjects }) => part && provider === part.provider && subjects.includes(part.subjects[0]),
  )
  if (!found) throw new AppError('attempt.expired')
  return found.id
}

function movable(locked: Locked | undefined, claim: IdentityClaim, to: UserId): Moved[] {
  if (!locked || !canSpare(locked.account, claim, locked.hasPassword)) return []
  const from = locked.account.user.id
  return locked.account.identities.flatMap(({ id: identityId, provider, subjects: own }) => {
    const subjects = provider === claim.provider ? own.filter((each) => claim.subjects.includes(each)) : []
    return subjects.length > 0 ? [{ from, to, identityId, subjects }] : []
  })
}
