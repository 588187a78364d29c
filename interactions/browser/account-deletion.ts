import type { Context } from 'koa'
import type { AppError } from '../../src/base/errors.ts'
import type { Locale } from '../../src/base/languages.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { SessionLife } from '../../src/oidc/session-life.ts'
import type { AccountDeletionView } from '../../views/account-views.ts'
import type { DeletionRequests } from '../deletion-requests.ts'
import { readForm } from '../form.ts'
import type { AccountSession, SignedIn } from './account-session.ts'
import type { Renderer } from './render.ts'
import { shown } from './shown-errors.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly requests: DeletionRequests
  readonly options: {
    readonly forget: SessionLife['forget']
    readonly clientName: (clientId: string, locale: Locale) => Promise<string>
  }
}

/**
 * The page on which somebody asks for the deletion of their account. It says what goes, what stays and for how long,
 * and which apps are affected; a fresh login is the only proof it wants.
 */
export function deletionPages({ session, renderer, requests, options }: Dependencies) {
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx, accountPaths.deletion)
    if (visitor) await draw(ctx, visitor)
  }

  async function draw(
    ctx: Context,
    visitor: SignedIn,
    outcome: Pick<AccountDeletionView, 'blocked'> & { readonly fault?: AppError } = {},
  ): Promise<void> {
    const { fault, blocked } = outcome
    const { clientIds, waitSeconds, auditSeconds } = await requests.facts(visitor.account.user.id)
    const names = await Promise.all(clientIds.map((id) => options.clientName(id, renderer.locale(ctx))))
    const span = (key: string, spanSeconds: number) => renderer.translate(ctx, key, { spanSeconds })
    renderer.render(
      ctx,
      'account-deletion',
      {
        apps: [...new Set(names)],
        wait: waitSeconds > 0 ? span('deletion.wait', waitSeconds) : renderer.translate(ctx, 'deletion.wait_none'),
        kept:
          auditSeconds === 'none'
            ? renderer.translate(ctx, 'deletion.kept_forever')
            : span('deletion.kept', auditSeconds),
        blocked,
        error: fault && renderer.pageError(ctx, fault),
        formToken: session.token(visitor),
        appsHref: accountPaths.apps,
        backHref: paths.account,
      },
      { status: fault?.status ?? (blocked ? 409 : 200) },
    )
  }

  async function submit(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, accountPaths.deletion)
    if (!visitor) return
    const { ip, requestId } = ctx.state as RequestState
    try {
      const asked = await requests.ask({
        ...{ userId: visitor.account.user.id, locale: renderer.locale(ctx), ip, requestId },
        isConfirmed: fields['confirm'] !== undefined,
      })
      if (asked.kind === 'blocked') {
        const { reason, link } = asked
        return await draw(ctx, visitor, { blocked: { reason, link } })
      }
      options.forget(ctx)
      renderer.render(ctx, 'left', { leavesAt: asked.leavesAt, isAsked: true, nextHref: undefined })
    } catch (thrown) {
      await draw(ctx, visitor, { fault: shown(thrown) })
    }
  }

  return { show, submit }
}
