import type { AccountDeletion } from '../src/accounts/account-deletions.ts'
import { AppError } from '../src/base/errors.ts'
import type { UserId } from '../src/base/ids.ts'
import type { Locale } from '../src/base/languages.ts'
import type { LeavingActor } from '../src/oidc/endings/account-leaving.ts'
import type { Limits } from '../src/ops/limits.ts'
import type { DeletionHook } from './deletion-hook.ts'

/** What somebody has to know before they ask for the deletion of their account. */
export interface DeletionFacts {
  /** How long it may be taken back. */
  readonly waitSeconds: number
  /** How long the audit is kept for the law; `none`: for ever. */
  readonly auditSeconds: number | 'none'
  /** The apps that somebody is signed in to, or has allowed something. */
  readonly clientIds: readonly string[]
}

/** What became of asking. */
export type AskedDeletion =
  | { readonly kind: 'leaving'; readonly leavesAt: Date }
  /** The operator's system has said no; nothing has changed. */
  | { readonly kind: 'blocked'; readonly reason: string; readonly link: string | undefined }

interface Dependencies {
  readonly clients: (userId: UserId) => Promise<readonly string[]>
  readonly hook: DeletionHook | undefined
  readonly leave: (
    userId: UserId,
    actor: LeavingActor & { readonly waitSeconds: number },
  ) => Promise<Pick<AccountDeletion, 'leavesAt'>>
  readonly limits: Pick<Limits<'deletion.account'>, 'take'>
  readonly options: Pick<DeletionFacts, 'waitSeconds' | 'auditSeconds'>
}

interface Asking extends Omit<LeavingActor, 'operator' | 'why'> {
  readonly userId: UserId
  readonly locale: Locale
  /** Whether the person has said that they mean it. */
  readonly isConfirmed: boolean
}

/** The deletion of one's own account, for the page and for apps: one rule for both. */
export class DeletionRequests {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  async facts(userId: UserId): Promise<DeletionFacts> {
    return { ...this.#deps.options, clientIds: await this.#deps.clients(userId) }
  }

  /**
   * Asks for it. The caller has made sure that its owner was proved a moment ago. Throws `deletion.unconfirmed`, and
   * `deletion.unanswered` when the operator's system does not say whether anything stands in the way. It is not asked
   * again when the wait is over: nobody is signed in meanwhile who could begin anything, and a system that is away then
   * would keep an account for longer than the law allows.
   */
  async ask({ userId, locale, isConfirmed, ...actor }: Asking): Promise<AskedDeletion> {
    const { hook, leave, limits, options } = this.#deps
    if (!isConfirmed) throw new AppError('deletion.unconfirmed', { field: 'confirm' })
    await limits.take('deletion.account', userId)
    const said = await hook?.({ userId, locale })
    if (said?.allow === false) return { kind: 'blocked', reason: said.reason, link: said.link }
    const { leavesAt } = await leave(userId, { ...actor, waitSeconds: options.waitSeconds })
    return { kind: 'leaving', leavesAt }
  }
}
