import type { Context } from 'koa'
import type { Client } from 'oidc-provider'
import { AppError } from '../../src/base/errors.ts'
import type { UserId } from '../../src/base/ids.ts'
import { shownNameOf } from '../../src/oidc/clients/client-brand.ts'
import type { AuthorisedApp } from '../../src/oidc/endings/authorised-apps.ts'
import type { Ending } from '../../src/oidc/endings/endings.ts'
import type { OwnAccess } from '../../src/oidc/own-endpoint-access.ts'
import { type ConsentOf, grantedIn, scopeOfKey } from '../../src/oidc/records/consents.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import { scopeTexts } from '../scope-texts.ts'
import { answer } from './refusal.ts'

interface Dependencies {
  readonly access: (ctx: Context, scope: string) => Promise<OwnAccess>
  readonly list: (userId: UserId) => Promise<readonly AuthorisedApp[]>
  /** False when there was nothing to take back. */
  readonly withdraw: (of: ConsentOf, ending: Omit<Ending, 'reason'>) => Promise<boolean>
  readonly client: (clientId: string) => Promise<Client | undefined>
  readonly texts: Parameters<typeof scopeTexts>[0]
}

const scope = 'identities'

/**
 * What one has allowed apps of others, for apps of ours: the same as on the account pages, and as there no fresh login
 * is needed to take something back.
 */
export class OwnConsents {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  async list(ctx: Context): Promise<void> {
    const { account } = await this.#deps.access(ctx, scope)
    const apps = await this.#deps.list(account.user.id)
    const texts = scopeTexts(this.#deps.texts, ctx)
    const consents = await Promise.all(
      apps.map(async ({ clientId, decisions, since, lastUsedAt }) => {
        const client = await this.#deps.client(clientId)
        return {
          client_id: clientId,
          client_name: shownNameOf(clientId, client, this.#deps.texts.locale(ctx)),
          granted: grantedIn(decisions).map((key) => ({ ...scopeOfKey(key), ...shown(texts(key)) })),
          since: since.toISOString(),
          last_used_at: lastUsedAt.toISOString(),
        }
      }),
    )
    answer(ctx, 200, { consents })
  }

  async withdraw(ctx: Context): Promise<void> {
    const { account } = await this.#deps.access(ctx, scope)
    const { ip, requestId } = ctx.state as RequestState
    const of = { userId: account.user.id, clientId: String(ctx['params'].client) }
    if (!(await this.#deps.withdraw(of, { ip, requestId }))) throw new AppError('request.not_found')
    ctx.status = 204
  }
}

function shown({ title, description }: { readonly title: string; readonly description: string }) {
  return description === '' ? { title } : { title, description }
}
