import type { Guard } from '../src/abuse/abuse-guard.ts'
import { installationOf } from '../src/accounts/known-devices.ts'
import { isFresh, isUnended } from '../src/accounts/proof.ts'
import { stillHas } from '../src/accounts/user.ts'
import { AppError, refuseFaults } from '../src/base/errors.ts'
import { mayReach } from '../src/oidc/demand.ts'
import type { Log } from '../src/ops/log.ts'
import type { TypedValues } from '../views/form-values.ts'
import {
  type Arrived,
  type AttemptMemory,
  type Current,
  claimedIn,
  currentIn,
  type Doubted,
  decided,
  latest,
  mostStates,
  type Pending,
  withoutMethod,
  withoutQuestion,
} from './attempt-memory.ts'
import { BeforeStep } from './before-step.ts'
import { finishLogin } from './finish-login.ts'
import type { LoginMerges } from './login-merges.ts'
import type { Input, Proved } from './methods/method.ts'
import type { LoginMethods } from './methods/method-registry.ts'
import type { AdvanceRequest, Choice, Outcome } from './outcome.ts'
import { type Waiting, waitingIn } from './questions.ts'
import { type Recorded, refusalRecord } from './refusal-record.ts'
import { Settlement, type SettlementDependencies } from './settlement.ts'
import { SingleAnswers } from './single-answers.ts'
import { WaitingAdmissions } from './waiting-admissions.ts'

type Dependencies = SettlementDependencies & {
  readonly merges: LoginMerges
  readonly methods: LoginMethods
  readonly guard: Pick<Guard<'vendor.ip'>, 'require'>
  readonly log: Pick<Log, 'info' | 'warn'>
}

/**
 * A person on the way in: one attempt from its first step to a signed-in user, whoever renders it. Methods prove
 * identities; what a proved identity means for the account table is decided in the settlement and only there.
 */
export class LoginAttempts {
  readonly #deps: Dependencies
  readonly #settlement: Settlement
  readonly #admissions: WaitingAdmissions
  readonly #before: BeforeStep
  readonly #recorded: Recorded
  readonly #single: SingleAnswers

  constructor(dependencies: Dependencies) {
    const { memories, options } = dependencies
    this.#deps = dependencies
    this.#settlement = new Settlement(dependencies)
    this.#admissions = new WaitingAdmissions({ memories, settlement: this.#settlement, clock: options.clock })
    this.#before = new BeforeStep(dependencies)
    this.#recorded = refusalRecord(dependencies)
    this.#single = new SingleAnswers({
      ...{ memories, settlement: this.#settlement, merges: dependencies.merges, clock: options.clock },
      holder: (attemptId, memory) => this.#holder(attemptId, memory),
    })
  }

  /** The method this attempt is in the middle of, and what it asked last. Nothing is counted or sent. */
  async current(attemptId: string, method?: string): Promise<Current | undefined> {
    return this.#current(attemptId, await this.#deps.memories.load(attemptId), method)
  }

  /** What waits for the person and an answer of theirs, what was typed, and what `current` answers. */
  async waiting(
    attemptId: string,
    method?: string,
  ): Promise<Waiting & Pick<AttemptMemory, 'typed'> & { readonly current: Current | undefined }> {
    const memory = await this.#deps.memories.load(attemptId)
    const waiting = waitingIn(memory, this.#deps.options.clock)
    return { ...waiting, typed: memory.typed, current: await this.#current(attemptId, memory, method) }
  }

  /** Keeps what somebody has typed to say who they are, so that the next form begins with it. */
  async note(attemptId: string, change: (kept: TypedValues | undefined) => TypedValues): Promise<void> {
    const { memories } = this.#deps
    const memory = await memories.load(attemptId)
    await memories.save(attemptId, { ...memory, typed: change(memory.typed) })
  }

  /** Takes what was entered. When it throws an `AppError`, the memory of the attempt stays as it was. */
  async advance(request: AdvanceRequest): Promise<Outcome> {
    return this.#recorded(request, async () => {
      const before = await this.#deps.memories.load(request.attemptId)
      if (this.#admissions.isRepeated(request, before)) return this.#admissions.goOn(request)
      const asked = { ...(request.mustChoose ? decided(before, request) : before), admitting: undefined }
      const memory = await this.#before.admitted(request, this.#before.whole(request, withoutQuestion(asked)))
      const holder = await this.#holder(request.attemptId, memory)
      this.#requireUseful(request, holder ?? this.#pending(memory) ?? claimedIn(memory, this.#deps.options.clock))
      const step = await this.#step(request, memory)
      if (step.kind !== 'proved') return step
      return this.#admissions.settle(request, step, memory).catch(async (error: unknown) => {
        // What was proved or invited is over, and its method begins again.
        if (error instanceof AppError && ['attempt.expired', 'registration.invite_invalid'].includes(error.code))
          await this.#save(request.attemptId, memory, { ...withoutMethod(memory, request.method), invite: undefined })
        throw error
      })
    })
  }

  /** One step of a signed-in person who adds a way in: answers what it proves; looks nothing up and stores nothing. */
  async prove(request: AdvanceRequest): Promise<Extract<Outcome, { kind: 'ask' | 'redirect' }> | Proved> {
    return this.#recorded(request, async () => {
      refuseFaults(this.#before.faults(request))
      const step = await this.#step(request, await this.#deps.memories.load(request.attemptId))
      if (step.kind === 'proved') await this.#deps.memories.forget(request.attemptId)
      return step
    })
  }

  /**
   * What the person answers where the attempt could not go on by itself; `account` of the input names one of several.
   * Throws `request.invalid` for what was not offered and `attempt.expired` when what was proved is over.
   */
  async choose(request: Omit<AdvanceRequest, 'method' | 'input'>, choice: Choice, input: Input = {}): Promise<Outcome> {
    const single = this.#single.answer({ ...request, input }, choice)
    if (single) return single
    if (choice === 'mine') return this.#claim(request)
    const { memories } = this.#deps
    const memory = await memories.load(request.attemptId)
    const { contested, several } = memory
    if (choice === 'new' && memory.admitting) return this.#admissions.goOn({ ...request, method: '', input })
    const pending = this.#pending(memory)
    // The same answer may be sent again, when the person tries its method a second time.
    const isRepeated = choice === 'existing' && pending !== undefined && memory.choices === undefined
    if (!isRepeated && !memory.choices?.includes(choice)) throw new AppError('request.invalid')
    const known = await this.#holder(request.attemptId, memory)
    if (!known && !pending && !several && choice !== 'login_existing') throw new AppError('attempt.expired')
    switch (choice) {
      case 'new':
        if (pending) return this.#registerPending({ ...request, input }, pending, memory)
        throw new AppError('attempt.expired')
      case 'join':
        if (pending) return this.#settlement.join({ ...request, method: pending.method, input: {} }, pending, memory)
        throw new AppError('attempt.expired')
      case 'one_account':
        return this.#deps.merges.begin(request, memory, (input) => this.advance({ ...request, method: 'sms', input }))
      case 'use_other_phone':
        await memories.save(request.attemptId, { ...memory, contested: undefined, choices: undefined })
        return { kind: 'bind_phone', reason: 'conflict' }
      case 'without_phone':
        if (known) return finishLogin(this.#deps, { ...request, method: known.method, input: {} }, known, memory)
        throw new AppError('attempt.expired')
      case 'existing':
      case 'login_existing': {
        const left = { ...memory, holder: undefined, contested: undefined, choices: undefined }
        const bySms = { ...request, method: 'sms', input: { phone: contested?.phone ?? '', known: choice } }
        if (contested?.proof && known) return this.#settlement.settle(bySms, contested.proof, left)
        await memories.save(request.attemptId, left)
        if (!contested || !this.#deps.methods.has('sms')) return { kind: 'login' }
        return this.advance(bySms).catch(async (error: unknown) => {
          // Nothing was sent: only we know the number, so the same may be answered again.
          await memories.save(request.attemptId, memory)
          throw error
        })
      }
      default:
        throw new AppError('request.invalid')
    }
  }

  /**
   * The account of a number in doubt is theirs: they show it by something else, unless their word is enough. They may
   * still say that it is not, when they find that they cannot.
   */
  async #claim(request: Omit<AdvanceRequest, 'method' | 'input'>): Promise<Outcome> {
    const { memories, directory, doubts, options } = this.#deps
    const memory = await memories.load(request.attemptId)
    const { doubted, choices, holder } = memory
    if (!doubted || !choices?.includes('mine')) throw new AppError('request.invalid')
    if (!isFresh(doubted.proof, options.clock)) throw new AppError('attempt.expired')
    const account = await directory.find(doubted.owner)
    const left = { ...memory, holder: undefined, contested: undefined }
    if (!doubted.hasChanged && account && (await doubts.isWordEnough(account, doubted.phone)))
      return this.#settlement.confirm({ ...request, method: doubted.method, input: {} }, doubted, left)
    const may = choices.filter((each) => each === 'not_mine' && !holder)
    const claimed = { ...left, doubted: { ...doubted, isClaimed: true }, choices: may.length > 0 ? may : undefined }
    await memories.save(request.attemptId, claimed)
    return { kind: 'login', isClaim: true }
  }

  async #registerPending(
    request: Omit<AdvanceRequest, 'method'>,
    pending: Pending,
    memory: AttemptMemory,
  ): Promise<Outcome> {
    const step: Proved = { kind: 'proved', registration: 'allowed', ...pending }
    const { pending: _, ...rest } = await this.#before.admitted({ ...request, method: pending.method }, memory, true)
    return this.#settlement.settle({ ...request, method: pending.method, input: {} }, step, rest)
  }

  /**
   * Throws `login.insufficient` for a method that cannot reach the demand, before it sends anything. A method that adds
   * to a proof that waits passes.
   */
  #requireUseful({ demand, method }: AdvanceRequest, waiting: Arrived | Pending | Doubted | undefined): void {
    const acrs = this.#deps.methods.get(method)?.acrs
    if (waiting === undefined && acrs && !mayReach(demand, acrs)) throw new AppError('login.insufficient')
  }

  async #current(attemptId: string, memory: AttemptMemory, method?: string): Promise<Current | undefined> {
    const found = currentIn(memory, method)
    if (found?.ask.view !== 'code') return found
    const over = await this.#deps.methods.get(found.method)?.overBy?.(memory.states[found.method], attemptId)
    return { ...found, over }
  }

  async #step(
    request: AdvanceRequest,
    memory: AttemptMemory,
  ): Promise<Extract<Outcome, { kind: 'ask' | 'redirect' }> | Proved> {
    const { attemptId, method: id, ip, visit, input, device, clientId, sent, userId, proven } = request
    const { methods, guard, options } = this.#deps
    const method = methods.get(id)
    if (!method) throw new AppError('attempt.method_unknown')
    // Whoever is signed in, or comes back from an upstream, is asked for no challenge.
    const shown = userId !== undefined || (method.connection && input['state'] !== undefined) ? 3 : proven
    // SECURITY: here for pages and apps, for logins and for who binds another way in.
    if (method.asksVendor) {
      const isKnownDevice = device !== undefined && device.marks.length > 0
      const asking = { act: 'upstream', ip, clientId, isKnownDevice, device: installationOf(device) } as const
      await guard.require({ ...asking, proven: shown }, [['vendor.ip', ip]])
    }
    const step = await method.step({
      ...{ attemptId, clientId, ip, visit, input, device, sent, userId, proven: shown },
      nowMs: options.clock(),
      state: memory.states[id],
    })
    if (step.kind === 'proved') return step
    const most = mostStates(request)
    const asks = step.kind === 'ask' ? latest(memory.asks, most, [id, step.ask]) : memory.asks
    const states = latest(memory.states, most, [id, step.state])
    await this.#save(attemptId, memory, { ...memory, method: id, asks, states })
    return step.kind === 'ask'
      ? { kind: 'ask', method: id, ask: step.ask, fields: step.fields, sent: step.sent }
      : { kind: 'redirect', to: step.to }
  }

  /**
   * SECURITY: what a method kept elsewhere goes with its state, or one attempt would leave as much as somebody cares to
   * press buttons.
   */
  async #save(attemptId: string, before: AttemptMemory, after: AttemptMemory): Promise<void> {
    const { methods, memories } = this.#deps
    const gone = Object.entries(before.states).filter(([id]) => !(id in after.states))
    const forgotten = gone.map(([id, state]) => methods.get(id)?.forget?.(state, attemptId))
    await Promise.all([memories.save(attemptId, after), ...forgotten])
  }

  /**
   * The person whose login waits for an answer. Throws `user.locked` when their account was locked or deleted since.
   * SECURITY: throws `attempt.expired` when their proof no longer counts: everything was ended, the password was
   * changed, the identity was removed. The attempt then begins again.
   */
  async #holder(attemptId: string, memory: AttemptMemory): Promise<AttemptMemory['holder']> {
    const { directory, memories, options } = this.#deps
    const { holder } = memory
    if (!holder || !isFresh(holder, options.clock)) return undefined
    const account = await directory.find(holder.userId)
    if (account?.user.status !== 'active') throw new AppError('user.locked')
    const { by } = holder
    const isStanding = isUnended(account.user, holder) && by.every((each) => stillHas(account, each))
    if (isStanding) return holder
    await memories.save(attemptId, { ...memory, holder: undefined, contested: undefined, choices: undefined })
    throw new AppError('attempt.expired')
  }

  #pending({ pending }: AttemptMemory): Pending | undefined {
    return pending && isFresh(pending, this.#deps.options.clock) ? pending : undefined
  }
}
