import type { AccountDirectory } from '../src/accounts/directory.ts'
import { identityTaken } from '../src/accounts/identity-claim.ts'
import type { KeptCredentials } from '../src/accounts/kept-credentials.ts'
import { isFresh, isUnended, requireUnmoved } from '../src/accounts/proof.ts'
import type { IdentityClaim } from '../src/accounts/user.ts'
import { type Clock, epochSeconds } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { IdentityId, UserId } from '../src/base/ids.ts'
import { nothingDemanded } from '../src/oidc/demand.ts'
import type { EndRecords } from '../src/oidc/endings/endings.ts'
import type { Audit } from '../src/ops/audit.ts'
import type { Admissions } from './admissions.ts'
import type { LoginAttempts } from './attempt.ts'
import { type AttemptMemories, nothingYet } from './attempt-memory.ts'
import { keepCredential } from './keep-proof.ts'
import type { Proved } from './methods/method.ts'
import type { LoginMethods } from './methods/method-registry.ts'
import type { NumberDoubts } from './number-doubts.ts'
import { NumberOwners, type PassNumber } from './number-owners.ts'
import { type AdvanceRequest, auditContext, type Outcome, type OwnerQuestion, useOf } from './outcome.ts'

/** A request of somebody who is signed in. */
export type OwnRequest = Omit<AdvanceRequest, 'userId' | 'expectedUserId' | 'demand' | 'askedAt'> & {
  readonly userId: UserId
}

interface Dependencies {
  /** Attempts with methods that no login uses. */
  readonly attempts: LoginAttempts
  readonly methods: LoginMethods
  readonly directory: AccountDirectory
  readonly audit: Audit
  readonly memories: AttemptMemories
  readonly doubts: NumberDoubts
  readonly admissions: Admissions
  readonly options: {
    readonly clock: Clock
    readonly keepCredential: KeptCredentials['keep']
    readonly end: EndRecords
    readonly passNumber: PassNumber
  }
}

/** The ways in of somebody who is signed in: adds and removes them, whoever renders it. */
export class Bindings {
  readonly #deps: Dependencies
  readonly #numbers: NumberOwners

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
    this.#numbers = new NumberOwners(dependencies)
  }

  get methods(): LoginMethods {
    return this.#deps.methods
  }

  get attempts(): Pick<LoginAttempts, 'current'> {
    return this.#deps.attempts
  }

  /**
   * One step; what it proves becomes this user's. `onTaken` is told of what is somebody else's. Throws what the method
   * throws, `identity.taken` or `identity.limit`; nobody else's account changes.
   */
  async add(
    request: OwnRequest,
    onTaken?: (proved: Proved) => Promise<unknown>,
  ): Promise<Extract<Outcome, { kind: 'ask' | 'redirect' }> | { readonly kind: 'bound'; readonly isNew: boolean }> {
    const { attempts, directory, audit, options } = this.#deps
    const outcome = await attempts.prove({ ...request, demand: nothingDemanded, askedAt: epochSeconds(options.clock) })
    if (outcome.kind !== 'proved') return outcome
    const { userId, method } = request
    // SECURITY: a code that was asked for, or an upstream that was left for, before everything was ended adds nothing
    // after it.
    const user = (await directory.find(userId))?.user
    if (!user || !isUnended(user, outcome) || !isFresh(outcome, options.clock)) throw new AppError('attempt.expired')
    // A number that was proved some time ago becomes part of no account without a code.
    const claims = outcome.also && !outcome.isAlsoDated ? [outcome.identity, outcome.also] : [outcome.identity]
    const audited = ({ provider }: IdentityClaim) => ({ userId, ...auditContext(request), identityProvider: provider })
    let isNew = false
    let claim = outcome.identity
    try {
      // Owners are looked up first, so that of two identities none is bound when one belongs to somebody else.
      for (claim of claims) {
        const owner = await this.#ownOrNobodys(userId, claim)
        if (owner === undefined && outcome.ifUnknown) throw outcome.ifUnknown
        if (claim === outcome.identity) requireUnmoved(outcome, owner)
      }
      for (claim of claims) {
        const bound = await directory.bind(userId, claim, useOf(request))
        if (bound.isNew) await audit.write({ event: 'identity.bound', ...audited(claim), detail: { method } })
        isNew ||= bound.isNew
      }
    } catch (error) {
      if (error instanceof AppError && error.code.startsWith('identity.')) {
        await audit.write({ event: 'identity.refused', ...audited(claim), detail: { method, error: error.code } })
        if (error.code === 'identity.taken' && claim === outcome.identity) await onTaken?.(outcome)
        if (claim === outcome.identity) throw await this.#contested(request, outcome, error)
      }
      throw error
    }
    const account = outcome.credential === undefined ? undefined : await directory.find(userId)
    if (account) await keepCredential(this.#deps, account, outcome)
    return { kind: 'bound', isNew }
  }

  /** The question whose a number in doubt is, which somebody has proved to add it; undefined: none waits. */
  async asked(attemptId: string): Promise<OwnerQuestion | undefined> {
    const { doubted, choices = [] } = await this.#deps.memories.load(attemptId)
    if (!doubted || !choices.includes('not_mine')) return undefined
    return { kind: 'confirm_owner', userId: doubted.owner, isIn: true, choices }
  }

  /**
   * The account that has the number is not theirs: the number becomes this user's. Throws `request.invalid` where that
   * was not asked, `attempt.expired` where the proof is over or its owner was faster, and `identity.limit`.
   */
  async disown(request: OwnRequest): Promise<{ readonly kind: 'bound'; readonly isNew: true }> {
    const { memories, directory, options } = this.#deps
    const { doubted, choices } = await memories.take(request.attemptId)
    if (!doubted || !choices?.includes('not_mine')) throw new AppError('request.invalid')
    const user = (await directory.find(request.userId))?.user
    const isOver = !user || !isUnended(user, doubted.proof) || !isFresh(doubted.proof, options.clock)
    if (isOver) throw new AppError('attempt.expired')
    const { method } = doubted
    const asked = { ...request, method, demand: nothingDemanded, askedAt: epochSeconds(options.clock) }
    await this.#numbers.disown(asked, doubted, request.userId)
    return { kind: 'bound', isNew: true }
  }

  /**
   * The refusal of an identity that another account has. A number in doubt may be taken from there: then the refusal
   * says so, and the proof waits for the answer.
   */
  async #contested(request: OwnRequest, { ifUnknown: _, ...proof }: Proved, refusal: AppError): Promise<AppError> {
    const { memories, directory, doubts } = this.#deps
    const [phone] = proof.identity.subjects
    const provedSince = doubts.provedSince(proof)?.getTime()
    const isTaken = refusal.code === 'identity.taken' && provedSince !== undefined
    if (!isTaken || !(await doubts.isDoubted(request, phone))) return refusal
    const owner = await directory.ownerOf(proof.identity)
    if (!owner) return refusal
    const doubted = { method: request.method, proof, phone, owner, provedSince, hasChanged: false }
    await memories.save(request.attemptId, { ...nothingYet, doubted, choices: ['not_mine'] })
    return new AppError('identity.taken', { params: { ...refusal.params, mayDisown: 1 }, cause: refusal })
  }

  async #ownOrNobodys(userId: UserId, claim: IdentityClaim): Promise<UserId | undefined> {
    const owner = await this.#deps.directory.ownerOf(claim)
    if (owner === undefined || owner === userId) return owner
    throw identityTaken(claim.provider)
  }

  /**
   * Removes a way in and, in the same transaction, ends every login that was made with it, on any device: somebody who
   * came by it may be the reason. Throws `identity.last` for the last one and `request.not_found` for another
   * account's.
   */
  async remove(
    { userId, ...where }: Pick<OwnRequest, 'userId' | 'ip' | 'requestId' | 'clientId'>,
    { id, provider }: { readonly id: IdentityId; readonly provider: string },
  ): Promise<void> {
    const { directory, audit, options } = this.#deps
    const { ip, requestId } = where
    const audited = { userId, ...where, identityProvider: provider }
    try {
      await directory.unbind(userId, id, (transaction) =>
        options.end(userId, { kind: 'by', by: id }, { reason: 'identity_removed', ip, requestId }, transaction),
      )
    } catch (error) {
      if (error instanceof AppError && error.code === 'identity.last') {
        await audit.write({ event: 'identity.refused', ...audited, detail: { error: error.code, action: 'unbind' } })
      }
      throw error
    }
    await audit.write({ event: 'identity.unbound', ...audited, detail: { identity: id } })
  }
}
