import type { AccountDirectory } from '../src/accounts/directory.ts'
import type { Passwords } from '../src/accounts/passwords.ts'
import { isFresh, isUnended, requireStanding } from '../src/accounts/proof.ts'
import { type Account, hasPhone, type IdentityClaim } from '../src/accounts/user.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { EndRecords } from '../src/oidc/endings/endings.ts'
import type { Audit } from '../src/ops/audit.ts'
import { Asking } from './asking.ts'
import type { Arrived, AttemptRecord, AttemptRecords, Pending } from './attempt-record.ts'
import { finishLogin, requireEnough } from './finish.ts'
import { cameBy, keepCredential, keepPassword } from './kept.ts'
import type { Proved } from './methods/method.ts'
import { type Note, noting } from './noting.ts'
import type { AdvanceRequest, Outcome } from './outcome.ts'
import { Resolution } from './resolution.ts'

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

type Holding = AttemptRecord & { readonly holder: Arrived }

/** What a proved identity means for the account table: whose it is, whether an account is made, and what is still missing. */
export class Settlement {
  readonly #deps: SettlementDependencies
  readonly #asking: Asking
  readonly #resolution: Resolution
  readonly #note: Note

  constructor(dependencies: SettlementDependencies) {
    this.#deps = dependencies
    this.#asking = new Asking(dependencies)
    this.#resolution = new Resolution(dependencies)
    this.#note = noting(dependencies)
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
    const found = await this.#resolution.find(request, step, record)
    if ('kind' in found) return found
    const { account, isNew } = found
    const userId = account.user.id
    if (account.user.status !== 'active') throw new AppError('user.locked')
    const isWaiting = await this.#isWaiting(request, account, record)
    const kept = isNew ? undefined : await keepPassword(this.#deps, userId, step, request)
    if (kept) await this.#note(kept, request, userId, step)
    const endedSessions = kept === 'password.reset'
    await keepCredential(this.#deps, account, step)
    if (isNew) await this.#note('user.registered', request, userId, step, { agreements: record.agreed })
    const { provider } = step.identity
    // What this login has made or ended itself does not end it; a password that is new was shown just now.
    const begunAt = isNew || kept ? clock() : step.begunAt
    const moment = { begunAt, provedAt: endedSessions ? clock() : step.provedAt }
    const { amr } = step
    const by = cameBy(account, step)
    const arrived = { userId, amr, by, isNew, endedSessions, method: request.method, provider, ...moment }
    const holding = { ...record, holder: arrived, contested: undefined, choices: undefined }
    return isWaiting ? this.#asking.binding(request, holding) : this.#arrive(request, account, holding)
  }

  /**
   * The person said yes: what waits becomes part of the account they are in. Throws `identity.taken` or `identity.limit`; they may go on
   * without it then.
   */
  async bindWaiting(request: AdvanceRequest, record: Holding): Promise<Outcome> {
    const { directory, records } = this.#deps
    const { holder } = record
    const proof = waiting(record)
    const bound = await directory
      .bind(holder.userId, proof.identity, { ip: request.ip })
      .catch(async (error: unknown) => {
        await records.save(request.attemptId, { ...record, choices: ['without_binding'] })
        throw error
      })
    const account = await directory.find(holder.userId)
    if (!account) throw new AppError('user.locked')
    await keepCredential(this.#deps, account, proof)
    await this.#note('identity.bound', request, holder.userId, proof)
    const amr = [...new Set([...holder.amr, ...proof.amr])]
    const by = [...holder.by, bound.identityId]
    // The holder stood until now; what was added does not end that.
    const begunAt = this.#deps.options.clock()
    return this.#arrive(request, account, { ...record, holder: { ...holder, amr, by, begunAt } })
  }

  /** The person said no: what waited is forgotten. Of a number and the account it was to be added to, the number was proved last. */
  async leaveWaiting(request: AdvanceRequest, record: Holding): Promise<Outcome> {
    const { holder, contested } = record
    const detail = { method: holder.method, error: 'declined' }
    await this.#note('identity.refused', request, holder.userId, waiting(record), detail)
    const left = { ...record, pending: undefined, contested: undefined, choices: undefined }
    if (contested?.proof) return this.settle(request, contested.proof, { ...left, holder: undefined })
    const account = await this.#deps.directory.find(holder.userId)
    if (!account) throw new AppError('user.locked')
    return this.#arrive(request, account, left)
  }

  /**
   * The person said that the account of the number that came along is theirs. Throws `attempt.expired` where that has changed since they
   * were asked.
   */
  async join(request: AdvanceRequest, pending: Pending, record: AttemptRecord): Promise<Outcome> {
    const { directory } = this.#deps
    const { owner, phone = '' } = record.contested ?? {}
    const asked = owner && (await directory.find(owner))
    if (!asked) throw new AppError('attempt.expired')
    requireStanding(asked, pending, phoneClaim(phone))
    const { user } = asked
    await directory.bind(user.id, pending.identity, { ip: request.ip })
    const account = (await directory.find(user.id)) ?? asked
    await keepCredential(this.#deps, account, pending)
    await this.#note('identity.bound', request, user.id, pending)
    const { amr, method, identity } = pending
    const moment = { provedAt: pending.provedAt, begunAt: this.#deps.options.clock() }
    const common = { isNew: false, endedSessions: false, ...moment }
    const by = cameBy(account, { identity, also: phoneClaim(phone), amr })
    const holder = { userId: user.id, amr, by, method, provider: identity.provider, ...common }
    return this.#arrive(request, account, { ...record, holder, choices: undefined })
  }

  /** Who is in, with nothing left to bind. */
  async #arrive(request: AdvanceRequest, account: Account, record: Holding): Promise<Outcome> {
    const left = { ...record, pending: undefined, contested: undefined }
    if (request.demand.requiresPhone && !hasPhone(account)) return this.#asking.phone(request, left)
    return finishLogin(this.#deps, request, record.holder, record)
  }

  /** The phone number somebody who is known had to add. */
  async #addToHolder(request: AdvanceRequest, step: Proved, record: Holding): Promise<Outcome> {
    const { holder } = record
    const { provider, subjects } = step.identity
    if (provider !== 'phone') throw new AppError('phone.required', { field: 'phone' })
    const owner = await this.#deps.directory.ownerOf(step.identity)
    const holding = { ...record, pending: undefined, contested: { phone: subjects[0], proof: step } }
    if (owner === undefined) return this.#asking.binding(request, holding)
    if (owner === holder.userId) return this.bindWaiting(request, holding)
    const choices = ['login_existing', 'use_other_phone'] as const
    return this.#asking.conflict(request, holding, { step, users: [owner], choices })
  }

  /**
   * Whether something was proved before that nobody has yet. Throws `identity.taken` where somebody else has it by now; it is forgotten
   * then, so that the same login works without it.
   */
  async #isWaiting(request: AdvanceRequest, { user }: Account, record: AttemptRecord): Promise<boolean> {
    const { directory, records, options } = this.#deps
    const { pending } = record
    // SECURITY: whoever ended everything did not mean to keep what waited in this browser.
    if (!pending || !isFresh(pending, options.clock) || !isUnended(user, pending)) return false
    const owner = await directory.ownerOf(pending.identity)
    if (owner === undefined || owner === user.id) return owner === undefined
    await records.save(request.attemptId, { ...record, pending: undefined })
    throw new AppError('identity.taken', { params: { provider: pending.identity.provider } })
  }
}

/** What was proved in the same attempt as the login of whoever is in: a number that they were to add, or what was there before. */
function waiting({ contested, pending }: AttemptRecord): Proved | Pending {
  const proof = contested?.proof ?? pending
  if (!proof) throw new AppError('attempt.expired')
  return proof
}

function phoneClaim(phone: string): IdentityClaim {
  return { provider: 'phone', subjects: [phone], profile: {} }
}
