import type { Context } from 'koa'
import { identityLabel } from '../../src/accounts/account-labels.ts'
import { AppError } from '../../src/base/errors.ts'
import { type IdentityId, isId, type UserId } from '../../src/base/ids.ts'
import { accountPaths, changePath, paths } from '../../src/base/paths.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { Country } from '../../views/form-values.ts'
import type { ChangeRequest, ChangeStage } from '../change-request.ts'
import { readForm } from '../form.ts'
import type { Input } from '../methods/method.ts'
import type { NumberChanges } from '../number-changes.ts'
import type { AccountSession, SignedIn } from './account-session.ts'
import { codeView, typedBefore } from './code-view.ts'
import type { DeviceCookie } from './device-cookie.ts'
import { leave } from './leave.ts'
import { announceRetry, type Renderer } from './render.ts'
import { shown } from './shown-errors.ts'
import { typed } from './typed.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly options: {
    readonly changes: NumberChanges
    readonly countries: (ctx: Context) => readonly Country[]
    readonly nowMs: () => number
    readonly waitSeconds: number
    readonly device: DeviceCookie
    /** A keyed digest nobody else can make. */
    readonly digest: (sessionUid: string, userId: UserId) => string
  }
}

/** The pages on which somebody changes a number or address of theirs, and the form that stops a change that waits. */
export function changePages({ session, renderer, options }: Dependencies) {
  const { changes } = options

  function request(ctx: Context, { account, sessionUid, by }: SignedIn, input: Input): ChangeRequest {
    const { ip, requestId } = ctx.state as RequestState
    const userId = account.user.id
    const visit = { userAgent: ctx.get('user-agent'), locale: renderer.locale(ctx) }
    const digest = options.digest(sessionUid, userId)
    const about = { userId, identityId: identityIn(ctx), by, sessionUid, digest }
    return { ...about, ip, requestId, visit, input, device: options.device.read(ctx) }
  }

  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (!visitor) return
    const asked = request(ctx, visitor, {})
    if (ctx.query['restart'] !== undefined) {
      await changes.restart(asked)
      return leave(ctx, ctx.path)
    }
    const { kind, ask } = await changes.stage(asked)
    const before = kind === 'new' && ctx.query['change'] !== undefined ? typedBefore(ask) : undefined
    await draw(ctx, visitor, before ? { ...asked, input: before } : asked)
  }

  async function draw(ctx: Context, visitor: SignedIn, asked: ChangeRequest, error?: AppError): Promise<void> {
    const { identityId, input } = asked
    const identity = visitor.account.identities.find(({ id }) => id === identityId)
    if (!identity || !changes.canChange(identity)) throw new AppError('request.not_found')
    const { kind, ask, over } = await changes.stage(asked)
    const pageError = error && renderer.pageError(ctx, error)
    const page = { status: error?.status ?? 200 }
    const retryAfterSeconds = announceRetry(ctx, error)
    const common = { formToken: session.token(visitor), backHref: accountPaths.identities }
    const begins = input['phone'] !== undefined || input['identifier'] !== undefined
    if (ask && !begins) {
      const view = codeView(ask, { error, shown: pageError, over, nowMs: options.nowMs() })
      const purpose = kind === 'old' ? ('change' as const) : ('bind' as const)
      const isFixed = kind === 'old'
      return renderer.render(ctx, 'code', { ...view, ...common, purpose, isFixed, method: 'change' }, page)
    }
    const provider = identity.provider as 'phone' | 'email'
    const view = {
      ...{ kind: provider, step: kind, label: identityLabel(identity), values: typed(input) },
      countries: options.countries(ctx),
      without: await changes.without(visitor.account, identityId, visitor.by),
      waitSeconds: options.waitSeconds,
      ...{ ...common, error: pageError, retryAfterSeconds },
    }
    renderer.render(ctx, 'account-change', view, page)
  }

  async function submit(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields)
    if (!visitor) return
    const asked = request(ctx, visitor, fields)
    try {
      const stage = await step(asked)
      if (stage.kind === 'changed') return done(ctx, visitor)
      if (stage.kind === 'waiting') return leave(ctx, `${accountPaths.identities}?done=changing`)
      // A reload of what follows must not post again.
      leave(ctx, ctx.path)
    } catch (thrown) {
      const error = shown(thrown)
      if (error.code === 'attempt.expired') await changes.restart(asked)
      if (error.code === 'identity.taken') {
        const disown = { href: changePath(asked.identityId), formToken: session.token(visitor), isChange: true }
        const view = {
          ...{ provider: String(error.params['provider']), logoutHref: paths.endSession },
          backHref: accountPaths.identities,
          disown: error.params['mayDisown'] === undefined ? undefined : disown,
        }
        return renderer.render(ctx, 'account-taken', view, { status: error.status })
      }
      await draw(ctx, visitor, asked, error)
    }
  }

  function step(asked: ChangeRequest): Promise<ChangeStage> {
    const { choice } = asked.input
    if (choice === 'send_old') return changes.sendOld(asked)
    if (choice === 'without_old') return changes.leaveOld(asked)
    if (choice === 'not_mine') return changes.disown(asked)
    return changes.advance(asked)
  }

  /** Every device was forgotten with the old one; this browser stays known, because it has just proved both. */
  async function done(ctx: Context, visitor: SignedIn): Promise<void> {
    const authTime = Math.floor(options.nowMs() / 1000)
    await session.renew(visitor)
    await options.device.remember(ctx, { userId: visitor.account.user.id, authTime })
    leave(ctx, `${accountPaths.identities}?done=changed`)
  }

  async function cancel(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, accountPaths.identities)
    if (!visitor) return
    const isStopped = await changes.cancel(request(ctx, visitor, {}))
    leave(ctx, `${accountPaths.identities}?done=${isStopped ? 'kept' : 'gone'}`)
  }

  return { show, submit, cancel }
}

/** Throws `request.not_found` for what is no id. */
function identityIn(ctx: Context): IdentityId {
  const { identity } = ctx['params']
  if (!isId('idn', identity)) throw new AppError('request.not_found')
  return identity
}

/** Where an identity can be changed. */
export function changeHref(identityId: IdentityId): string {
  return `${changePath(identityId)}?restart=1`
}
