import type { Knex } from 'knex'
import type { AccountDirectory } from '../src/accounts/directory.ts'
import type { ChangeableProvider } from '../src/accounts/identity-change.ts'
import { identityTaken } from '../src/accounts/identity-claim.ts'
import { isFresh, isUnended, type ProofMoment } from '../src/accounts/proof.ts'
import { type Clock, epochSeconds } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { IdentityId, UserId } from '../src/base/ids.ts'
import { nothingDemanded } from '../src/oidc/demand.ts'
import { type AttemptMemories, nothingYet } from './attempt-memory.ts'
import type { Proved } from './methods/method.ts'
import type { NumberDoubts } from './number-doubts.ts'
import type { NumberOwners } from './number-owners.ts'
import type { AdvanceRequest, OwnerQuestion } from './outcome.ts'

interface Dependencies {
  readonly directory: Pick<AccountDirectory, 'find'>
  readonly memories: Pick<AttemptMemories, 'load' | 'save' | 'take'>
  readonly doubts: NumberDoubts
  readonly owners: Pick<NumberOwners, 'disown'>
  readonly clock: Clock
}

/** A step of somebody who changes a number of theirs, with the attempt in which the new one is proved. */
type Changing = Omit<AdvanceRequest, 'method' | 'demand' | 'askedAt' | 'userId'> & {
  readonly userId: UserId
  readonly identityId: IdentityId
}

/**
 * Changes to a number that another account has. One in doubt may be taken from there, as where it is added: by whoever
 * has proved the old number as well.
 */
export class ContestedChanges {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** The refusal; where the number is in doubt, it says so, and the proof waits for the answer. */
  async refusal(
    request: Changing,
    {
      provider,
      proof,
      owner,
      old,
    }: {
      readonly provider: ChangeableProvider
      readonly proof: Proved
      readonly owner: UserId
      readonly old: ProofMoment | undefined
    },
  ): Promise<AppError> {
    const { memories, doubts } = this.#deps
    const [phone] = proof.identity.subjects
    const provedSince = doubts.provedSince(proof)?.getTime()
    const refusal = identityTaken(provider)
    const mayDisown = old !== undefined && owner !== request.userId && provedSince !== undefined
    if (!mayDisown || !(await doubts.isDoubted(request, phone))) return refusal
    const doubted = { method: 'sms', proof, phone, owner, provedSince, hasChanged: false }
    await memories.save(request.attemptId, { ...nothingYet, doubted, choices: ['not_mine'] })
    return new AppError('identity.taken', { params: { ...refusal.params, mayDisown: 1 }, cause: refusal })
  }

  /** The question whose a number in doubt is, which somebody has proved to change to it; undefined: none waits. */
  async asked({ attemptId }: Pick<Changing, 'attemptId'>): Promise<OwnerQuestion | undefined> {
    const { doubted, choices = [] } = await this.#deps.memories.load(attemptId)
    if (!doubted || !choices.includes('not_mine')) return undefined
    return { kind: 'confirm_owner', userId: doubted.owner, isIn: true, choices }
  }

  /**
   * The account that has the number is not theirs: it takes the place of the old one, in one transaction with what is
   * done alongside. Throws `request.invalid` where that was not asked, and `attempt.expired` where one of the proofs is
   * over or its owner was faster.
   */
  async disown(
    request: Changing,
    old: ProofMoment | undefined,
    alongside: (transaction: Knex.Transaction, nowAs: IdentityId) => Promise<unknown>,
  ): Promise<IdentityId> {
    const { memories, directory, owners, clock } = this.#deps
    const { doubted, choices } = await memories.take(request.attemptId)
    if (!doubted || !choices?.includes('not_mine')) throw new AppError('request.invalid')
    const user = (await directory.find(request.userId))?.user
    // SECURITY: what was ended since either code was sent is over.
    const stands = [doubted.proof, old].every((each) => user && each && isUnended(user, each) && isFresh(each, clock))
    if (!stands) throw new AppError('attempt.expired')
    const asked = { ...request, method: doubted.method, demand: nothingDemanded, askedAt: epochSeconds(clock) }
    const replaced = { identityId: request.identityId, provedAt: new Date(doubted.proof.provedAt) }
    const { passed } = await owners.disown(asked, doubted, request.userId, { ...replaced, alongside })
    return passed.nowAs
  }
}
