import { AppError, refuseFaults } from '../src/base/errors.ts'
import type { Admissions } from './admissions.ts'
import type { AttemptMemory } from './attempt-memory.ts'
import { isRegistration } from './methods/method.ts'
import type { LoginMethods } from './methods/method-registry.ts'
import type { AdvanceRequest } from './outcome.ts'

interface Dependencies {
  readonly methods: LoginMethods
  readonly admissions: Pick<Admissions, 'begin'>
  readonly options: {
    /** What has to be agreed to before anything is sent or made: `id@version`. */
    readonly agreements: readonly string[]
  }
}

/** What is looked at before a step is taken. It sends and counts nothing but tries of invitations. */
export class BeforeStep {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /**
   * Nothing is sent, made or looked up for a form that is wrong by itself, nor for a person who has not agreed in this
   * very attempt. Throws all that is wrong at once.
   */
  whole(request: AdvanceRequest, memory: AttemptMemory): AttemptMemory {
    const { agreements } = this.#deps.options
    const hasAgreed = agreements.every((each) => memory.agreed.includes(each))
    const agrees = hasAgreed || request.input['agreement'] !== undefined
    const missing = agrees ? [] : [new AppError('agreement.required', { field: 'agreement' })]
    refuseFaults([...this.faults(request), ...missing])
    return hasAgreed ? memory : { ...memory, agreed: agreements }
  }

  /** Everything that is wrong with a form by itself. */
  faults({ method, input }: AdvanceRequest): readonly AppError[] {
    return this.#deps.methods.get(method)?.faults?.(input) ?? []
  }

  /** Nothing is sent for an account that may not be made here. An invitation is kept until it is used. */
  async admitted(
    request: AdvanceRequest,
    memory: AttemptMemory,
    makesAccount = isRegistration(this.#deps.methods.get(request.method), request.input),
  ): Promise<AttemptMemory> {
    const typed = request.input['invite']
    if (typed === undefined && !makesAccount) return memory
    const invite = await this.#deps.admissions.begin(request, { typed: typed ?? memory.invite, makesAccount })
    return { ...memory, invite }
  }
}
