import type { AccountProof } from '../src/accounts/account-proof.ts'
import { isFresh } from '../src/accounts/proof.ts'
import { type Clock, epochSeconds } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import { nothingDemanded } from '../src/oidc/demand.ts'
import type { AccountMerges } from './account-merges.ts'
import type { LoginAttempts } from './attempt.ts'
import type { OwnRequest } from './binding.ts'
import type { LoginMethods } from './methods/method-registry.ts'
import type { Outcome } from './outcome.ts'

interface Dependencies {
  /** Attempts with methods that no login uses. */
  readonly attempts: LoginAttempts
  readonly methods: LoginMethods
  readonly merges: AccountMerges
  readonly clock: Clock
}

/** Somebody who is signed in proves another account of theirs. */
export class OtherAccounts {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  get methods(): LoginMethods {
    return this.#deps.methods
  }

  get attempts(): Pick<LoginAttempts, 'current'> {
    return this.#deps.attempts
  }

  get merges(): AccountMerges {
    return this.#deps.merges
  }

  /** One step; what it proves is kept beside the login of who is signed in. Throws what `offer` throws. */
  async prove(
    request: OwnRequest,
    own: AccountProof,
  ): Promise<Extract<Outcome, { kind: 'ask' | 'redirect' }> | { readonly kind: 'offered' }> {
    const { attempts, merges, clock } = this.#deps
    const outcome = await attempts.prove({ ...request, demand: nothingDemanded, askedAt: epochSeconds(clock) })
    if (outcome.kind !== 'proved') return outcome
    if (!isFresh(outcome, clock)) throw new AppError('attempt.expired')
    await merges.offer(request, own, outcome)
    return { kind: 'offered' }
  }
}
