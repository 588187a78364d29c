import { lastUseOf, maskedLabel } from '../src/accounts/account-labels.ts'
import type { AccountProof } from '../src/accounts/account-proof.ts'
import type { AccountDirectory } from '../src/accounts/directory.ts'
import { partOf } from '../src/accounts/identity-claim.ts'
import type { Merged } from '../src/accounts/merge.ts'
import { collisionsOf, type MergeChoices, olderOf } from '../src/accounts/merge-collisions.ts'
import type { Passwords } from '../src/accounts/passwords.ts'
import { requireStanding } from '../src/accounts/proof.ts'
import type { Account, IdentityClaim } from '../src/accounts/user.ts'
import type { Locked } from '../src/accounts/user-locks.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import { isId } from '../src/base/ids.ts'
import type { MergeActor, Merging } from '../src/oidc/endings/merging.ts'
import { type AttemptMemories, isOfferFresh, type MergeOffer, nothingYet } from './attempt-memory.ts'
import type { Input, Proved } from './methods/method.ts'
import { isNameOnly, type NumberDoubts } from './number-doubts.ts'
import type { AdvanceRequest, MergeQuestion, MergeSide } from './outcome.ts'

interface Dependencies {
  readonly directory: Pick<AccountDirectory, 'find' | 'ownerOf'>
  readonly passwords: Pick<Passwords, 'has'>
  readonly memories: AttemptMemories
  readonly merging: Merging
  readonly doubts: Pick<NumberDoubts, 'isDoubted'>
  readonly clock: Clock
  /** How many identities of a provider a user may have; undefined: any number. */
  readonly limitOf: (provider: string) => number | undefined
}

/** Two accounts of one person: keeps that both were proved, asks, and makes them one, whoever renders it. */
export class AccountMerges {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /**
   * Keeps that both are one person's. Throws `merge.nobody` where nobody has what was proved, `merge.same` where it is
   * the same account, `merge.unfit` where nobody can log in to it, `merge.doubted` where the number may have gone to
   * somebody else, `attempt.expired` where the proof no longer stands.
   */
  async offer({ attemptId, device }: Pick<AdvanceRequest, 'attemptId' | 'device'>, own: AccountProof, proved: Proved) {
    const { directory, memories, doubts } = this.#deps
    const { identity, begunAt, provedAt } = proved
    const owner = await directory.ownerOf(identity)
    if (owner === undefined) throw new AppError('merge.nobody')
    if (owner === own.userId) throw new AppError('merge.same')
    const account = await directory.find(owner)
    const part = account && partOf(identity, account)
    if (!part) throw new AppError('attempt.expired')
    if (account.user.status !== 'active') throw new AppError('merge.unfit')
    requireStanding(account, proved, part)
    // SECURITY: whoever was given the number since would be given the account with it.
    const isByNumber = identity.provider === 'phone' && !isNameOnly(proved)
    if (isByNumber && (await doubts.isDoubted({ device }, identity.subjects[0]))) throw new AppError('merge.doubted')
    const other = { userId: owner, begunAt, provedAt, claim: bare(part) }
    await memories.save(attemptId, { ...nothingYet, merging: { proofs: [own, other] } })
  }

  /** What the person is asked; undefined when nothing waits, or what was proved is over. */
  async asked(attemptId: string): Promise<MergeQuestion | undefined> {
    const { merging } = await this.#deps.memories.load(attemptId)
    return merging && isOfferFresh(merging, this.#deps.clock) ? this.questionOf(merging) : undefined
  }

  /** The question about two accounts that were both proved. */
  async questionOf({ proofs, joins }: MergeOffer): Promise<MergeQuestion | undefined> {
    const { directory, passwords, limitOf } = this.#deps
    const found = await Promise.all(
      proofs.map(async ({ userId }): Promise<Locked | undefined> => {
        const account = await directory.find(userId)
        return account?.user.status === 'active' ? { account, hasPassword: await passwords.has(userId) } : undefined
      }),
    )
    const [first, second] = found
    if (!first || !second) return undefined
    const into = olderOf(first.account, second.account).user.id
    const pair = into === first.account.user.id ? { into: first, from: second } : { into: second, from: first }
    return {
      sides: [sideOf(pair.into.account), sideOf(pair.from.account)],
      into,
      collisions: collisionsOf(pair, { limitOf, joins }),
    }
  }

  /**
   * The person said yes, and what stays: makes the two one. SECURITY: of two answers at once one counts. Throws
   * `attempt.expired` when what was proved is over, and what `mergeUsers` throws; after `merge.undecided` the same may
   * be answered again.
   */
  async carryOut(attemptId: string, input: Input, actor: MergeActor): Promise<Merged | 'already'> {
    const { memories, clock } = this.#deps
    const memory = await memories.take(attemptId)
    const { merging } = memory
    if (!merging || !isOfferFresh(merging, clock)) throw new AppError('attempt.expired')
    try {
      return await this.mergeAs(merging, input, actor)
    } catch (error) {
      if (error instanceof AppError && error.code === 'merge.undecided') await memories.save(attemptId, memory)
      throw error
    }
  }

  /** Makes two accounts one as the person said. Throws what `mergeUsers` throws. */
  async mergeAs({ proofs, joins }: MergeOffer, input: Input, actor: MergeActor): Promise<Merged | 'already'> {
    const users = proofs.map(({ userId }) => userId)
    const into = users.find((each) => each === input['into']) ?? (await this.questionOf({ proofs }))?.into
    const from = users.find((each) => each !== into)
    if (!into || !from) throw new AppError('attempt.expired')
    return this.#deps.merging.merge({ into, from, proofs, joins, choices: choicesIn(input) }, actor)
  }

  /** Forgets what was proved: the person wants to prove another account. */
  forget(attemptId: string): Promise<void> {
    return this.#deps.memories.forget(attemptId)
  }
}

/** What a form or an app says; names of one account or of none count as nothing said. */
function choicesIn(input: Input): MergeChoices {
  const user = (text: string | undefined) => (isId('usr', text) ? text : undefined)
  const identities = Object.keys(input).flatMap((name) => {
    const [, id] = /^stays_(.+)$/.exec(name) ?? []
    return isId('idn', id) ? [id] : []
  })
  return {
    password: user(input['keep_password']),
    nickname: user(input['keep_nickname']),
    picture: user(input['keep_picture']),
    identities,
  }
}

function sideOf(account: Account): MergeSide {
  const { user, identities } = account
  const shown = { label: maskedLabel(account), nickname: user.profile.nickname, createdAt: user.createdAt }
  return { userId: user.id, ...shown, lastUsedAt: lastUseOf(account), identities }
}

/** Without a name and a picture, which are of no use for a proof. */
function bare({ provider, subjects }: IdentityClaim): IdentityClaim {
  return { provider, subjects, profile: {} }
}
