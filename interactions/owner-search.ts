import type { AccountDirectory } from '../src/accounts/directory.ts'
import type { RegisterOptions } from '../src/accounts/directory-types.ts'
import { identityTaken, partOf } from '../src/accounts/identity-claim.ts'
import type { Passwords } from '../src/accounts/passwords.ts'
import { requireProved, requireStanding, requireUnmoved } from '../src/accounts/proof.ts'
import type { Account, IdentityClaim } from '../src/accounts/user.ts'
import { AppError } from '../src/base/errors.ts'
import type { UserId } from '../src/base/ids.ts'
import type { Audit } from '../src/ops/audit.ts'
import type { Admissions } from './admissions.ts'
import { type AttemptMemories, type AttemptMemory, type Doubted, momentOf, pendingOf } from './attempt-memory.ts'
import { type AuditIdentity, identityAudit } from './identity-audit.ts'
import { cameBy, isSameIdentity } from './keep-proof.ts'
import type { Proved } from './methods/method.ts'
import { isNameOnly, type NumberDoubts } from './number-doubts.ts'
import type { NumberOwners } from './number-owners.ts'
import { type AdvanceRequest, type Choice, type Outcome, useOf } from './outcome.ts'
import { Questions } from './questions.ts'

interface Dependencies {
  readonly directory: AccountDirectory
  readonly passwords: Pick<Passwords, 'has'>
  readonly memories: AttemptMemories
  readonly audit: Audit
  readonly doubts: NumberDoubts
  readonly numbers: Pick<NumberOwners, 'disown'>
  readonly admissions: Pick<Admissions, 'admit'>
}

/** Somebody a proof led to. */
export interface Found {
  readonly account: Account
  readonly isNew: boolean
}

/** The outcomes by which the person is asked whose an identity is. */
export type Asked = Extract<
  Outcome,
  { kind: 'choose' | 'choose_account' | 'conflict' | 'bind_phone' | 'confirm_owner' }
>

const tries = 3

/** Whose a proved identity is in the account table: somebody's, a new account's, or to be settled first. */
export class OwnerSearch {
  readonly #deps: Dependencies
  readonly #questions: Questions
  readonly #audit: AuditIdentity

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
    this.#questions = new Questions(dependencies)
    this.#audit = identityAudit(dependencies)
  }

  /**
   * Whose identity it is. What nobody has is registered, where the step and the client allow it, or kept until it is
   * settled.
   */
  async find(request: AdvanceRequest, step: Proved, memory: AttemptMemory): Promise<Found | Asked> {
    for (let tried = 0; ; tried++) {
      try {
        return step.registration === 'required'
          ? await this.#register(request, step, memory, { mustBeNew: true })
          : await this.#resolve(request, step, memory)
      } catch (error) {
        // The phone number found an owner in between: look again who it is.
        const isRace = step.also !== undefined && error instanceof AppError && error.code === 'identity.taken'
        if (!isRace || tried === tries) throw error
      }
    }
  }

  async #resolve(
    request: AdvanceRequest,
    step: Proved,
    memory: AttemptMemory,
    { provedSince }: { readonly provedSince: Date | undefined } = { provedSince: this.#deps.doubts.provedSince(step) },
  ): Promise<Found | Asked> {
    const { directory } = this.#deps
    const { identity, also } = step
    const use = { ...useOf(request), isNameOnly: isNameOnly(step), provedSince }
    const found = await directory.resolve(identity, use)
    const expected = request.expectedUserId
    if (found.kind === 'stale' && provedSince) {
      if (expected !== undefined && expected !== found.userId) throw new AppError('login.other_user')
      const asked = await this.#doubt(request, step, memory, { owner: found.userId, provedSince })
      return asked ?? this.#resolve(request, step, memory, { provedSince: undefined })
    }
    if (found.kind === 'conflict') return this.#severalOf(request, step, found.users, memory)
    if (expected !== undefined && (found.kind !== 'known' || found.account.user.id !== expected)) {
      throw new AppError('login.other_user')
    }
    if (found.kind === 'known') {
      const { account } = found
      requireStanding(account, step, identity)
      // Whoever is leaving is asked first whether to stay.
      if (
        !also ||
        step.isAlsoDated ||
        account.user.status === 'leaving' ||
        account.identities.some((each) => isSameIdentity(each, also))
      )
        return { account, isNew: false }
      return this.#bindPhone(request, { account, step, also }, memory)
    }
    if (step.ifUnknown) throw step.ifUnknown
    if (found.kind === 'stale') throw new AppError('attempt.expired')
    requireUnmoved(step, undefined)
    const owner = also && (await directory.ownerOf(also))
    if (owner !== undefined || step.isAlsoDated) return this.#bindToPhoneOwner(request, { step, owner }, memory)
    const { registration: atClient } = request.demand
    if (step.registration === 'never' || atClient === 'closed') throw new AppError('registration.closed')
    if (atClient === 'invite' && memory.invite === undefined) return this.#questions.whose(request, step, memory)
    const lacksPhone = request.demand.requiresPhone && identity.provider !== 'phone' && !also
    if (step.registration === 'ask' || (lacksPhone && !step.password))
      return this.#questions.whose(request, step, memory)
    return this.#register(request, step, memory, also ? { also } : {})
  }

  /**
   * An account has not proved its number for long, and whoever has proved it now may be somebody else. Undefined: it is
   * its owner. Where the carriers say that it is not, the account is not theirs. Otherwise they are asked.
   */
  async #doubt(
    request: AdvanceRequest,
    step: Proved,
    memory: AttemptMemory,
    { owner, provedSince }: { readonly owner: UserId; readonly provedSince: Date },
  ): Promise<Found | Asked | undefined> {
    const { directory, doubts, numbers } = this.#deps
    const [phone] = step.identity.subjects
    const account = await directory.find(owner)
    if (!account) throw new AppError('attempt.expired')
    requireProved(account, step, step.identity)
    const verdict = await doubts.judge(request, phone)
    if (verdict === 'same') return undefined
    const hasChanged = verdict === 'changed'
    // Where accounts are made by invitation, none is made out of a number that was somebody else's.
    const isOpen = step.registration === 'allowed' && request.demand.registration === 'open'
    const mayDisown = isOpen && request.expectedUserId === undefined
    const doubted = doubtOf(request, step, { phone, owner, provedSince, hasChanged })
    if (hasChanged && mayDisown) return { account: (await numbers.disown(request, doubted)).account, isNew: true }
    return this.#questions.owner(request, memory, { doubted, mayDisown })
  }

  /**
   * One proof leads to several accounts of one person. Where the request is for one of them, it is that one; otherwise
   * the person says which. Nothing has changed.
   */
  async #severalOf(
    request: AdvanceRequest,
    step: Proved,
    users: readonly UserId[],
    memory: AttemptMemory,
  ): Promise<Found | Asked> {
    const { expectedUserId: expected } = request
    if (expected !== undefined && !users.includes(expected)) throw new AppError('login.other_user')
    const wanted = expected === undefined ? users : [expected]
    const found = await Promise.all(
      wanted.map(async (userId) => {
        const account = await this.#deps.directory.find(userId)
        const part = account && partOf(step.identity, account)
        if (!part) throw new AppError('attempt.expired')
        requireStanding(account, step, part)
        return { account, part }
      }),
    )
    const [only] = found
    if (expected !== undefined && only) return this.#resolve(request, { ...step, identity: only.part }, memory)
    return this.#questions.account(request, memory, { step, accounts: found.map(({ account }) => account) })
  }

  async #register(
    request: AdvanceRequest,
    step: Proved,
    { invite }: AttemptMemory,
    options: RegisterOptions,
  ): Promise<Found> {
    const { directory, admissions } = this.#deps
    const admitted = await admissions.admit(request, step.identity, invite)
    const password = step.password === undefined ? {} : { passwordHash: step.password.hash }
    const made = { ...password, ...options, ...admitted }
    return { account: await directory.register(step.identity, useOf(request), made), isNew: true }
  }

  /** Somebody known brought a phone number along: it becomes theirs, unless it is somebody else's. */
  async #bindPhone(
    request: AdvanceRequest,
    { account, step, also }: { account: Account; step: Proved; also: IdentityClaim },
    memory: AttemptMemory,
  ): Promise<Found | Asked> {
    const { directory } = this.#deps
    const userId = account.user.id
    try {
      await directory.bind(userId, also, useOf(request))
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      // Who has as many numbers as may be is let in with those.
      if (error.code === 'identity.limit') return { account, isNew: false }
      if (error.code !== 'identity.taken') throw error
      const owner = await directory.ownerOf(also)
      const common = { isNew: false, endedSessions: false, method: request.method, provider: step.identity.provider }
      const holder = { userId, amr: step.amr, by: cameBy(account, step), ...momentOf(step), ...common }
      const asked = await this.contest(request, step, { ...memory, holder }, { phone: also.subjects[0], owner })
      if (asked) return asked
      const choices = [
        'login_existing',
        'use_other_phone',
        'one_account' as const,
        ...(request.demand.requiresPhone ? [] : ['without_phone' as const]),
      ] as const
      return this.#questions.conflict(
        request,
        { ...memory, holder, contested: { phone: also.subjects[0] } },
        { step: { identity: also }, users: [owner], choices },
      )
    }
    await this.#audit('identity.bound', request, userId, { identity: also })
    return { account: (await directory.find(userId)) ?? account, isNew: false }
  }

  /**
   * Somebody who is in has proved a number that another account has. Asks whose that account is where the number is in
   * doubt; undefined: it is not.
   */
  async contest(
    request: AdvanceRequest,
    step: Proved,
    memory: AttemptMemory,
    { phone, owner }: { readonly phone: string; readonly owner: UserId | undefined },
  ): Promise<Asked | undefined> {
    const { doubts } = this.#deps
    const provedSince = doubts.oldestProof()
    if (!owner || !provedSince || !(await doubts.isDoubted(request, phone))) return undefined
    const doubted = doubtOf(request, step, { phone, owner, provedSince, hasChanged: false })
    return this.#questions.owner(request, { ...memory, contested: undefined }, { doubted, mayDisown: true })
  }

  /**
   * Nobody's identity came with somebody's phone number. It becomes theirs if they say so, unless they have another of
   * that provider already, or the number was proved some time ago: then it may have changed hands, whosever it is here,
   * and only a fresh proof of it tells.
   */
  async #bindToPhoneOwner(
    request: AdvanceRequest,
    { step, owner }: { step: Proved; owner: UserId | undefined },
    memory: AttemptMemory,
  ): Promise<Found | Asked> {
    const { directory } = this.#deps
    const account = owner && (await directory.find(owner))
    if (owner && !account) throw identityTaken('phone')
    const phone = step.also?.subjects[0] ?? ''
    const isDoubted = account !== undefined && (await this.#deps.doubts.isDoubted(request, phone))
    if (account && step.also) (isDoubted ? requireProved : requireStanding)(account, step, step.also)
    // Another request with both was faster.
    if (account?.identities.some((each) => isSameIdentity(each, step.identity))) return { account, isNew: false }
    const hasOther = account?.identities.some(({ provider }) => provider === step.identity.provider)
    // SECURITY: a number in doubt opens no account by itself: a code to it is asked for, and whose the account is.
    const mayJoin = account && !step.isAlsoDated && !hasOther && !isDoubted
    const contested = { phone, ...(mayJoin ? { owner: account.user.id } : {}) }
    const kept = { ...memory, pending: pendingOf(request.method, step), contested }
    const choices: readonly Choice[] = ['login_existing', 'use_other_phone', ...(mayJoin ? ['join' as const] : [])]
    return this.#questions.conflict(request, kept, { step, users: [owner], choices })
  }
}

function doubtOf(
  { method }: Pick<AdvanceRequest, 'method'>,
  { ifUnknown: _, ...proof }: Proved,
  about: Pick<Doubted, 'phone' | 'owner' | 'hasChanged'> & { readonly provedSince: Date },
): Doubted {
  return { ...about, method, proof, provedSince: about.provedSince.getTime() }
}
