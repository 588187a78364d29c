import type { Context } from 'koa'
import type { UndoableMerge } from '../../src/accounts/merged-users.ts'
import { AppError } from '../../src/base/errors.ts'
import { isId, type UserId } from '../../src/base/ids.ts'
import { nothingDemanded } from '../../src/oidc/demand.ts'
import type { Merging } from '../../src/oidc/endings/merging.ts'
import type { OwnAccess } from '../../src/oidc/own-endpoint-access.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import { appMergingId } from '../attempt-id.ts'
import type { Input } from '../methods/method.ts'
import type { OtherAccounts } from '../other-accounts.ts'
import type { MergeQuestion } from '../outcome.ts'
import type { Visit } from '../upstreams/visit.ts'
import type { NextStep } from './answers.ts'
import { answer, furtherStep, refusalOf, type Words } from './refusal.ts'
import { impliedMethod, type nativeSteps } from './steps.ts'

interface Dependencies {
  readonly access: (ctx: Context) => Promise<OwnAccess>
  /** The same for whoever has logged in lately. */
  readonly fresh: (ctx: Context) => Promise<OwnAccess>
  readonly others: OtherAccounts
  readonly merging: Pick<Merging, 'unmerge'>
  readonly undoable: (userId: UserId) => Promise<readonly UndoableMerge[]>
  /** Lets the login of a grant count from now. */
  readonly renew: (grantId: string) => Promise<void>
  readonly steps: ReturnType<typeof nativeSteps>
  readonly options: {
    readonly words: Words
    readonly nowMs: () => number
    /** A keyed digest nobody else can make. */
    readonly digest: (grantId: string) => string
  }
}

/**
 * Two accounts of somebody who is signed in to an app become one, and that is taken back: the same rules as on the
 * account pages. SECURITY: the login of the app is the proof of the one account, the attempt here that of the other;
 * both are asked again under the locks of both.
 */
export class OwnMerges {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** By what another account may be proved, and what may still be taken back. */
  async list(ctx: Context): Promise<void> {
    const { access, undoable, steps } = this.#deps
    const { account } = await access(ctx)
    const merges = await undoable(account.user.id)
    const login = steps.login(nothingDemanded)
    answer(ctx, 200, {
      methods: login.step === 'login' ? login.methods : [],
      merges: merges.map(({ id, from, mergedAt, undoUntil }) => ({
        id,
        former_sub: from,
        merged_at: mergedAt.toISOString(),
        undo_until: undoUntil.toISOString(),
      })),
    })
  }

  /**
   * One step: a method and what it takes proves the other account, `choice` answers the question about both. SECURITY:
   * the attempt is that of this grant, so another login cannot go on with it.
   */
  async step(ctx: Context, fields: Input, visit: Visit): Promise<void> {
    const { fresh, others, options } = this.#deps
    const access = await fresh(ctx)
    const attemptId = appMergingId(options.digest(access.grantId))
    const { choice } = fields
    if (choice === 'merge') return this.#carryOut(ctx, access, { attemptId, fields })
    if (choice !== undefined && choice !== 'apart') throw new AppError('request.invalid', { field: 'choice' })
    if (choice === 'apart') {
      await others.merges.forget(attemptId)
      return answer(ctx, 200, { merged: false })
    }
    const current = await others.attempts.current(attemptId)
    const method = fields['method'] ?? impliedMethod(fields) ?? current?.method ?? ''
    await this.#prove(ctx, access, { attemptId, method, input: fields, visit })
  }

  /** Takes a merge back. Every login of the account ends, that of this app too. */
  async undo(ctx: Context): Promise<void> {
    const { fresh, undoable, merging } = this.#deps
    const { account } = await fresh(ctx)
    const { ip, requestId } = ctx.state as RequestState
    const { merge: id } = ctx['params']
    const own = await undoable(account.user.id)
    // SECURITY: only a merge into this very account.
    if (!isId('mrg', id) || !own.some((each) => each.id === id)) throw new AppError('merge.over')
    const { from, missing } = await merging.unmerge(id, { ip, requestId })
    answer(ctx, 200, { former_sub: from, missing: [...new Set(missing)] })
  }

  async #prove(
    ctx: Context,
    { account, clientId, key, by, begunAt }: OwnAccess,
    step: { readonly attemptId: string; readonly method: string; readonly input: Input; readonly visit: Visit },
  ): Promise<void> {
    const { others, steps, options } = this.#deps
    const { ip, requestId } = ctx.state as RequestState
    const { attemptId, method } = step
    const userId = account.user.id
    const own = { userId, begunAt, provedAt: options.nowMs(), by }
    try {
      const request = { ...step, userId, clientId, ip, requestId, device: { marks: [], key } }
      const outcome = await others.prove(request, own)
      const next = outcome.kind === 'offered' ? await this.#questionStep(attemptId) : await this.#deps.steps.of(outcome)
      if (!next) throw new AppError('attempt.method_unknown')
      answer(ctx, 400, { ...furtherStep(ctx, next, options.words), ...next })
    } catch (error) {
      const { status, body } = refusalOf(ctx, error, options.words)
      const isCode = error instanceof AppError && error.code.startsWith('otp.')
      const awaited = isCode ? steps.awaited(await others.attempts.current(attemptId, method), error) : undefined
      answer(ctx, status, { ...body, ...awaited })
    }
  }

  async #carryOut(
    ctx: Context,
    { account, grantId }: OwnAccess,
    { attemptId, fields }: { readonly attemptId: string; readonly fields: Input },
  ): Promise<void> {
    const { others, renew, options } = this.#deps
    const { ip, requestId } = ctx.state as RequestState
    const question = await others.merges.asked(attemptId)
    try {
      const merged = await others.merges.carryOut(attemptId, fields, { ip, requestId })
      if (merged === 'already') throw new AppError('attempt.expired')
      const { id, into, from, undoUntil } = merged
      if (into === account.user.id) await renew(grantId)
      answer(ctx, 200, { merged: true, id, sub: into, former_sub: from, undo_until: undoUntil.toISOString() })
    } catch (error) {
      const { status, body } = refusalOf(ctx, error, options.words)
      const isUndecided = error instanceof AppError && error.code === 'merge.undecided'
      answer(ctx, status, { ...body, ...(isUndecided && question ? await this.#stepOf(question) : {}) })
    }
  }

  async #questionStep(attemptId: string): Promise<NextStep | undefined> {
    const question = await this.#deps.others.merges.asked(attemptId)
    if (!question) throw new AppError('attempt.expired')
    return this.#stepOf(question)
  }

  async #stepOf(question: MergeQuestion): Promise<NextStep | undefined> {
    return this.#deps.steps.of({ kind: 'merge', question })
  }
}
