import type { Context } from 'koa'
import { identityLabel } from '../../src/accounts/account-labels.ts'
import type { Passwords } from '../../src/accounts/passwords.ts'
import { isUnended } from '../../src/accounts/proof.ts'
import { isSpare } from '../../src/accounts/spare-identity.ts'
import type { Account } from '../../src/accounts/user.ts'
import type { WaitingChange } from '../../src/accounts/waiting-changes.ts'
import { AppError } from '../../src/base/errors.ts'
import { isId } from '../../src/base/ids.ts'
import { errors } from '../../src/oidc/library/faults.ts'
import type { OwnAccess } from '../../src/oidc/own-endpoint-access.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import { appBindingId } from '../attempt-id.ts'
import type { Bindings } from '../binding.ts'
import type { Input } from '../methods/method.ts'
import type { Visit } from '../upstreams/visit.ts'
import type { NextStep } from './answers.ts'
import { answer, furtherStep, refusalOf, type Words } from './refusal.ts'
import { impliedMethod, type nativeSteps } from './steps.ts'

interface Dependencies {
  readonly access: (ctx: Context, scope: string) => Promise<OwnAccess>
  readonly find: (userId: Account['user']['id']) => Promise<Account | undefined>
  readonly bindings: Bindings
  readonly passwords: Pick<Passwords, 'has'>
  /** Numbers and addresses that wait to take the place of others. */
  readonly waitingFor: (userId: Account['user']['id']) => Promise<readonly WaitingChange[]>
  readonly steps: ReturnType<typeof nativeSteps>
  /** Lets the login of a grant count from now. */
  readonly renew: (grantId: string) => Promise<void>
  readonly options: {
    readonly words: Words
    readonly nowMs: () => number
    /** A keyed digest nobody else can make. */
    readonly digest: (grantId: string) => string
  }
}

const scope = 'identities'
/** Seconds a login counts as fresh enough to change who gets in, as on the account pages. */
const freshSeconds = 600

/** RFC 9470 §3: the app goes to the challenge endpoint with this `max_age` and comes back with a fresh token. */
class StepUp extends errors.OIDCProviderError {
  readonly max_age = freshSeconds

  constructor() {
    super(401, 'insufficient_user_authentication')
    Object.assign(this, { error_description: 'a more recent login is required' })
  }
}

/** One's own ways in, for apps: the same rules as on the account pages. */
export class OwnIdentities {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  async list(ctx: Context): Promise<void> {
    const { account, by } = await this.#deps.access(ctx, scope)
    answer(ctx, 200, { identities: await this.#shown(account, by) })
  }

  /**
   * One step of a binding; `choice=not_mine` takes a number in doubt from the account that has it. SECURITY: the
   * attempt is that of this grant, so another login cannot go on with it.
   */
  async bind(ctx: Context, fields: Input, visit: Visit): Promise<void> {
    const { bindings, find, options } = this.#deps
    const { account, clientId, grantId, key, by } = await this.fresh(ctx)
    const { ip, requestId } = ctx.state as RequestState
    const userId = account.user.id
    const attemptId = appBindingId(options.digest(grantId))
    const current = await bindings.attempts.current(attemptId)
    const method = fields['method'] ?? impliedMethod(fields) ?? current?.method ?? ''
    try {
      const request = { attemptId, userId, clientId, method, ip, requestId, visit, input: fields }
      const asked = { ...request, device: { marks: [], key } }
      const isDisowning = fields['choice'] === 'not_mine'
      const outcome = await (isDisowning ? bindings.disown(asked) : bindings.add(asked))
      if (outcome.kind === 'bound') {
        const identities = await this.#shown((await find(userId)) ?? account, by)
        return answer(ctx, 200, { bound: true, is_new: outcome.isNew, identities })
      }
      const step = await this.#deps.steps.of(outcome)
      if (!step) throw new AppError('attempt.method_unknown')
      answer(ctx, 400, { ...furtherStep(ctx, step, this.#deps.options.words), ...step })
    } catch (error) {
      const { status, body } = refusalOf(ctx, error, options.words)
      answer(ctx, status, { ...body, ...(await this.#stepAfter(error, attemptId, method)) })
    }
  }

  async unbind(ctx: Context): Promise<void> {
    const { account, clientId, grantId } = await this.fresh(ctx)
    const { ip, requestId } = ctx.state as RequestState
    const identityId = ctx['params'].identity
    const identity = isId('idn', identityId) ? account.identities.find(({ id }) => id === identityId) : undefined
    if (!identity) throw new AppError('request.not_found')
    await this.#deps.bindings.remove({ userId: account.user.id, clientId, ip, requestId }, identity)
    await this.#deps.renew(grantId)
    ctx.status = 204
  }

  /** Whose token this is, where their login is fresh. Throws `insufficient_user_authentication` where it is not. */
  async fresh(ctx: Context): Promise<OwnAccess> {
    const access = await this.#deps.access(ctx, scope)
    const isFresh = this.#deps.options.nowMs() / 1000 - access.authTime <= freshSeconds
    // SECURITY: what has ended proofs has ended this one; the tokens go on, and change nothing without another login.
    if (!isFresh || !isUnended(access.account.user, access)) throw new StepUp()
    return access
  }

  async #stepAfter(error: unknown, attemptId: string, method: string): Promise<NextStep | undefined> {
    const { bindings, steps } = this.#deps
    if (!(error instanceof AppError)) return undefined
    if (error.code.startsWith('otp.')) return steps.awaited(await bindings.attempts.current(attemptId, method), error)
    const question = error.params['mayDisown'] === undefined ? undefined : await bindings.asked(attemptId)
    return question && steps.of(question)
  }

  async #shown(account: Account, by: OwnAccess['by']) {
    const { passwords, waitingFor } = this.#deps
    const { id: userId } = account.user
    const [hasPassword, waiting] = await Promise.all([passwords.has(userId), waitingFor(userId)])
    const changing = new Map(
      waiting.map(({ identityId, label, dueAt }) => [identityId, { label, due_at: dueAt.toISOString() }]),
    )
    return account.identities.map((identity) => ({
      id: identity.id,
      provider: identity.provider,
      label: identityLabel(identity),
      verified: identity.verifiedAt !== undefined,
      created_at: identity.createdAt.toISOString(),
      last_used_at: identity.lastUsedAt.toISOString(),
      removable: isSpare(account, identity, hasPassword),
      signed_in_with: by?.includes(identity.id) ?? true,
      ...(changing.has(identity.id) ? { changing: changing.get(identity.id) } : {}),
    }))
  }
}
