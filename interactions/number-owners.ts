import type { Knex } from 'knex'
import { queueClientEvent } from '../src/accounts/client-events.ts'
import type { AccountDirectory } from '../src/accounts/directory.ts'
import type { Passed, passNumberOn } from '../src/accounts/number-passing.ts'
import { requireProved, requireStanding } from '../src/accounts/proof.ts'
import type { Account } from '../src/accounts/user.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { IdentityId, UserId } from '../src/base/ids.ts'
import type { EndRecords } from '../src/oidc/endings/endings.ts'
import type { Audit } from '../src/ops/audit.ts'
import type { Admissions } from './admissions.ts'
import type { Doubted } from './attempt-memory.ts'
import { type AuditIdentity, identityAudit } from './identity-audit.ts'
import type { Proved } from './methods/method.ts'
import { type NumberDoubts, phoneClaim } from './number-doubts.ts'
import { type AdvanceRequest, useOf } from './outcome.ts'

/** `passNumberOn` of one database. */
export type PassNumber = (
  passing: Parameters<typeof passNumberOn>[1],
  alongside: Parameters<typeof passNumberOn>[2],
) => Promise<Passed>

interface Dependencies {
  readonly directory: AccountDirectory
  readonly audit: Audit
  readonly doubts: NumberDoubts
  readonly admissions: Pick<Admissions, 'admit'>
  readonly options: { readonly clock: Clock; readonly end: EndRecords; readonly passNumber: PassNumber }
}

/** The identity that a number in doubt takes the place of, and what is done in the same transaction. */
export interface InPlaceOf extends NonNullable<Parameters<typeof passNumberOn>[1]['replaces']> {
  alongside(transaction: Knex.Transaction, nowAs: IdentityId): Promise<unknown>
}

/** What becomes of a number in doubt, once it is known whose its account is. */
export class NumberOwners {
  readonly #deps: Dependencies
  readonly #audit: AuditIdentity

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
    this.#audit = identityAudit(dependencies)
  }

  /**
   * The account is not theirs: the number leaves it, what came by it ends there, and it becomes this user's, maybe in
   * the place of another identity, or a new one's. Throws `attempt.expired` when its owner was faster,
   * `identity.limit`, and what `Admissions.admit` throws.
   */
  async disown(
    request: AdvanceRequest,
    { phone, owner, provedSince, proof, hasChanged }: Doubted,
    to?: UserId,
    inPlaceOf?: InPlaceOf,
  ): Promise<{ readonly account: Account; readonly passed: Passed }> {
    const { directory, doubts, options, admissions } = this.#deps
    const { ip, requestId, method, visit } = request
    if (to === undefined) await admissions.admit(request, phoneClaim(phone))
    const asked = await directory.find(owner)
    if (!asked) throw new AppError('attempt.expired')
    requireProved(asked, proof, phoneClaim(phone))
    const moment = { ip, locale: visit.locale, at: new Date(options.clock()), provedSince: new Date(provedSince) }
    const limit = doubts.options.mostNumbers
    const passing = { phone, from: owner, to, limit, replaces: inPlaceOf, ...moment }
    const passed = await options.passNumber(passing, async (transaction, done) => {
      await inPlaceOf?.alongside(transaction, done.nowAs)
      const by = { kind: 'by', by: done.identityId } as const
      await options.end(done.from, by, { reason: 'number_freed', ip, requestId }, transaction)
      // Of a number that took the place of another one its apps have been told.
      for (const userId of done.isNew || inPlaceOf ? [done.from] : [done.from, done.to]) {
        const told = { event: 'identifier-changed', detail: { provider: 'phone' }, at: moment.at } as const
        await queueClientEvent(transaction, { userId, ...told })
      }
    })
    const detail = { identity: passed.identityId, to: passed.to, method, has_changed: hasChanged }
    await this.#audit('identity.freed', request, owner, { identity: phoneClaim(phone) }, detail)
    if (!passed.isNew && !inPlaceOf)
      await this.#audit('identity.bound', request, passed.to, { identity: phoneClaim(phone) })
    const account = await directory.find(passed.to)
    if (!account) throw new AppError('attempt.expired')
    return { account, passed }
  }

  /**
   * The account is theirs, by a second proof or, where that is enough, by their word: the number counts as proved.
   * Answers both proofs in one. Throws `attempt.expired` where the number does not lead there any more.
   */
  async confirm(
    request: AdvanceRequest,
    { phone, owner, proof }: Doubted,
    second?: Proved,
  ): Promise<{ readonly account: Account; readonly step: Proved }> {
    const { directory } = this.#deps
    const claim = phoneClaim(phone)
    const asked = await directory.find(owner)
    if (!asked) throw new AppError('attempt.expired')
    requireStanding(asked, proof, claim)
    const found = await directory.resolve(claim, useOf(request))
    if (found.kind !== 'known' || found.account.user.id !== owner) throw new AppError('attempt.expired')
    const by = second?.amr ?? ['word']
    await this.#audit('identity.confirmed', request, owner, { identity: claim }, { method: request.method, by })
    if (!second) return { account: found.account, step: proof }
    const { identity: also, password = proof.password } = second
    const amr = [...new Set([...proof.amr, ...second.amr])]
    return { account: found.account, step: { ...proof, amr, also, ...(password ? { password } : {}) } }
  }
}
