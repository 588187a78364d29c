import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import { digest } from '../src/store/seal.ts'
import { mayComeAgain } from './admissions.ts'
import { type AttemptMemories, type AttemptMemory, waitingAdmission, withoutMethod } from './attempt-memory.ts'
import type { Proved } from './methods/method.ts'
import type { AdvanceRequest, Outcome } from './outcome.ts'
import type { Settlement } from './settlement.ts'

interface Dependencies {
  readonly memories: AttemptMemories
  readonly settlement: Pick<Settlement, 'settle'>
  readonly clock: Clock
}

/**
 * Settles what a step has proved. Where an account is to be made of it, and somebody has to show first that a person is
 * there, the proof waits: the code was entered and the upstream has answered, and neither does so twice.
 */
export class WaitingAdmissions {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** Throws what the settlement throws, `challenge.required` with `isKept`: the attempt goes on with a solution. */
  async settle(request: AdvanceRequest, step: Proved, memory: AttemptMemory): Promise<Outcome> {
    const { memories, settlement } = this.#deps
    try {
      return await settlement.settle(request, step, memory)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'challenge.required') throw error
      const { ifUnknown: _, ...proof } = step
      const admitting = { method: request.method, proof, entered: enteredIn(request), level: levelIn(error) }
      await memories.save(request.attemptId, { ...withoutMethod(memory, request.method), admitting })
      throw new AppError('challenge.required', { params: { ...error.params, isKept: 1 } })
    }
  }

  /** Whether the same was sent again, as apps do with a solution. */
  isRepeated(request: AdvanceRequest, memory: AttemptMemory): boolean {
    const waiting = waitingAdmission(memory, this.#deps.clock)
    return waiting?.method === request.method && waiting.entered === enteredIn(request)
  }

  /**
   * Goes on with the proof that waits. SECURITY: of two requests that bring a solution at once, one goes on with it.
   * Throws `attempt.expired` for the other, and where the proof is over.
   */
  async goOn(request: AdvanceRequest): Promise<Outcome> {
    const { memories, settlement, clock } = this.#deps
    const { admitting, ...memory } = await memories.take(request.attemptId)
    const waiting = waitingAdmission({ admitting }, clock)
    if (!waiting) throw new AppError('attempt.expired')
    try {
      return await settlement.settle({ ...request, method: waiting.method, input: {} }, waiting.proof, memory)
    } catch (error) {
      await memories.save(request.attemptId, mayComeAgain(error) ? { ...memory, admitting } : memory)
      throw error
    }
  }
}

/** What an app enters, without what it brings along: the same for the request that comes again. */
function enteredIn({ input }: AdvanceRequest): string {
  return digest(JSON.stringify(Object.entries(input).toSorted()))
}

function levelIn({ params }: AppError): number {
  return Number(params['level'])
}
