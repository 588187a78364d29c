import type { Context } from 'koa'
import { AppError } from '../../src/base/errors.ts'
import type { Locale } from '../../src/base/languages.ts'
import type { OwnAccess } from '../../src/oidc/own-endpoint-access.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { DeletionRequests } from '../deletion-requests.ts'
import type { Input } from '../methods/method.ts'
import { answer, refusalOf, type Words } from './refusal.ts'

interface Dependencies {
  /** Whose token came, with a login as fresh as a change of the account wants. */
  readonly fresh: (ctx: Context) => Promise<OwnAccess>
  readonly access: (ctx: Context) => Promise<OwnAccess>
  readonly requests: DeletionRequests
  readonly clientName: (clientId: string, locale: Locale) => Promise<string>
  readonly words: Words & { readonly locale: (ctx: Context) => Locale }
}

/**
 * The deletion of one's own account, for apps: the same as on the account pages, and as there a fresh login is needed.
 */
export class OwnDeletion {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** What the app shows before it asks. */
  async show(ctx: Context): Promise<void> {
    const { access, requests, clientName, words } = this.#deps
    const { account } = await access(ctx)
    const { clientIds, waitSeconds, auditSeconds } = await requests.facts(account.user.id)
    const locale = words.locale(ctx)
    const clients = clientIds.map(async (id) => ({ client_id: id, client_name: await clientName(id, locale) }))
    answer(ctx, 200, {
      wait_seconds: waitSeconds,
      ...(auditSeconds === 'none' ? {} : { audit_seconds: auditSeconds }),
      apps: await Promise.all(clients),
    })
  }

  async ask(ctx: Context, fields: Input): Promise<void> {
    const { fresh, requests, words } = this.#deps
    const { account, clientId } = await fresh(ctx)
    const { ip, requestId } = ctx.state as RequestState
    const asked = await requests.ask({
      ...{ userId: account.user.id, locale: words.locale(ctx), ip, requestId, clientId },
      isConfirmed: fields['confirm'] === '1',
    })
    if (asked.kind === 'leaving') return answer(ctx, 200, { deletion_at: asked.leavesAt.toISOString() })
    const { reason, link } = asked
    const { status, body } = refusalOf(ctx, new AppError('deletion.blocked'), words)
    answer(ctx, status, { ...body, reason, ...(link === undefined ? {} : { link }) })
  }
}
