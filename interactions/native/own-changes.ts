import type { Context } from 'koa'
import { AppError } from '../../src/base/errors.ts'
import { isId } from '../../src/base/ids.ts'
import type { OwnAccess } from '../../src/oidc/own-endpoint-access.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { ChangeRequest, ChangeStage } from '../change-request.ts'
import type { Input } from '../methods/method.ts'
import type { NumberChanges } from '../number-changes.ts'
import type { Visit } from '../upstreams/visit.ts'
import { answer, furtherStep, refusalOf, type Words } from './refusal.ts'
import type { nativeSteps } from './steps.ts'

interface Dependencies {
  readonly access: (ctx: Context) => Promise<OwnAccess>
  /** The same for whoever has logged in lately. */
  readonly fresh: (ctx: Context) => Promise<OwnAccess>
  readonly changes: NumberChanges
  readonly steps: ReturnType<typeof nativeSteps>
  readonly options: {
    readonly words: Words
    /** A keyed digest nobody else can make. */
    readonly digest: (grantId: string) => string
  }
}

/** Changes of one's own number or address, for apps: the same rules as on the account pages. */
export class OwnChanges {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /**
   * One step. `choice=send_old` or `without_old` begins, `otp` and `resend` answer a code, `phone` or `identifier` is
   * the new one; `choice=not_mine` takes a new number in doubt from the account that has it. SECURITY: the attempt is
   * that of this grant, so another login cannot go on with it.
   */
  async step(ctx: Context, fields: Input, visit: Visit): Promise<void> {
    const { fresh, options } = this.#deps
    const request = this.#request(ctx, await fresh(ctx), fields, visit)
    try {
      await this.#answer(ctx, await this.#advance(request))
    } catch (error) {
      const { status, body } = refusalOf(ctx, error, options.words)
      answer(ctx, status, { ...body, ...(await this.#stepAfter(error, request)) })
    }
  }

  /** The code that is still waited for after a refusal, or whose the number is that another account has. */
  async #stepAfter(error: unknown, request: ChangeRequest) {
    const { changes, steps } = this.#deps
    if (!(error instanceof AppError)) return undefined
    const question = error.params['mayDisown'] === undefined ? undefined : await changes.asked(request)
    if (question) return { ...(await steps.of(question)), proving: 'new' as const }
    if (!error.code.startsWith('otp.')) return undefined
    const { kind: proving, ask } = await changes.stage(request)
    const step = ask && steps.awaited({ method: methodOf(ask), ask }, error)
    return step && { ...step, proving }
  }

  /** Stops a change that waits. */
  async stop(ctx: Context, visit: Visit): Promise<void> {
    const request = this.#request(ctx, await this.#deps.access(ctx), {}, visit)
    if (!(await this.#deps.changes.cancel(request))) throw new AppError('request.not_found')
    ctx.status = 204
  }

  async #advance(request: ChangeRequest): Promise<ChangeStage> {
    const { changes } = this.#deps
    const { choice } = request.input
    if (choice === undefined) return changes.advance(request)
    if (choice === 'not_mine') return changes.disown(request)
    await changes.restart(request)
    if (choice === 'send_old') return changes.sendOld(request)
    if (choice === 'without_old') return changes.leaveOld(request)
    throw new AppError('request.invalid', { field: 'choice' })
  }

  async #answer(ctx: Context, stage: ChangeStage): Promise<void> {
    if (stage.kind === 'changed') return answer(ctx, 200, { changed: true })
    if (stage.kind === 'waiting') return answer(ctx, 200, { changed: false, due_at: stage.dueAt.toISOString() })
    const { kind: proving, ask } = stage
    const fields = ['otp', 'resend']
    const step = ask && (await this.#deps.steps.of({ kind: 'ask', method: methodOf(ask), ask, fields }))
    if (step) return answer(ctx, 400, { ...furtherStep(ctx, step, this.#deps.options.words), ...step, proving })
    const error = { error: 'insufficient_authorization', error_description: 'send the new phone or identifier' }
    answer(ctx, 400, { ...error, proving })
  }

  #request(ctx: Context, access: OwnAccess, input: Input, visit: Visit): ChangeRequest {
    const { account, clientId, grantId, key, by } = access
    const { ip, requestId } = ctx.state as RequestState
    const { identity: identityId } = ctx['params']
    if (!isId('idn', identityId)) throw new AppError('request.not_found')
    const digest = this.#deps.options.digest(grantId)
    const about = { userId: account.user.id, identityId, by, digest }
    return { ...about, clientId, ip, requestId, visit, input, device: { marks: [], key } }
  }
}

function methodOf({ channel }: NonNullable<Extract<ChangeStage, { kind: 'old' | 'new' }>['ask']>): 'sms' | 'email' {
  return channel === 'email' ? 'email' : 'sms'
}
