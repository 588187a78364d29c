import type { AccountDirectory } from '../src/accounts/directory.ts'
import type { Passwords } from '../src/accounts/passwords.ts'
import { isFresh } from '../src/accounts/proof.ts'
import { canSpare } from '../src/accounts/spare-identity.ts'
import type { Account, IdentityClaim } from '../src/accounts/user.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { UserId } from '../src/base/ids.ts'
import type { Audit } from '../src/ops/audit.ts'
import {
  type Admitting,
  type Arrived,
  type AttemptMemories,
  type AttemptMemory,
  claimedIn,
  type Doubted,
  isOfferFresh,
  type MergeOffer,
  pendingOf,
  waitingAdmission,
  withoutMethod,
} from './attempt-memory.ts'
import type { Proved } from './methods/method.ts'
import {
  type AccountQuestion,
  type AdvanceRequest,
  auditContext,
  type BindingQuestion,
  type Choice,
  type ConflictQuestion,
  type LeavingQuestion,
  type Outcome,
  type OwnerQuestion,
} from './outcome.ts'

interface Dependencies {
  readonly directory: Pick<AccountDirectory, 'find' | 'leavesAt'>
  readonly passwords: Pick<Passwords, 'has'>
  readonly memories: AttemptMemories
  readonly audit: Audit
}

type Holding = AttemptMemory & { readonly holder: Arrived }

/** What the person has to say before an attempt goes on: keeps what waits for the answer. Nothing else changes. */
export class Questions {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /**
   * Nobody has what was proved: whose is it? Where the client demands a phone number, that is the answer; where it
   * takes accounts by invitation, that is asked for first.
   */
  async whose(
    request: AdvanceRequest,
    step: Proved,
    memory: AttemptMemory,
  ): Promise<Extract<Outcome, { kind: 'choose' | 'bind_phone' }>> {
    const kept = { ...memory, pending: pendingOf(request.method, step) }
    const { requiresPhone, registration } = request.demand
    const needsInvite = registration === 'invite' && memory.invite === undefined
    if (requiresPhone && !needsInvite) return this.phone(request, kept)
    await this.#keep(request, { ...kept, choices: ['new', 'existing'] })
    return { kind: 'choose', provider: step.identity.provider, needsInvite }
  }

  /** A phone number is needed. */
  async phone(request: AdvanceRequest, memory: AttemptMemory): Promise<Extract<Outcome, { kind: 'bind_phone' }>> {
    await this.#keep(request, { ...memory, choices: undefined })
    return { kind: 'bind_phone', reason: 'policy' }
  }

  /** What was proved leads to several accounts: which of them is it to be? */
  async account(
    request: AdvanceRequest,
    memory: AttemptMemory,
    { step, accounts: found }: { readonly step: Proved; readonly accounts: readonly Account[] },
  ): Promise<AccountQuestion> {
    const { identity } = step
    const accounts = await Promise.all(
      found.map(async (account) => {
        const userId = account.user.id
        return { userId, isSpare: canSpare(account, identity, await this.#deps.passwords.has(userId)) }
      }),
    )
    const users = accounts.map(({ userId }) => userId)
    await this.#conflicted(request, identity.provider, users, users[0])
    const several = { proof: pendingOf(request.method, step), accounts }
    const asked = { ...memory, several, choices: accountChoices(accounts) }
    await this.#keep(request, asked)
    return { kind: 'choose_account', provider: identity.provider, accounts, canMerge: canMerge(asked) }
  }

  /** What was proved belongs to another account. */
  async conflict(
    request: AdvanceRequest,
    memory: AttemptMemory,
    met: {
      readonly step: Pick<Proved, 'identity'>
      readonly users: readonly (UserId | undefined)[]
      readonly choices: readonly Choice[]
    },
  ): Promise<ConflictQuestion> {
    const { step, choices } = met
    const users = met.users.filter((each) => each !== undefined)
    const { provider } = step.identity
    await this.#conflicted(request, provider, users, memory.holder?.userId)
    await this.#keep(request, { ...memory, conflict: { provider, users }, choices })
    return { kind: 'conflict', provider, users, choices }
  }

  /**
   * Somebody is in, and something waits. SECURITY: two proofs of one attempt may be two people's: on a computer that
   * several use, or where one has begun what another goes on with. So a login binds nothing by itself.
   */
  async binding(request: AdvanceRequest, memory: Holding): Promise<BindingQuestion> {
    const asked = { ...memory, choices: ['without_binding', 'bind'] as const }
    await this.#keep(request, asked)
    const question = bindingQuestion(asked)
    if (!question) throw new Error('there is nothing to bind')
    return question
  }

  /**
   * What was proved leads to an account that has not proved it for long: is that theirs? Whoever says no gets the
   * number without the account, where they may.
   */
  async owner(
    request: AdvanceRequest,
    memory: AttemptMemory,
    { doubted, mayDisown }: { readonly doubted: Doubted; readonly mayDisown: boolean },
  ): Promise<OwnerQuestion> {
    const { owner: userId, hasChanged } = doubted
    const choices = mayDisown ? (['not_mine', 'mine'] as const) : (['mine'] as const)
    const detail = { method: request.method, has_changed: hasChanged }
    const about = { userId, identityProvider: 'phone', detail }
    await this.#deps.audit.write({ event: 'identity.doubted', ...about, ...auditContext(request) })
    // The code is used up: the same number is sent another one.
    await this.#keep(request, { ...withoutMethod(memory, request.method), doubted, choices })
    return { kind: 'confirm_owner', userId, isIn: memory.holder !== undefined, choices }
  }

  /**
   * The account is on its way out: is it to stay? SECURITY: a login never takes a deletion back by itself, because it
   * may be somebody else's, or an app's that tries again.
   */
  async leaving(
    request: AdvanceRequest,
    memory: AttemptMemory,
    { step, account }: { readonly step: Proved; readonly account: Account },
  ): Promise<LeavingQuestion> {
    const { id: userId } = account.user
    const leavesAt = await this.#deps.directory.leavesAt(userId)
    // It was taken back meanwhile.
    if (!leavesAt) throw new AppError('attempt.expired')
    const chosen = step.password === undefined ? {} : { password: step.password }
    const proof = { ...pendingOf(request.method, step), ...chosen }
    const leaving = { proof, userId, leavesAtMs: leavesAt.getTime() }
    await this.#keep(request, { ...memory, leaving, choices: ['undo_deletion', 'keep_deletion'] })
    return { kind: 'leaving', userId, leavesAtMs: leaving.leavesAtMs }
  }

  async #conflicted(request: AdvanceRequest, identityProvider: string, users: readonly UserId[], userId?: UserId) {
    const whose = { userId, identityProvider, detail: { users } }
    await this.#deps.audit.write({ event: 'identity.conflicted', ...whose, ...auditContext(request) })
  }

  async #keep(request: AdvanceRequest, memory: AttemptMemory): Promise<void> {
    await this.#deps.memories.save(request.attemptId, { ...memory, method: undefined })
  }
}

/** The accounts a memory waits for one of to be chosen; undefined: for none. */
export function accountQuestion({ several, choices }: AttemptMemory): AccountQuestion | undefined {
  if (!several || !choices?.includes('account')) return undefined
  const { proof, accounts } = several
  return { kind: 'choose_account', provider: proof.identity.provider, accounts, canMerge: canMerge({ choices }) }
}

/** Two accounts of one proof may become one; of more the person chooses first. */
function accountChoices(accounts: readonly unknown[]): readonly Choice[] {
  return accounts.length === 2 ? ['account', 'one_account'] : ['account']
}

function canMerge({ choices }: Pick<AttemptMemory, 'choices'>): boolean {
  return choices?.includes('one_account') === true
}

/** The question whose the account of a number is, that a memory waits for an answer to; undefined for every other. */
export function ownerQuestion({ doubted, holder, choices = [] }: AttemptMemory): OwnerQuestion | undefined {
  if (!doubted || !choices.includes('mine')) return undefined
  return { kind: 'confirm_owner', userId: doubted.owner, isIn: holder !== undefined, choices }
}

/** The account on its way out that a memory waits for an answer about; undefined: none. */
export function leavingQuestion({ leaving, choices }: AttemptMemory): LeavingQuestion | undefined {
  if (!leaving || !choices?.includes('undo_deletion')) return undefined
  return { kind: 'leaving', userId: leaving.userId, leavesAtMs: leaving.leavesAtMs }
}

/** The question a memory waits for an answer to; undefined for every other. */
function bindingQuestion({ holder, pending, contested, choices }: AttemptMemory): BindingQuestion | undefined {
  const identity = (contested?.proof ?? pending)?.identity
  if (!holder || !identity || !choices?.includes('without_binding')) return undefined
  return { kind: 'bind_identity', identity, userId: holder.userId, choices }
}

/** The conflict a memory waits for an answer to; undefined: there is none. Every answer to one is this one's. */
function conflictQuestion({ conflict, choices = [] }: AttemptMemory): ConflictQuestion | undefined {
  return conflict && choices.includes('login_existing') ? { kind: 'conflict', ...conflict, choices } : undefined
}

/** What an attempt waits for. */
export interface Waiting {
  /** Nobody has it, and the person has to say whose it is. */
  readonly identity?: IdentityClaim
  /** Whether they may say that it is a new account's. */
  readonly mayBeNew?: boolean
  /** The login is complete but for a phone number. */
  readonly needsPhone: boolean
  readonly question?: BindingQuestion
  readonly accounts?: AccountQuestion
  readonly leaving?: LeavingQuestion
  readonly conflict?: ConflictQuestion
  readonly owner?: OwnerQuestion
  /** The person has said that the account of a number is theirs; `mayDisown`: they may still say that it is not. */
  readonly claim?: { readonly mayDisown: boolean }
  /** Two accounts were proved that may become one. */
  readonly merging?: MergeOffer
  /** An account is made as soon as somebody has shown that a person is there. */
  readonly admission?: Pick<Admitting, 'method' | 'level'>
}

/** What a memory waits for, as far as what was proved still counts. */
export function waitingIn(memory: AttemptMemory, clock: Clock): Waiting {
  const { pending, holder, several, doubted, leaving: proved, merging, choices } = memory
  const isMerging = choices?.includes('merge') && merging !== undefined && isOfferFresh(merging, clock)
  const isPending = pending !== undefined && isFresh(pending, clock)
  const isIn = holder !== undefined && isFresh(holder, clock)
  const question = isIn ? bindingQuestion(memory) : undefined
  const owner = doubted && isFresh(doubted.proof, clock) ? ownerQuestion(memory) : undefined
  const claim = claimedIn(memory, clock) && { mayDisown: memory.choices?.includes('not_mine') === true }
  const accounts = several && isFresh(several.proof, clock) ? accountQuestion(memory) : undefined
  const leaving = proved && isFresh(proved.proof, clock) ? leavingQuestion(memory) : undefined
  const conflict = isIn || isPending ? conflictQuestion(memory) : undefined
  const admission = waitingAdmission(memory, clock)
  return {
    ...(isPending ? { identity: pending.identity, mayBeNew: choices?.includes('new') === true } : {}),
    needsPhone: isIn && !question && !owner && !isMerging,
    ...(question ? { question } : {}),
    ...(accounts ? { accounts } : {}),
    ...(leaving ? { leaving } : {}),
    ...(isMerging && merging ? { merging } : {}),
    ...(conflict ? { conflict } : {}),
    ...(owner ? { owner } : {}),
    ...(claim ? { claim } : {}),
    ...(admission ? { admission } : {}),
  }
}
