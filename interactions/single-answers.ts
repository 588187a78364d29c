import { isFresh } from '../src/accounts/proof.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import { mayComeAgain } from './admissions.ts'
import type { Arrived, AttemptMemories, AttemptMemory } from './attempt-memory.ts'
import type { LoginMerges } from './login-merges.ts'
import type { AdvanceRequest, Choice, Outcome } from './outcome.ts'
import { accountQuestion, leavingQuestion } from './questions.ts'
import type { Settlement } from './settlement.ts'

interface Dependencies {
  readonly memories: AttemptMemories
  readonly settlement: Settlement
  readonly merges: LoginMerges
  readonly clock: Clock
  /** Whose login waits in a memory; throws where their proof no longer counts. */
  readonly holder: (attemptId: string, memory: AttemptMemory) => Promise<Arrived | undefined>
}

type Answering = Omit<AdvanceRequest, 'method' | 'input'>

/**
 * Answers that change to whom something leads. SECURITY: of two that come at once, from two tabs, one counts. Each
 * method throws `request.invalid` for what was not asked, and `attempt.expired` when what was proved is over.
 */
export class SingleAnswers {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** What comes of such an answer; undefined: the choice is none of these. */
  answer(request: Answering & Pick<AdvanceRequest, 'input'>, choice: Choice): Promise<Outcome> | undefined {
    if (choice === 'bind' || choice === 'without_binding') return this.bind(request, choice)
    if (choice === 'account') return this.goOnWith(request, request.input['account'])
    if (choice === 'not_mine') return this.disown(request)
    if (choice === 'undo_deletion' || choice === 'keep_deletion') return this.stay(request, choice)
    return choice === 'merge' || choice === 'apart' ? this.merge(request, choice) : undefined
  }

  /** Whether what waits becomes part of the account they are in. */
  async bind(request: Answering, choice: 'bind' | 'without_binding'): Promise<Outcome> {
    const { settlement, clock, holder: holderOf } = this.#deps
    const isAsked = ({ choices }: AttemptMemory) => choices?.includes(choice) === true
    const memory = await this.#take(request, isAsked)
    const holder = await holderOf(request.attemptId, memory)
    const waiting = memory.contested?.proof ?? memory.pending
    if (!holder || !waiting || !isFresh(waiting, clock)) throw new AppError('attempt.expired')
    // A number is proved by the method its `amr` begins with.
    const method = memory.contested?.proof?.amr[0] ?? holder.method
    const answered = { ...request, method, input: {} }
    const holding = { ...memory, holder, choices: undefined }
    return choice === 'bind' ? settlement.bindWaiting(answered, holding) : settlement.leaveWaiting(answered, holding)
  }

  /** Which of the accounts that one proof leads to they go on with. */
  async goOnWith(request: Answering, account: string | undefined): Promise<Outcome> {
    const asked = (memory: AttemptMemory) =>
      accountQuestion(memory)?.accounts.find(({ userId }) => userId === account)?.userId
    const memory = await this.#take(request, (each) => asked(each) !== undefined)
    const { several } = memory
    const userId = asked(memory)
    if (!several || !userId || !isFresh(several.proof, this.#deps.clock)) throw new AppError('attempt.expired')
    const answered = { ...request, method: several.proof.method, input: {} }
    return this.#deps.settlement.goOnWith(answered, several, userId, { ...memory, choices: undefined })
  }

  /** The account of a number in doubt is not theirs. */
  async disown(request: Answering): Promise<Outcome> {
    const { settlement, memories, clock, holder: holderOf } = this.#deps
    const memory = await this.#take(request, ({ choices }) => choices?.includes('not_mine') === true)
    const { doubted } = memory
    if (!doubted || !isFresh(doubted.proof, clock)) throw new AppError('attempt.expired')
    const holder = await holderOf(request.attemptId, memory)
    const answered = { ...request, method: doubted.method, input: {} }
    return settlement.disown(answered, doubted, { ...memory, holder, choices: undefined }).catch(async (error) => {
      if (mayComeAgain(error)) await memories.save(request.attemptId, memory)
      throw error
    })
  }

  /** Whether an account on its way out is to stay. */
  async stay(request: Answering, choice: 'undo_deletion' | 'keep_deletion'): Promise<Outcome> {
    const memory = await this.#take(request, (each) => leavingQuestion(each) !== undefined)
    const { leaving } = memory
    if (!leaving || !isFresh(leaving.proof, this.#deps.clock)) throw new AppError('attempt.expired')
    if (choice === 'keep_deletion') return { kind: 'left', leavesAtMs: leaving.leavesAtMs }
    const answered = { ...request, method: leaving.proof.method, input: {} }
    return this.#deps.settlement.stay(answered, leaving, { ...memory, choices: undefined, leaving: undefined })
  }

  /** Whether two accounts become one. What is undecided may be answered again. */
  async merge(request: Answering & Pick<AdvanceRequest, 'input'>, choice: 'merge' | 'apart'): Promise<Outcome> {
    const { settlement, memories, merges } = this.#deps
    const memory = await this.#take(request, ({ choices }) => choices?.includes(choice) === true)
    const { several, contested, holder } = memory
    const answered = { ...request, method: several?.proof.method ?? contested?.proof?.amr[0] ?? holder?.method ?? '' }
    const left = { ...memory, merging: undefined, several: undefined, choices: undefined }
    if (choice === 'apart') {
      const step = several ? ({ kind: 'proved', registration: 'never', ...several.proof } as const) : contested?.proof
      if (!step) throw new AppError('attempt.expired')
      return settlement.settle(answered, step, left)
    }
    try {
      const { account, holder: arrived } = await merges.carryOut(answered, memory, request.input)
      return await settlement.arrive(answered, account, { ...left, holder: arrived })
    } catch (error) {
      if (error instanceof AppError && error.code === 'merge.undecided') await memories.save(request.attemptId, memory)
      throw error
    }
  }

  async #take({ attemptId }: Answering, isAsked: (memory: AttemptMemory) => boolean): Promise<AttemptMemory> {
    const { memories } = this.#deps
    if (!isAsked(await memories.load(attemptId))) throw new AppError('request.invalid')
    const memory = await memories.take(attemptId)
    if (!isAsked(memory)) throw new AppError('attempt.expired')
    return memory
  }
}
