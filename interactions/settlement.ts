import type { AccountDirectory } from '../src/accounts/directory.ts'
import { identityTaken, partOf } from '../src/accounts/identity-claim.ts'
import type { KeptCredentials } from '../src/accounts/kept-credentials.ts'
import type { Passwords } from '../src/accounts/passwords.ts'
import { isFresh, isUnended, requireActive, requireStanding, requireUnmoved } from '../src/accounts/proof.ts'
import { type Account, hasPhone } from '../src/accounts/user.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { UserId } from '../src/base/ids.ts'
import { maskSubject } from '../src/base/mask.ts'
import type { LeavingActor } from '../src/oidc/endings/account-leaving.ts'
import type { EndRecords } from '../src/oidc/endings/endings.ts'
import type { Audit } from '../src/ops/audit.ts'
import type { Admissions } from './admissions.ts'
import {
  type Arrived,
  type AttemptMemories,
  type AttemptMemory,
  claimedIn,
  type Doubted,
  type Leaving,
  momentOf,
  type Pending,
  type Several,
  waitingProof,
} from './attempt-memory.ts'
import { finishLogin, requireEnough } from './finish-login.ts'
import { type AuditIdentity, identityAudit } from './identity-audit.ts'
import { cameBy, keepCredential, keepPassword } from './keep-proof.ts'
import type { Proved } from './methods/method.ts'
import { type NumberDoubts, phoneClaim } from './number-doubts.ts'
import { NumberOwners, type PassNumber } from './number-owners.ts'
import { type AdvanceRequest, type Outcome, useOf } from './outcome.ts'
import { type Found, OwnerSearch } from './owner-search.ts'
import { Questions } from './questions.ts'

/** What the settlement of a proof works with. */
export interface SettlementDependencies {
  readonly directory: AccountDirectory
  readonly passwords: Passwords
  readonly memories: AttemptMemories
  readonly audit: Audit
  readonly admissions: Admissions
  /** Whether a number leads to whom it led to before. */
  readonly doubts: NumberDoubts
  readonly options: {
    readonly clock: Clock
    /** What has to be agreed to before anything is sent or made: `id@version`. */
    readonly agreements: readonly string[]
    /** Keeps what an upstream gave us. */
    readonly keepCredential: KeptCredentials['keep']
    readonly end: EndRecords
    readonly passNumber: PassNumber
    /** Takes back the deletion of an account, see `stayAfterAll`. */
    readonly stay: (userId: UserId, actor: LeavingActor) => Promise<boolean>
  }
}

type Holding = AttemptMemory & { readonly holder: Arrived }

/**
 * What a proved identity means for the account table: whose it is, whether an account is made, and what is still
 * missing.
 */
export class Settlement {
  readonly #deps: SettlementDependencies
  readonly #questions: Questions
  readonly #owners: OwnerSearch
  readonly #numbers: NumberOwners
  readonly #audit: AuditIdentity

  constructor(dependencies: SettlementDependencies) {
    this.#deps = dependencies
    this.#questions = new Questions(dependencies)
    this.#numbers = new NumberOwners(dependencies)
    this.#owners = new OwnerSearch({ ...dependencies, numbers: this.#numbers })
    this.#audit = identityAudit(dependencies)
  }

  /**
   * Lets the person in whose identity this is, or says what has to be settled first. Nothing is changed then. Throws
   * `attempt.expired` when everything of theirs was ended since it was proved.
   */
  async settle(request: AdvanceRequest, step: Proved, memory: AttemptMemory): Promise<Outcome> {
    const { holder } = memory
    const { clock } = this.#deps.options
    // SECURITY: of every proof, also one a method has kept while it asked for more.
    if (!isFresh(step, clock)) throw new AppError('attempt.expired')
    requireEnough(request, step, memory, clock)
    if (holder && isFresh(holder, clock)) return this.#addToHolder(request, step, { ...memory, holder })
    const found = await this.#owners.find(request, step, memory)
    if ('kind' in found) return found
    const left = { ...memory, doubted: undefined }
    const claimed = claimedIn(memory, clock)
    if (!claimed || found.account.user.id !== claimed.owner) return this.#letIn(request, step, found, left)
    await keepCredential(this.#deps, found.account, step)
    return this.confirm(request, claimed, memory, step)
  }

  /**
   * The account of a number in doubt is theirs: lets them in by both proofs, or by the number and their word. Throws
   * `attempt.expired` where that has changed since.
   */
  async confirm(request: AdvanceRequest, doubted: Doubted, memory: AttemptMemory, second?: Proved): Promise<Outcome> {
    const { account, step } = await this.#numbers.confirm(request, doubted, second)
    const left = { ...memory, doubted: undefined, choices: undefined }
    return this.#letIn({ ...request, method: doubted.method }, step, { account, isNew: false }, left)
  }

  /**
   * The account of a number in doubt is not theirs: the number is taken off it, and becomes that of the account they
   * are in, or of a new one. Throws `attempt.expired` where its owner was faster, and `identity.limit`.
   */
  async disown(request: AdvanceRequest, doubted: Doubted, memory: AttemptMemory): Promise<Outcome> {
    const { holder } = memory
    const left = { ...memory, doubted: undefined, choices: undefined }
    const { account } = await this.#numbers.disown(request, doubted, holder?.userId)
    const { proof } = doubted
    if (!holder) return this.#letIn(request, proof, { account, isNew: true }, left)
    const amr = [...new Set([...holder.amr, ...proof.amr])]
    const by = [...new Set([...holder.by, ...cameBy(account, { identity: phoneClaim(doubted.phone), amr: [] })])]
    return this.arrive(request, account, { ...left, holder: { ...holder, amr, by } })
  }

  /** Lets in whom a proof led to, and stores what it brought along. */
  async #letIn(
    request: AdvanceRequest,
    step: Proved,
    { account, isNew }: Found,
    memory: AttemptMemory,
  ): Promise<Outcome> {
    const { clock } = this.#deps.options
    const userId = account.user.id
    if (account.user.status === 'leaving') return this.#questions.leaving(request, memory, { step, account })
    requireActive(account)
    const isWaiting = await this.#isWaiting(request, account, memory)
    const kept = isNew ? undefined : await keepPassword(this.#deps, userId, step, request)
    if (kept) await this.#audit(kept, request, userId, step)
    const endedSessions = kept === 'password.reset'
    await keepCredential(this.#deps, account, step)
    if (isNew) await this.#audit('user.registered', request, userId, step, { agreements: memory.agreed })
    const { provider } = step.identity
    // What this login has made or ended itself does not end it; a password that is new was shown just now.
    const begunAt = isNew || kept ? clock() : step.begunAt
    const moment = { begunAt, provedAt: endedSessions ? clock() : step.provedAt }
    const came = { amr: step.amr, by: cameBy(account, step), method: request.method, provider }
    const arrived = { userId, ...came, isNew, endedSessions, ...moment }
    const holding = { ...memory, holder: arrived, contested: undefined, choices: undefined }
    return isWaiting ? this.#questions.binding(request, holding) : this.arrive(request, account, holding)
  }

  /**
   * The person said yes: what waits becomes part of the account they are in. Throws `identity.taken` or
   * `identity.limit`; they may go on without it then.
   */
  async bindWaiting(request: AdvanceRequest, memory: Holding): Promise<Outcome> {
    const { directory, memories } = this.#deps
    const { holder } = memory
    const proof = waitingProof(memory)
    const bound = await directory.bind(holder.userId, proof.identity, useOf(request)).catch(async (error: unknown) => {
      await memories.save(request.attemptId, { ...memory, choices: ['without_binding'] })
      throw error
    })
    const account = await directory.find(holder.userId)
    if (!account) throw new AppError('user.locked')
    await keepCredential(this.#deps, account, proof)
    await this.#audit('identity.bound', request, holder.userId, proof)
    const amr = [...new Set([...holder.amr, ...proof.amr])]
    const by = [...holder.by, bound.identityId]
    return this.arrive(request, account, { ...memory, holder: { ...holder, amr, by } })
  }

  /**
   * The person said no: what waited is forgotten. Of a number and the account it was to be added to, the number was
   * proved last.
   */
  async leaveWaiting(request: AdvanceRequest, memory: Holding): Promise<Outcome> {
    const { holder, contested } = memory
    const detail = { method: holder.method, error: 'declined' }
    await this.#audit('identity.refused', request, holder.userId, waitingProof(memory), detail)
    const left = { ...memory, pending: undefined, contested: undefined, choices: undefined }
    if (contested?.proof) return this.settle(request, contested.proof, { ...left, holder: undefined })
    const account = await this.#deps.directory.find(holder.userId)
    if (!account) throw new AppError('user.locked')
    return this.arrive(request, account, left)
  }

  /**
   * The person said that the account of the number that came along is theirs. Throws `attempt.expired` where that has
   * changed since they were asked.
   */
  async join(request: AdvanceRequest, pending: Pending, memory: AttemptMemory): Promise<Outcome> {
    const { directory } = this.#deps
    const { owner, phone = '' } = memory.contested ?? {}
    const asked = owner && (await directory.find(owner))
    if (!asked) throw new AppError('attempt.expired')
    requireStanding(asked, pending, phoneClaim(phone))
    requireActive(asked)
    const { user } = asked
    await directory.bind(user.id, pending.identity, useOf(request))
    const account = (await directory.find(user.id)) ?? asked
    await keepCredential(this.#deps, account, pending)
    await this.#audit('identity.bound', request, user.id, pending)
    const { amr, method, identity } = pending
    const common = { isNew: false, endedSessions: false, ...momentOf(pending) }
    const by = cameBy(account, { identity, also: phoneClaim(phone), amr })
    const holder = { userId: user.id, amr, by, method, provider: identity.provider, ...common }
    return this.arrive(request, account, { ...memory, holder, choices: undefined })
  }

  /**
   * The person said which of the accounts that one proof leads to they go on with. What leads to the others leads there
   * now, and what came by it ends there; an account that has no other way in keeps it. Throws `attempt.expired` or
   * `user.locked` where one of them has changed since they were asked.
   */
  async goOnWith(request: AdvanceRequest, several: Several, userId: UserId, memory: AttemptMemory): Promise<Outcome> {
    const { directory, options } = this.#deps
    const { ip, requestId } = request
    const { proof, accounts } = several
    const claim = proof.identity
    const from = accounts.flatMap((each) => (each.isSpare && each.userId !== userId ? [each.userId] : []))
    const moved = await directory.gather({ claim, moment: proof, to: userId, from }, (transaction, each) =>
      options.end(
        each.from,
        { kind: 'by', by: each.identityId },
        { reason: 'identity_moved', ip, requestId },
        transaction,
      ),
    )
    for (const { from: left, identityId: identity, subjects } of moved) {
      const masked = subjects.map((each) => maskSubject(claim.provider, each, { withNamespace: true }))
      const detail = { from: left, to: userId, identity, subjects: masked, method: proof.method }
      for (const whose of [left, userId]) await this.#audit('identity.moved', request, whose, proof, detail)
    }
    return this.#letInAgain(request, proof, userId, { ...memory, several: undefined })
  }

  /**
   * The person said that their account is to stay. What was proved lets them in then, and a password that they chose on
   * the way is theirs. Throws `attempt.expired` where it is gone by now.
   */
  async stay(request: AdvanceRequest, { proof, userId }: Leaving, memory: AttemptMemory): Promise<Outcome> {
    const { ip, requestId, clientId } = request
    requireEnough(request, { ...proof, kind: 'proved', registration: 'never' }, memory, this.#deps.options.clock)
    await this.#deps.options.stay(userId, { ip, requestId, clientId })
    return this.#letInAgain(request, proof, userId, memory)
  }

  /** Lets somebody in by what they proved before they answered a question. */
  async #letInAgain(request: AdvanceRequest, proof: Pending, userId: UserId, memory: AttemptMemory): Promise<Outcome> {
    const { directory } = this.#deps
    const chosen = await directory.find(userId)
    const identity = chosen && partOf(proof.identity, chosen)
    if (!identity) throw new AppError('attempt.expired')
    const found = await directory.resolve(identity, useOf(request))
    if (found.kind !== 'known' || found.account.user.id !== userId) throw new AppError('attempt.expired')
    requireStanding(found.account, proof, identity)
    const step: Proved = { kind: 'proved', registration: 'never', ...proof, identity }
    return this.#letIn(request, step, { account: found.account, isNew: false }, memory)
  }

  /** Who is in, with nothing left to bind. */
  async arrive(request: AdvanceRequest, account: Account, memory: Holding): Promise<Outcome> {
    const left = { ...memory, pending: undefined, contested: undefined }
    if (request.demand.requiresPhone && !hasPhone(account)) return this.#questions.phone(request, left)
    return finishLogin(this.#deps, request, memory.holder, memory)
  }

  /** The phone number somebody who is known had to add. */
  async #addToHolder(request: AdvanceRequest, step: Proved, memory: Holding): Promise<Outcome> {
    const { holder } = memory
    const { provider, subjects } = step.identity
    if (provider !== 'phone') throw new AppError('phone.required', { field: 'phone' })
    const owner = await this.#deps.directory.ownerOf(step.identity)
    requireUnmoved(step, owner)
    const contested = { phone: subjects[0], proof: step, ...(owner ? { owner } : {}) }
    const holding = { ...memory, pending: undefined, contested }
    if (owner === undefined) return this.#questions.binding(request, holding)
    if (owner === holder.userId) return this.bindWaiting(request, holding)
    const asked = await this.#owners.contest(request, step, holding, { phone: subjects[0], owner })
    if (asked) return asked
    const choices = ['login_existing', 'use_other_phone', 'one_account'] as const
    return this.#questions.conflict(request, holding, { step, users: [owner], choices })
  }

  /**
   * Whether something was proved before that nobody has yet. Throws `identity.taken` where somebody else has it by now;
   * it is forgotten then, so that the same login works without it.
   */
  async #isWaiting(request: AdvanceRequest, { user }: Account, memory: AttemptMemory): Promise<boolean> {
    const { directory, memories, options } = this.#deps
    const { pending } = memory
    // SECURITY: whoever ended everything did not mean to keep what waited in this browser.
    if (!pending || !isFresh(pending, options.clock) || !isUnended(user, pending)) return false
    const owner = await directory.ownerOf(pending.identity)
    if (owner === undefined || owner === user.id) return owner === undefined
    await memories.save(request.attemptId, { ...memory, pending: undefined })
    throw identityTaken(pending.identity.provider)
  }
}
