import type { Context } from 'koa'
import { AppError } from '../../src/base/errors.ts'
import type { UserId } from '../../src/base/ids.ts'
import { accountPaths, bindPath, paths } from '../../src/base/paths.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { Country } from '../../views/form-values.ts'
import { bindingId } from '../attempt-id.ts'
import type { Bindings } from '../binding.ts'
import type { Callbacks } from '../callbacks.ts'
import { readForm } from '../form.ts'
import type { Input, Proved } from '../methods/method.ts'
import type { codeWays, identityPages } from './account-identities.ts'
import type { mergePages } from './account-merge.ts'
import type { AccountSession, SignedIn } from './account-session.ts'
import { takeAnswer } from './callback.ts'
import type { CodeCookie } from './code-cookie.ts'
import { codeView, typedBefore } from './code-view.ts'
import type { DeviceCookie } from './device-cookie.ts'
import { leave } from './leave.ts'
import { announceRetry, type Renderer } from './render.ts'
import { shown } from './shown-errors.ts'
import { typed } from './typed.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly list: ReturnType<typeof identityPages>
  readonly options: {
    readonly bindings: Bindings
    readonly callbacks: Callbacks
    readonly countries: (ctx: Context) => readonly Country[]
    readonly nowMs: () => number
    readonly device: Pick<DeviceCookie, 'read'>
    readonly codes: CodeCookie
    /** A keyed digest nobody else can make. */
    readonly digest: (sessionUid: string, userId: UserId) => string
    /** Keeps what is another account's, so that both can become one. */
    readonly merge: Pick<ReturnType<typeof mergePages>, 'offer' | 'isOffered'>
  }
}

type CodeWay = (typeof codeWays)[number]

/**
 * Adds a way in to the account of who is signed in. SECURITY: the attempt's name is a keyed digest of this browser
 * session and this user, behind a prefix no login has. So a binding is finished only by the session and the user that
 * began it, and what came back for a login never binds, nor the reverse; the methods are a table of their own, with
 * codes of their own purpose.
 */
export function bindingPages({ session, renderer, list, options }: Dependencies) {
  const { bindings, callbacks } = options
  const { attempts, methods } = bindings

  function request(ctx: Context, { account, sessionUid }: SignedIn, method: string, input: Input) {
    const { ip, requestId } = ctx.state as RequestState
    const userId = account.user.id
    const visit = { userAgent: ctx.get('user-agent'), locale: renderer.locale(ctx) }
    const attemptId = bindingId(options.digest(sessionUid, userId))
    const [device, sent] = [options.device.read(ctx), options.codes.read(ctx)]
    return { attemptId, userId, method, ip, requestId, visit, input, device, sent }
  }

  /** The list, or what came of an upstream's answer. */
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (!visitor) return
    const { answer, done } = ctx.query
    if (done === 'expired') return showError(ctx, visitor, new AppError('attempt.expired'))
    const { attemptId } = request(ctx, visitor, '', {})
    const ending = typeof answer === 'string' ? await callbacks.ending(attemptId, answer) : undefined
    if (ending) return showError(ctx, visitor, new AppError(ending.code, { params: ending.params }))
    await list.draw(ctx, visitor)
  }

  /** The button of an upstream. */
  async function start(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, accountPaths.identities)
    if (!visitor) return
    const method = methods.get(fields['method'] ?? '')
    if (!method?.connection) throw new AppError('attempt.method_unknown')
    try {
      const outcome = await bindings.add(request(ctx, visitor, method.id, {}))
      if (outcome.kind === 'redirect') leave(ctx, outcome.to.href)
    } catch (thrown) {
      await showError(ctx, visitor, shown(thrown))
    }
  }

  /**
   * Back from an upstream. Nothing is drawn here, because the address of a callback is no page to stay on or reload.
   */
  async function comeBack(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (!visitor) return
    const { attemptId } = request(ctx, visitor, '', {})
    const isBack = await takeAnswer(ctx, { callbacks, attemptId, page: accountPaths.identities }, async (kept) => {
      const { connection, response } = kept
      try {
        const outcome = await bindings.add(request(ctx, visitor, connection, response), offers(ctx, visitor))
        if (outcome.kind === 'bound') showBound(ctx, outcome)
        return undefined
      } catch (thrown) {
        const { code, params } = shown(thrown)
        return { method: connection, code, params }
      }
    })
    if (!isBack) leave(ctx, `${accountPaths.identities}?done=expired`)
  }

  /** What turns out to be another account's was proved all the same. */
  const offers = (ctx: Context, visitor: SignedIn) => (proved: Proved) => options.merge.offer(ctx, visitor, proved)

  function showBound(ctx: Context, { isNew }: { readonly isNew: boolean }): void {
    leave(ctx, `${accountPaths.identities}?done=${isNew ? 'bound' : 'known'}`)
  }

  /** Shows what went wrong: on a page of its own when the identity is somebody else's, otherwise above the list. */
  async function showError(ctx: Context, visitor: SignedIn, error: AppError): Promise<void> {
    if (error.code === 'identity.taken') {
      const provider = String(error.params['provider'])
      const mayDisown = error.params['mayDisown'] !== undefined
      const mergeHref = (await options.merge.isOffered(visitor)) ? accountPaths.merge : undefined
      const view = {
        mergeHref,
        ...{ provider, backHref: accountPaths.identities, logoutHref: paths.endSession },
        disown: mayDisown ? { href: bindPath('phone'), formToken: session.token(visitor) } : undefined,
      }
      renderer.render(ctx, 'account-taken', view, { status: error.status })
      return
    }
    if (error.code !== 'attempt.expired') return list.drawRefusal(ctx, visitor, error)
    const message = renderer.translate(ctx, 'identities.expired')
    await list.draw(ctx, visitor, { code: error.code, message, status: error.status })
  }

  /** The page of a number or address: the form for it, or for the code that is under way. */
  const codePage = (way: CodeWay) => async (ctx: Context) => {
    if (!methods.has(way.method)) throw new AppError('request.not_found')
    const visitor = await session.visitor(ctx)
    if (!visitor) return
    const { attemptId } = request(ctx, visitor, way.method, {})
    const isChange = ctx.query['change'] !== undefined
    const before = isChange ? typedBefore((await attempts.current(attemptId, way.method))?.ask) : undefined
    await drawCode(ctx, visitor, way, before)
  }

  async function drawCode(ctx: Context, visitor: SignedIn, way: CodeWay, input: Input = {}, error?: AppError) {
    const { attemptId } = request(ctx, visitor, way.method, {})
    const begins = input['phone'] !== undefined || input['identifier'] !== undefined
    const current = begins ? undefined : await attempts.current(attemptId, way.method)
    const pageError = error && renderer.pageError(ctx, error)
    const page = { status: error?.status ?? 200 }
    const retryAfterSeconds = announceRetry(ctx, error)
    const formToken = session.token(visitor)
    if (current?.ask.view === 'code') {
      const { over } = current
      const view = codeView(current.ask, { error, shown: pageError, over, nowMs: options.nowMs() })
      const { identities: backHref } = accountPaths
      renderer.render(ctx, 'code', { ...view, method: way.method, formToken, backHref }, page)
      return
    }
    const view = {
      kind: way.kind,
      values: typed(input),
      countries: options.countries(ctx),
      backHref: accountPaths.identities,
      formToken,
    }
    renderer.render(ctx, 'account-bind', { ...view, error: pageError, retryAfterSeconds }, page)
  }

  const submitCode = (way: CodeWay) => async (ctx: Context) => {
    if (!methods.has(way.method)) throw new AppError('request.not_found')
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, bindPath(way.kind))
    if (!visitor) return
    try {
      const asked = request(ctx, visitor, way.method, fields)
      const isDisowning = way.kind === 'phone' && fields['choice'] === 'not_mine'
      const outcome = isDisowning ? await bindings.disown(asked) : await bindings.add(asked, offers(ctx, visitor))
      if (outcome.kind === 'bound') return showBound(ctx, outcome)
      if (outcome.kind === 'ask' && outcome.sent) options.codes.remember(ctx, outcome.sent)
      // A reload of what follows must not post again.
      leave(ctx, bindPath(way.kind))
    } catch (thrown) {
      const error = shown(thrown)
      if (error.code.startsWith('identity.')) return showError(ctx, visitor, error)
      await drawCode(ctx, visitor, way, fields, error)
    }
  }

  return { show, start, comeBack, codePage, submitCode }
}
