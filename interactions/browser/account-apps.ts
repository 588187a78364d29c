import type { Context } from 'koa'
import type { Client } from 'oidc-provider'
import type { UserId } from '../../src/base/ids.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import { shownNameOf } from '../../src/oidc/clients/client-brand.ts'
import type { ClientPolicies } from '../../src/oidc/clients/client-policies.ts'
import type { AuthorisedApp } from '../../src/oidc/endings/authorised-apps.ts'
import type { Ending } from '../../src/oidc/endings/endings.ts'
import { type ConsentOf, grantedIn } from '../../src/oidc/records/consents.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { AuthorisedAppItem } from '../../views/account-views.ts'
import type { ClientLogo } from '../../views/page-brand.ts'
import { readForm } from '../form.ts'
import { scopeTexts } from '../scope-texts.ts'
import type { AccountSession } from './account-session.ts'
import { leave } from './leave.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly options: {
    readonly list: (userId: UserId) => Promise<readonly AuthorisedApp[]>
    /** False when there was nothing to take back any more. */
    readonly withdraw: (of: ConsentOf, ending: Omit<Ending, 'reason'>) => Promise<boolean>
    readonly policies: () => ClientPolicies
    readonly client: (clientId: string) => Promise<Client | undefined>
    readonly logo: (clientId: string) => ClientLogo | undefined
  }
}

/** What `?done=` may say: a sentence each. */
const notices: ReadonlySet<unknown> = new Set(['withdrawn', 'gone'])

/**
 * Lists the apps of others that a person has allowed something, and takes it back from one. It must be as easy as
 * allowing it was, and only takes access away, so it needs no fresh login; it needs the form token of this very
 * session.
 */
export function appPages({ session, renderer, options }: Dependencies) {
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx, accountPaths.apps)
    if (!visitor) return
    const apps = await options.list(visitor.account.user.id)
    const spanSeconds = options.policies().longestJwtSeconds
    const { done } = ctx.query
    renderer.render(ctx, 'account-apps', {
      apps: await Promise.all(apps.map((app) => itemOf(ctx, app))),
      formToken: session.token(visitor),
      backHref: paths.account,
      delay: renderer.translate(ctx, spanSeconds > 0 ? 'apps.delay' : 'apps.delay_none', { spanSeconds }),
      notice: notices.has(done) ? renderer.translate(ctx, `apps.done_${done}`) : undefined,
    })
  }

  async function itemOf(ctx: Context, app: AuthorisedApp): Promise<AuthorisedAppItem> {
    const { clientId, decisions, since, lastUsedAt } = app
    const client = await options.client(clientId)
    const texts = scopeTexts({ ...renderer, policies: options.policies }, ctx)
    return {
      clientId,
      name: shownNameOf(clientId, client, renderer.locale(ctx)),
      logo: options.logo(clientId),
      uri: client?.clientUri,
      policyUri: client?.policyUri,
      granted: grantedIn(decisions).map((key) => texts(key).title),
      since,
      lastUsedAt,
    }
  }

  async function submit(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, accountPaths.apps)
    if (!visitor) return
    const { ip, requestId } = ctx.state as RequestState
    const of = { userId: visitor.account.user.id, clientId: fields['app'] ?? '' }
    const isWithdrawn = await options.withdraw(of, { ip, requestId })
    leave(ctx, `${accountPaths.apps}?done=${isWithdrawn ? 'withdrawn' : 'gone'}`)
  }

  return { show, submit }
}
