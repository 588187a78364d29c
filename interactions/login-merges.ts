import type { AccountDirectory } from '../src/accounts/directory.ts'
import { partOf } from '../src/accounts/identity-claim.ts'
import type { Merged } from '../src/accounts/merge.ts'
import { type Account, stillHas } from '../src/accounts/user.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { UserId } from '../src/base/ids.ts'
import type { CameBy } from '../src/oidc/records/sign-in.ts'
import type { AccountMerges } from './account-merges.ts'
import type { Arrived, AttemptMemories, AttemptMemory, MergeOffer } from './attempt-memory.ts'
import { isOfferFresh, momentOf } from './attempt-memory.ts'
import { cameBy } from './keep-proof.ts'
import type { Input } from './methods/method.ts'
import type { AdvanceRequest, Outcome } from './outcome.ts'

interface Dependencies {
  readonly directory: AccountDirectory
  readonly memories: AttemptMemories
  readonly merges: AccountMerges
  readonly clock: Clock
}

/** Who is in once two accounts are one. */
export interface MergedLogin {
  readonly account: Account
  readonly holder: Arrived
}

/** Two accounts that were both proved on the way in may become one: the question, and what comes of the answer. */
export class LoginMerges {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /**
   * Asks whether they are to be one; a number that came along with another proof is proved by a code first. Throws
   * `attempt.expired` where nothing that was proved allows it.
   */
  async begin(
    request: Pick<AdvanceRequest, 'attemptId'>,
    memory: AttemptMemory,
    send: (input: Input) => Promise<Outcome>,
  ): Promise<Outcome> {
    const { memories, merges } = this.#deps
    const { holder, contested, several } = memory
    if (!several && holder && contested && !contested.proof) {
      await memories.save(request.attemptId, { ...memory, choices: undefined })
      return send({ phone: contested.phone, known: 'one_account' })
    }
    const merging = offerIn(memory)
    const question = merging && (await merges.questionOf(merging))
    if (!question) throw new AppError('attempt.expired')
    await memories.save(request.attemptId, { ...memory, merging, choices: ['merge', 'apart'] })
    return { kind: 'merge', question }
  }

  /**
   * Makes them one, and answers who is in now, by what they proved. Throws `attempt.expired` when one of the proofs is
   * over, and what `mergeUsers` throws.
   */
  async carryOut(request: AdvanceRequest, memory: AttemptMemory, input: Input): Promise<MergedLogin> {
    const { merges, directory, clock } = this.#deps
    const { merging } = memory
    if (!merging || !isOfferFresh(merging, clock)) throw new AppError('attempt.expired')
    const { ip, requestId } = request
    const merged = await merges.mergeAs(merging, input, { ip, requestId })
    if (merged === 'already') throw new AppError('attempt.expired')
    const account = await directory.find(merged.into)
    if (!account) throw new AppError('attempt.expired')
    // What this login has ended itself does not end it.
    return { account, holder: { ...holderOf(memory, account, merged), begunAt: clock() } }
  }
}

/** Both proofs, where two accounts have one each. */
function offerIn({ holder, contested, several }: AttemptMemory): MergeOffer | undefined {
  if (several) {
    const { accounts, proof } = several
    const [first, second, ...others] = accounts
    if (!first || !second || others.length > 0) return undefined
    const claim = { ...proof.identity, profile: {} }
    const of = (userId: UserId) => ({ userId, ...momentOf(proof), claim })
    return { proofs: [of(first.userId), of(second.userId)], joins: claim }
  }
  const { proof, owner } = contested ?? {}
  if (!holder || !proof || !owner) return undefined
  const own = { userId: holder.userId, ...momentOf(holder), by: holder.by }
  return { proofs: [own, { userId: owner, ...momentOf(proof), claim: proof.identity }] }
}

function holderOf({ holder, contested, several }: AttemptMemory, account: Account, { moved }: Merged): Arrived {
  const userId = account.user.id
  if (several) {
    const { method, identity, amr } = several.proof
    const part = partOf(identity, account) ?? identity
    const by = cameBy(account, { identity: part, amr })
    const common = { isNew: false, endedSessions: false, ...momentOf(several.proof) }
    return { userId, method, provider: identity.provider, amr, by, ...common }
  }
  if (!holder) throw new AppError('attempt.expired')
  const nowAs = (each: CameBy) => moved.find(({ was }) => was === each)?.nowAs ?? each
  const proof = contested?.proof
  const also = proof ? cameBy(account, proof) : []
  const by = [...new Set([...holder.by.map(nowAs), ...also])].filter((each) => stillHas(account, each))
  const amr = [...new Set([...holder.amr, ...(proof?.amr ?? [])])]
  return { ...holder, userId, by, amr }
}
