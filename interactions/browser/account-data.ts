import type { Context } from 'koa'
import { asAppError } from '../../src/base/errors.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import { keptDays, type OwnDataExports } from '../../src/own-data/exports.ts'
import { readForm } from '../form.ts'
import type { AccountSession, SignedIn } from './account-session.ts'
import { leave } from './leave.ts'
import { announceRetry, type Renderer } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly exports: OwnDataExports
}

/**
 * Where somebody takes along what is kept about them. The page asks for a fresh login, as the archive holds more than
 * any other page shows.
 */
export function dataPages({ session, renderer, exports }: Dependencies) {
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (visitor) await draw(ctx, visitor)
  }

  async function draw(ctx: Context, visitor: SignedIn, thrown?: unknown): Promise<void> {
    const state = await exports.state(visitor.account.user.id)
    const error = thrown === undefined ? undefined : asAppError(thrown)
    announceRetry(ctx, error)
    const view = {
      state: state.kind,
      expiresAt: state.kind === 'ready' ? state.expiresAt : undefined,
      days: keptDays,
      formToken: session.token(visitor),
      collectedHref: paths.collected,
      backHref: paths.account,
      error: error && renderer.pageError(ctx, error),
    }
    renderer.render(ctx, 'account-data', view, { status: error?.status ?? 200 })
  }

  /** Has an archive made. */
  async function request(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields)
    if (!visitor) return
    try {
      await exports.request(visitor.account.user.id, renderer.locale(ctx), origin(ctx))
    } catch (thrown) {
      if (asAppError(thrown).status >= 500) throw thrown
      return draw(ctx, visitor, thrown)
    }
    leave(ctx, accountPaths.data)
  }

  /** Hands the archive over. */
  async function fetch(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, accountPaths.data)
    if (!visitor) return
    const found = await exports.fetch(visitor.account.user.id, origin(ctx))
    if (!found) return leave(ctx, accountPaths.data)
    const day = found.madeAt.toISOString().slice(0, 10)
    ctx.set('content-disposition', `attachment; filename="menshen-${day}.zip"`)
    ctx.set('cache-control', 'no-store')
    ctx.set('x-content-type-options', 'nosniff')
    ctx.type = 'application/zip'
    ctx.body = found.bytes
  }

  return { show, request, fetch }
}

function origin(ctx: Context) {
  const { ip, requestId } = ctx.state as RequestState
  return { ip, requestId }
}
