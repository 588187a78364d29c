import type { AccountDirectory, RegisterOptions } from '../src/accounts/directory.ts'
import type { Passwords } from '../src/accounts/passwords.ts'
import { isFresh, isUnended, type ProofMoment, requireStanding } from '../src/accounts/proof.ts'
import { type Account, hasPhone, type IdentityClaim } from '../src/accounts/user.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { UserId } from '../src/base/ids.ts'
import type { EndRecords } from '../src/oidc/endings.ts'
import type { Audit, AuditEventName } from '../src/ops/audit.ts'
import { type Arrived, type AttemptRecord, type AttemptRecords, pendingOf } from './attempt-record.ts'
import { finishLogin, requireEnough } from './finish.ts'
import { cameBy, isSameIdentity, keepCredential, keepPassword } from './kept.ts'
import type { Proved } from './methods/method.ts'
import { type AdvanceRequest, aboutOf, type Choice, type Outcome } from './outcome.ts'

export interface SettlementDependencies {
  readonly directory: AccountDirectory
  readonly passwords: Passwords
  readonly records: AttemptRecords
  readonly audit: Audit
  readonly options: {
    readonly clock: Clock
    /** What has to be agreed to before anything is sent or made: `id@version`. */
    readonly agreements: readonly string[]
    /** Seals what an upstream gave us to keep. */
    readonly sealCredential: (credential: string) => string
    readonly end: EndRecords
  }
}

/** Somebody a proof led to. */
interface Found {
  readonly account: Account
  readonly isNew: boolean
}

type Asked = Extract<Outcome, { kind: 'choose' | 'conflict' | 'bind_phone' }>

const tries = 3

/** What a proved identity means for the account table: whose it is, whether an account is made, and what is still missing. */
export class Settlement {
  readonly #deps: SettlementDependencies

  constructor(dependencies: SettlementDependencies) {
    this.#deps = dependencies
  }

  /**
   * Lets the person in whose identity this is, or says what has to be settled first. Nothing is changed then. Throws
   * `attempt.expired` when everything of theirs was ended since it was proved.
   */
  async settle(request: AdvanceRequest, step: Proved, record: AttemptRecord): Promise<Outcome> {
    const { holder } = record
    const { clock } = this.#deps.options
    // SECURITY: of every proof, also one a method has kept while it asked for more.
    if (!isFresh(step, clock)) throw new AppError('attempt.expired')
    requireEnough(request, step, record, clock)
    if (holder && isFresh(holder, clock)) return this.#addToHolder(request, step, { ...record, holder })
    const found = await this.#find(request, step, record)
    if ('kind' in found) return found
    const { account, isNew } = found
    const userId = account.user.id
    if (account.user.status !== 'active') throw new AppError('user.locked')
    const pending = await this.#bindPending(request, account, record)
    const amr = [...step.amr, ...pending.amr]
    const by = [...cameBy(account, step), ...pending.by]
    const kept = isNew ? undefined : await keepPassword(this.#deps, userId, step, request)
    if (kept) await this.#note(kept, request, userId, step)
    const endedSessions = kept === 'password.reset'
    await keepCredential(this.#deps, account, step)
    if (isNew) await this.#note('user.registered', request, userId, step, { agreements: record.agreed })
    const { provider } = step.identity
    // What this login has made or ended itself does not end it; a password that is new was shown just now.
    const begunAt = isNew || kept || pending.by.length > 0 ? clock() : step.begunAt
    const moment = { begunAt, provedAt: endedSessions ? clock() : step.provedAt }
    const arrived = { userId, amr, by, isNew, endedSessions, method: request.method, provider, ...moment }
    if (request.demand.requiresPhone && !hasPhone(account)) return this.#askPhone(request, record, { holder: arrived })
    return finishLogin(this.#deps, request, arrived, record)
  }

  /** Whose identity it is. What nobody has is registered, where the step and the client allow it, or kept until it is settled. */
  async #find(request: AdvanceRequest, step: Proved, record: AttemptRecord): Promise<Found | Asked> {
    for (let tried = 0; ; tried++) {
      try {
        return step.registration === 'required'
          ? await this.#register(request, step, { mustBeNew: true })
          : await this.#resolve(request, step, record)
      } catch (error) {
        // The phone number found an owner in between: look again who it is.
        const isRace = step.also !== undefined && error instanceof AppError && error.code === 'identity.taken'
        if (!isRace || tried === tries) throw error
      }
    }
  }

  async #resolve(request: AdvanceRequest, step: Proved, record: AttemptRecord): Promise<Found | Asked> {
    const { directory } = this.#deps
    const { identity, also } = step
    const found = await directory.resolve(identity, { ip: request.ip })
    const expected = request.expectedUserId
    if (found.kind === 'conflict' && expected === undefined) {
      return this.#conflict(request, record, { step, users: found.users, choices: ['login_existing'] })
    }
    if (expected !== undefined && (found.kind !== 'known' || found.account.user.id !== expected)) {
      throw new AppError('login.other_user')
    }
    if (found.kind === 'known') {
      const { account } = found
      requireStanding(account, step, identity)
      if (!also || step.isAlsoDated || account.identities.some((each) => isSameIdentity(each, also)))
        return { account, isNew: false }
      return this.#bindPhone(request, { account, step, also }, record)
    }
    const owner = also && (await directory.ownerOf(also))
    if (owner !== undefined || step.isAlsoDated) return this.#bindToPhoneOwner(request, { step, owner }, record)
    if (step.registration === 'never') throw new AppError('registration.closed')
    const lacksPhone = request.demand.requiresPhone && identity.provider !== 'phone' && !also
    if (step.registration === 'ask' || (lacksPhone && !step.password)) return this.#keepPending(request, step, record)
    return this.#register(request, step, also ? { also } : {})
  }

  async #register(request: AdvanceRequest, step: Proved, options: RegisterOptions): Promise<Found> {
    const password = step.password === undefined ? {} : { passwordHash: step.password.hash }
    const use = { ip: request.ip }
    return {
      account: await this.#deps.directory.register(step.identity, use, { ...password, ...options }),
      isNew: true,
    }
  }

  /** Somebody known brought a phone number along: it becomes theirs, unless it is somebody else's. */
  async #bindPhone(
    request: AdvanceRequest,
    { account, step, also }: { account: Account; step: Proved; also: IdentityClaim },
    record: AttemptRecord,
  ): Promise<Found | Asked> {
    const { directory } = this.#deps
    const userId = account.user.id
    try {
      await directory.bind(userId, also, { ip: request.ip })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      // Who has as many numbers as may be is let in with those.
      if (error.code === 'identity.limit') return { account, isNew: false }
      if (error.code !== 'identity.taken') throw error
      const owner = await directory.ownerOf(also)
      const common = { isNew: false, endedSessions: false, method: request.method, provider: step.identity.provider }
      const holder = { userId, amr: step.amr, by: cameBy(account, step), ...momentOf(step), ...common }
      const choices = [
        'login_existing',
        'use_other_phone',
        ...(request.demand.requiresPhone ? [] : ['without_phone' as const]),
      ] as const
      return this.#conflict(
        request,
        { ...record, holder, contested: { phone: also.subjects[0] } },
        { step: { identity: also }, users: [owner], choices },
      )
    }
    await this.#note('identity.bound', request, userId, { identity: also })
    return { account: (await directory.find(userId)) ?? account, isNew: false }
  }

  /**
   * Nobody's identity came with somebody's phone number. It becomes theirs, unless they have another of that provider already, or the
   * number was proved some time ago: then it may have changed hands, whosever it is here, and only a fresh proof of it tells.
   */
  async #bindToPhoneOwner(
    request: AdvanceRequest,
    { step, owner }: { step: Proved; owner: UserId | undefined },
    record: AttemptRecord,
  ): Promise<Found | Asked> {
    const { directory } = this.#deps
    const account = owner && (await directory.find(owner))
    if (owner && !account) throw new AppError('identity.taken', { params: { provider: 'phone' } })
    if (account && step.also) requireStanding(account, step, step.also)
    // Another request with both was faster.
    if (account?.identities.some((each) => isSameIdentity(each, step.identity))) return { account, isNew: false }
    if (
      !account ||
      step.isAlsoDated ||
      account.identities.some(({ provider }) => provider === step.identity.provider)
    ) {
      const phone = step.also?.subjects[0] ?? ''
      const kept = { ...record, pending: pendingOf(request.method, step), contested: { phone } }
      return this.#conflict(request, kept, { step, users: [owner], choices: ['login_existing', 'use_other_phone'] })
    }
    await directory.bind(owner, step.identity, { ip: request.ip })
    await this.#note('identity.bound', request, owner, step)
    return { account: (await directory.find(owner)) ?? account, isNew: false }
  }

  /** The phone number somebody who is known had to add. */
  async #addToHolder(
    request: AdvanceRequest,
    step: Proved,
    record: AttemptRecord & { readonly holder: Arrived },
  ): Promise<Outcome> {
    const { directory } = this.#deps
    const { holder } = record
    if (step.identity.provider !== 'phone') throw new AppError('phone.required', { field: 'phone' })
    let by = holder.by
    try {
      const { identityId } = await directory.bind(holder.userId, step.identity, { ip: request.ip })
      by = [...by, identityId]
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'identity.taken') throw error
      const owner = await directory.ownerOf(step.identity)
      const contested = { phone: step.identity.subjects[0], proof: step }
      const choices = ['login_existing', 'use_other_phone'] as const
      return this.#conflict(request, { ...record, contested }, { step, users: [owner], choices })
    }
    await this.#note('identity.bound', request, holder.userId, step)
    const amr = [...new Set([...holder.amr, ...step.amr])]
    return finishLogin(this.#deps, request, { ...holder, by, amr }, record)
  }

  async #conflict(
    request: AdvanceRequest,
    record: AttemptRecord,
    about: {
      readonly step: Pick<Proved, 'identity'>
      readonly users: readonly (UserId | undefined)[]
      readonly choices: readonly Choice[]
    },
  ): Promise<Asked> {
    const { step, choices } = about
    const users = about.users.filter((each) => each !== undefined)
    const { provider } = step.identity
    const whose = { userId: record.holder?.userId, identityProvider: provider, detail: { users } }
    await this.#deps.audit.record({ event: 'identity.conflicted', ...whose, ...aboutOf(request) })
    await this.#deps.records.save(request.attemptId, { ...record, method: undefined, choices })
    return { kind: 'conflict', provider, users, choices }
  }

  async #keepPending(request: AdvanceRequest, step: Proved, record: AttemptRecord): Promise<Asked> {
    const pending = pendingOf(request.method, step)
    if (request.demand.requiresPhone) return this.#askPhone(request, record, { pending })
    const choices = ['new', 'existing'] as const
    await this.#deps.records.save(request.attemptId, { ...record, method: undefined, pending, choices })
    return { kind: 'choose', provider: step.identity.provider }
  }

  /** Says that a phone number is needed, and keeps who is waiting for it. */
  async #askPhone(
    request: AdvanceRequest,
    record: AttemptRecord,
    waiting: { readonly holder: Arrived } | { readonly pending: AttemptRecord['pending'] },
  ): Promise<Asked> {
    const kept = 'holder' in waiting ? { ...waiting, pending: undefined } : waiting
    await this.#deps.records.save(request.attemptId, { ...record, ...kept, method: undefined, choices: undefined })
    return { kind: 'bind_phone', reason: 'policy' }
  }

  /**
   * What the person proved before and now shows to be theirs by logging in. Throws `identity.taken` or `identity.limit`; what was
   * proved is forgotten then, so that the same login works without it.
   */
  async #bindPending(request: AdvanceRequest, { user }: Account, record: AttemptRecord) {
    const { pending } = record
    if (!pending || !isFresh(pending, this.#deps.options.clock)) return { amr: [], by: [] }
    const { directory, records } = this.#deps
    // SECURITY: whoever ended everything did not mean to keep what waited in this browser.
    if (!isUnended(user, pending)) return { amr: [], by: [] }
    const userId = user.id
    const bound = await directory.bind(userId, pending.identity, { ip: request.ip }).catch(async (error: unknown) => {
      if (error instanceof AppError && error.code.startsWith('identity.')) {
        await records.save(request.attemptId, { ...record, pending: undefined })
      }
      throw error
    })
    const account = await directory.find(userId)
    if (account) await keepCredential(this.#deps, account, pending)
    await this.#note('identity.bound', request, userId, pending)
    return { amr: pending.amr, by: [bound.identityId] }
  }

  async #note(
    event: AuditEventName,
    request: AdvanceRequest,
    userId: UserId,
    { identity }: Pick<Proved, 'identity'>,
    detail?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const identityProvider = identity.provider
    await this.#deps.audit.record({ event, userId, identityProvider, ...aboutOf(request), detail })
  }
}

function momentOf({ provedAt, begunAt }: ProofMoment): ProofMoment {
  return { provedAt, begunAt }
}
