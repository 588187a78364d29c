import type { AccountDirectory } from '../src/accounts/directory.ts'
import type { UserId } from '../src/base/ids.ts'
import type { Audit } from '../src/ops/audit.ts'
import { type Arrived, type AttemptMemories, type AttemptMemory, pendingOf } from './attempt-memory.ts'
import type { Proved } from './methods/method.ts'
import { type AdvanceRequest, auditContext, type BindingQuestion, type Choice, type Outcome } from './outcome.ts'

interface Dependencies {
  readonly directory: Pick<AccountDirectory, 'find'>
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

  /** Nobody has what was proved: whose is it? Where the client demands a phone number, that is the answer. */
  async whose(
    request: AdvanceRequest,
    step: Proved,
    memory: AttemptMemory,
  ): Promise<Extract<Outcome, { kind: 'choose' | 'bind_phone' }>> {
    const kept = { ...memory, pending: pendingOf(request.method, step) }
    if (request.demand.requiresPhone) return this.phone(request, kept)
    await this.#keep(request, { ...kept, choices: ['new', 'existing'] })
    return { kind: 'choose', provider: step.identity.provider }
  }

  /** A phone number is needed. */
  async phone(request: AdvanceRequest, memory: AttemptMemory): Promise<Extract<Outcome, { kind: 'bind_phone' }>> {
    await this.#keep(request, { ...memory, choices: undefined })
    return { kind: 'bind_phone', reason: 'policy' }
  }

  /** What was proved belongs to several accounts, or to another. */
  async conflict(
    request: AdvanceRequest,
    memory: AttemptMemory,
    met: {
      readonly step: Pick<Proved, 'identity'>
      readonly users: readonly (UserId | undefined)[]
      readonly choices: readonly Choice[]
    },
  ): Promise<Extract<Outcome, { kind: 'conflict' }>> {
    const { step, choices } = met
    const users = met.users.filter((each) => each !== undefined)
    const { provider } = step.identity
    const whose = { userId: memory.holder?.userId, identityProvider: provider, detail: { users } }
    await this.#deps.audit.write({ event: 'identity.conflicted', ...whose, ...auditContext(request) })
    await this.#keep(request, { ...memory, choices })
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

  async #keep(request: AdvanceRequest, memory: AttemptMemory): Promise<void> {
    await this.#deps.memories.save(request.attemptId, { ...memory, method: undefined })
  }
}

/** The question a memory waits for an answer to; undefined for every other. */
export function bindingQuestion({ holder, pending, contested, choices }: AttemptMemory): BindingQuestion | undefined {
  const identity = (contested?.proof ?? pending)?.identity
  if (!holder || !identity || !choices?.includes('without_binding')) return undefined
  return { kind: 'bind_identity', identity, userId: holder.userId, choices }
}
