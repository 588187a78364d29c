import type { Knex } from 'knex'
import type { AccountDirectory } from '../src/accounts/directory.ts'
import { type ChangeableProvider, replaceIdentity } from '../src/accounts/identity-change.ts'
import { identityTaken } from '../src/accounts/identity-claim.ts'
import type { QueueOwnerMessage } from '../src/accounts/owner-messages.ts'
import { isFresh, isUnended, type ProofMoment, requireUnmoved } from '../src/accounts/proof.ts'
import { isSpare } from '../src/accounts/spare-identity.ts'
import type { Account, Identity } from '../src/accounts/user.ts'
import type { WaitingChange, WaitingChanges } from '../src/accounts/waiting-changes.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { IdentityId } from '../src/base/ids.ts'
import { nothingDemanded } from '../src/oidc/demand.ts'
import type { EndRecords } from '../src/oidc/endings/endings.ts'
import type { SignIn } from '../src/oidc/records/sign-in.ts'
import { renameCameBy } from '../src/oidc/renew-sign-in.ts'
import type { Audit } from '../src/ops/audit.ts'
import { type Database, isUniqueViolation } from '../src/store/postgres.ts'
import type { LoginAttempts } from './attempt.ts'
import type { AttemptMemories } from './attempt-memory.ts'
import { asNew, type ChangeRequest, type ChangeStage, given, idOf, type Without } from './change-request.ts'
import type { ContestedChanges } from './contested-changes.ts'
import type { Proved } from './methods/method.ts'
import type { LoginMethods } from './methods/method-registry.ts'
import { auditContext, type OwnerQuestion, useOf } from './outcome.ts'

/** What is kept between the old number and the new one. */
interface Passed {
  /** That the old one was proved; absent: the person cannot, and the change waits. */
  readonly old?: ProofMoment
  readonly at: number
}

/** Keeps small things for the ten minutes a proof counts. */
interface Kept {
  load(attemptId: string): Promise<Passed | undefined>
  save(attemptId: string, passed: Passed): Promise<void>
  forget(attemptId: string): Promise<void>
}

interface Dependencies {
  readonly attempts: Pick<LoginAttempts, 'prove' | 'current'>
  readonly memories: Pick<AttemptMemories, 'forget'>
  readonly methods: LoginMethods
  readonly directory: Pick<AccountDirectory, 'find' | 'ownerOf'>
  readonly hasPassword: (userId: Account['user']['id']) => Promise<boolean>
  readonly kept: Kept
  readonly waiting: WaitingChanges
  readonly contested: ContestedChanges
  readonly database: Database
  readonly audit: Pick<Audit, 'write'>
  readonly options: {
    readonly clock: Clock
    readonly waitSeconds: number
    readonly end: EndRecords
    readonly tell: QueueOwnerMessage
  }
}

const channels = { phone: 'sms', email: 'email' } as const

/**
 * Changes a phone number or mail address: with a code to the old one and one to the new one at once; without the old
 * one after a time in which every other number and address of the account is told, and anybody who is signed in can
 * stop it.
 */
export class NumberChanges {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** Whether there is something that can send a code to it. */
  canChange({ provider, verifiedAt }: Pick<Identity, 'provider' | 'verifiedAt'>): boolean {
    return isChangeable(provider) && verifiedAt !== undefined && this.#deps.methods.has(channels[provider])
  }

  /**
   * Whether an account can do without a code to the old one. SECURITY: only with another way in, which the login that
   * asks has come by; otherwise whoever finds a browser that is signed in takes the account.
   */
  async without({ user, identities }: Account, identityId: IdentityId, by: SignIn['by']): Promise<Without> {
    const identity = identities.find(({ id }) => id === identityId)
    const hasPassword = await this.#deps.hasPassword(user.id)
    if (!identity || !isSpare({ user, identities }, identity, hasPassword)) return 'only_way'
    return by?.some((each) => each !== identityId) ? 'possible' : 'other_login'
  }

  /** What waits for an account. */
  waitingFor(userId: Account['user']['id']): Promise<readonly WaitingChange[]> {
    return this.#deps.waiting.list(userId)
  }

  /** Where somebody is on the way. */
  async stage(request: ChangeRequest): Promise<Extract<ChangeStage, { kind: 'old' | 'new' }>> {
    const kind = (await this.#passed(request)) ? 'new' : 'old'
    const { provider } = await this.#own(request)
    const current = await this.#deps.attempts.current(idOf(request, kind), channels[provider])
    return current?.ask.view === 'code' ? { kind, ask: current.ask, over: current.over } : { kind }
  }

  /** The question whose the new number is, where another account has it and it is in doubt; undefined: none waits. */
  asked(request: ChangeRequest): Promise<OwnerQuestion | undefined> {
    return this.#deps.contested.asked(asNew(request))
  }

  /** Begins again. */
  async restart(request: ChangeRequest): Promise<void> {
    const { memories, kept } = this.#deps
    const [old, next] = [idOf(request, 'old'), idOf(request, 'new')]
    await Promise.all([memories.forget(old), memories.forget(next), kept.forget(old)])
  }

  /** Sends a code to the number that is to be replaced. */
  async sendOld(request: ChangeRequest): Promise<ChangeStage> {
    const { provider, subjects } = await this.#own(request)
    const [subject = ''] = subjects
    const input = { ...(provider === 'phone' ? { phone: subject } : { identifier: subject }), known: 'change' }
    return this.#prove({ ...request, input }, 'old', provider)
  }

  /** Goes on without the old number. Throws `identity.change_refused` where that is not possible. */
  async leaveOld(request: ChangeRequest): Promise<ChangeStage> {
    const { directory, kept, options } = this.#deps
    const account = await directory.find(request.userId)
    if (!account || (await this.without(account, request.identityId, request.by)) !== 'possible') {
      throw new AppError('identity.change_refused')
    }
    await kept.save(idOf(request, 'old'), { at: options.clock() })
    return { kind: 'new' }
  }

  /** One step: a code that was sent, another one, or the new number. Throws what a method throws, `identity.taken`. */
  async advance(request: ChangeRequest): Promise<ChangeStage> {
    const { provider } = await this.#own(request)
    const passed = await this.#passed(request)
    const { otp, resend, phone, country, identifier } = request.input
    // SECURITY: the old number is the one we know, whatever is typed.
    const entered = passed ? { otp, resend, phone, country, identifier } : { otp, resend }
    if (!passed && otp === undefined && resend === undefined) throw new AppError('attempt.expired')
    return this.#prove({ ...request, input: given(entered) }, passed ? 'new' : 'old', provider, passed)
  }

  /** Stops a change that waits. Asks for no fresh login: it takes access away from nobody but who asked for it. */
  async cancel(
    request: Pick<ChangeRequest, 'userId' | 'identityId' | 'ip' | 'requestId' | 'clientId'>,
  ): Promise<boolean> {
    const { waiting, audit } = this.#deps
    const { userId, identityId } = request
    const isCancelled = await waiting.cancel(userId, identityId)
    const detail = { identity: identityId }
    if (isCancelled) await audit.write({ event: 'identity.change_stopped', userId, ...auditContext(request), detail })
    return isCancelled
  }

  /** Does the changes that have waited long enough. */
  applyDue(): Promise<void> {
    const { waiting, audit } = this.#deps
    return waiting.applyDue(({ userId, identityId, provider, nowAs, reason }) =>
      audit.write({
        event: nowAs ? 'identity.changed' : 'identity.change_stopped',
        ...{ userId, identityProvider: provider },
        detail: nowAs ? { from: identityId, identity: nowAs } : { identity: identityId, reason },
      }),
    )
  }

  async #prove(
    request: ChangeRequest,
    kind: 'old' | 'new',
    provider: ChangeableProvider,
    passed?: Passed,
  ): Promise<ChangeStage> {
    const { attempts, kept, options } = this.#deps
    const attemptId = idOf(request, kind)
    const step = { ...request, attemptId, method: channels[provider], demand: nothingDemanded }
    const outcome = await attempts.prove({ ...step, askedAt: Math.floor(options.clock() / 1000) })
    if (outcome.kind === 'ask') return outcome.ask.view === 'code' ? { kind, ask: outcome.ask } : { kind }
    if (outcome.kind === 'redirect') throw new AppError('request.invalid')
    if (kind === 'new') return this.#change(request, provider, outcome, passed)
    const { begunAt, provedAt } = outcome
    const identity = await this.#own(request)
    if (outcome.identity.subjects[0] !== identity.subjects[0]) throw new AppError('attempt.expired')
    await kept.save(idOf(request, 'old'), { old: { begunAt, provedAt }, at: provedAt })
    return { kind: 'new' }
  }

  /** Both are proved, or the new one is and the old one is left out. */
  async #change(
    request: ChangeRequest,
    provider: ChangeableProvider,
    proved: Proved,
    passed: Passed | undefined,
  ): Promise<ChangeStage> {
    const { directory, kept, options, waiting, audit } = this.#deps
    const { userId, identityId, ip } = request
    const account = await directory.find(userId)
    // SECURITY: what was ended since either code was sent, or since the person went on without the old one, is over.
    const moments = [proved, passed?.old ?? { begunAt: passed?.at ?? 0, provedAt: passed?.at ?? 0 }]
    const stands = moments.every((each) => account && isUnended(account.user, each) && isFresh(each, options.clock))
    if (!passed || !stands) throw new AppError('attempt.expired')
    const owner = await directory.ownerOf(proved.identity)
    if (owner !== undefined) {
      const { contested } = this.#deps
      throw await contested.refusal(asNew(request), { provider, proof: proved, owner, old: passed.old })
    }
    requireUnmoved(proved, owner)
    const at = new Date(options.clock())
    const { locale = null } = useOf(request)
    const replacement = {
      ...{ userId, identityId, provider, subject: proved.identity.subjects[0], ip, locale: locale ?? null },
      ...{ provedAt: new Date(proved.provedAt), at },
    }
    const event = { userId, ...auditContext(request), identityProvider: provider }
    await kept.forget(idOf(request, 'old'))
    if (!passed.old) {
      const dueAt = new Date(at.getTime() + options.waitSeconds * 1000)
      await waiting.ask(replacement, dueAt)
      await audit.write({ event: 'identity.changing', ...event, detail: { identity: identityId, due_at: dueAt } })
      return { kind: 'waiting', dueAt }
    }
    const nowAs = await this.#replace(request, replacement)
    await audit.write({ event: 'identity.changed', ...event, detail: { from: identityId, identity: nowAs } })
    return { kind: 'changed', nowAs }
  }

  /** The account that has the new number is not theirs: it leaves that one and takes the place of the old one. */
  async disown(request: ChangeRequest): Promise<ChangeStage> {
    const { contested, kept, audit } = this.#deps
    const { provider } = await this.#own(request)
    const passed = await this.#passed(request)
    const nowAs = await contested.disown(asNew(request), passed?.old, (transaction, to) =>
      this.#end(transaction, request, to),
    )
    await kept.forget(idOf(request, 'old'))
    const event = { userId: request.userId, ...auditContext(request), identityProvider: provider }
    await audit.write({ event: 'identity.changed', ...event, detail: { from: request.identityId, identity: nowAs } })
    return { kind: 'changed', nowAs }
  }

  async #replace(request: ChangeRequest, replacement: Parameters<typeof replaceIdentity>[1]): Promise<IdentityId> {
    const { database, options } = this.#deps
    try {
      return await database.knex.transaction(async (transaction) => {
        const nowAs = await replaceIdentity(transaction, replacement, options.tell)
        if (!nowAs) throw new AppError('attempt.expired')
        await this.#end(transaction, request, nowAs)
        return nowAs
      })
    } catch (error) {
      throw isUniqueViolation(error) ? identityTaken(replacement.provider) : error
    }
  }

  /** The browser that has just proved the old one stays, and came by the new one from now on. */
  async #end(transaction: Knex.Transaction, request: ChangeRequest, nowAs: IdentityId): Promise<void> {
    const { userId, identityId, ip, requestId, sessionUid } = request
    const scope = { kind: 'by', by: identityId, ...(sessionUid === undefined ? {} : { sessionUid }) } as const
    await this.#deps.options.end(userId, scope, { reason: 'identity_removed', ip, requestId }, transaction)
    await renameCameBy(transaction, { userId, from: identityId, to: nowAs })
  }

  /** The identity that is to be replaced. Throws `request.not_found` where it is not theirs or cannot be. */
  async #own({ userId, identityId }: Pick<ChangeRequest, 'userId' | 'identityId'>) {
    const account = await this.#deps.directory.find(userId)
    const identity = account?.identities.find(({ id }) => id === identityId)
    if (!identity || !this.canChange(identity) || !isChangeable(identity.provider)) {
      throw new AppError('request.not_found')
    }
    return { provider: identity.provider, subjects: identity.subjects }
  }

  async #passed(request: ChangeRequest): Promise<Passed | undefined> {
    const passed = await this.#deps.kept.load(idOf(request, 'old'))
    return passed && isFresh({ provedAt: passed.at }, this.#deps.options.clock) ? passed : undefined
  }
}

function isChangeable(provider: string): provider is ChangeableProvider {
  return provider === 'phone' || provider === 'email'
}
