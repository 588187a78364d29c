import type { Context } from 'koa'
import type { UndoableMerge } from '../../src/accounts/merged-users.ts'
import { AppError } from '../../src/base/errors.ts'
import { isId, type UserId } from '../../src/base/ids.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import type { Merging } from '../../src/oidc/endings/merging.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { SessionLife } from '../../src/oidc/session-life.ts'
import type { Country } from '../../views/form-values.ts'
import { mergingId } from '../attempt-id.ts'
import type { Callbacks } from '../callbacks.ts'
import { readForm } from '../form.ts'
import type { Input } from '../methods/method.ts'
import type { OtherAccounts } from '../other-accounts.ts'
import type { MergeQuestion } from '../outcome.ts'
import { codeWays } from './account-identities.ts'
import type { AccountSession, SignedIn } from './account-session.ts'
import { takeAnswer } from './callback.ts'
import { codeView, typedBefore } from './code-view.ts'
import type { DeviceCookie } from './device-cookie.ts'
import { leave } from './leave.ts'
import { mergeView } from './merge-view.ts'
import { offeredConnections } from './offered-connections.ts'
import { announceRetry, type Renderer } from './render.ts'
import { shown } from './shown-errors.ts'
import { typed } from './typed.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly options: {
    readonly others: OtherAccounts
    readonly merging: Pick<Merging, 'unmerge'>
    readonly undoable: (userId: UserId) => Promise<readonly UndoableMerge[]>
    readonly callbacks: Callbacks
    readonly countries: (ctx: Context) => readonly Country[]
    readonly nowMs: () => number
    readonly device: Pick<DeviceCookie, 'read'>
    readonly forget: SessionLife['forget']
    /** A keyed digest nobody else can make. */
    readonly digest: (sessionUid: string, userId: UserId) => string
  }
}

/** What `?done=` may say: a sentence each. */
const notices: ReadonlySet<unknown> = new Set(['merged', 'undone', 'undone_partly'])

/**
 * Where somebody proves that another account is theirs too and makes both one, or takes that back. SECURITY: the login
 * of the visitor is the proof of the one account, the attempt here that of the other; both are asked again under the
 * locks of both.
 */
export function mergePages({ session, renderer, options }: Dependencies) {
  const { others, callbacks } = options
  const { merges, methods, attempts } = others

  const attemptOf = ({ account, sessionUid }: SignedIn) => mergingId(options.digest(sessionUid, account.user.id))

  function request(ctx: Context, visitor: SignedIn, method: string, input: Input) {
    const { ip, requestId } = ctx.state as RequestState
    const visit = { userAgent: ctx.get('user-agent'), locale: renderer.locale(ctx) }
    const who = { attemptId: attemptOf(visitor), userId: visitor.account.user.id, device: options.device.read(ctx) }
    return { ...who, method, ip, requestId, visit, input }
  }

  /** GET: the question, the code that is under way, or the ways to prove another account. */
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (!visitor) return
    const { answer, restart, change } = ctx.query
    const attemptId = attemptOf(visitor)
    if (restart !== undefined) {
      await merges.forget(attemptId)
      return leave(ctx, accountPaths.merge)
    }
    const ending = typeof answer === 'string' ? await callbacks.ending(attemptId, answer) : undefined
    if (ending) return drawStart(ctx, visitor, {}, new AppError(ending.code, { params: ending.params }))
    const question = await merges.asked(attemptId)
    if (question) return drawQuestion(ctx, visitor, question)
    const current = await attempts.current(attemptId)
    if (current && change === undefined) return drawCode(ctx, visitor)
    return drawStart(ctx, visitor, change === undefined ? {} : (typedBefore(current?.ask) ?? {}))
  }

  async function drawStart(ctx: Context, visitor: SignedIn, input: Input = {}, error?: AppError): Promise<void> {
    const visit = { userAgent: ctx.get('user-agent'), locale: renderer.locale(ctx) }
    const { done } = ctx.query
    const retryAfterSeconds = announceRetry(ctx, error)
    const view = {
      codeWays: codeWays.filter(({ method }) => methods.has(method)),
      connections: offeredConnections(methods, visit).filter(({ isHere }) => isHere),
      undoable: await options.undoable(visitor.account.user.id),
      countries: options.countries(ctx),
      values: typed(input),
      formToken: session.token(visitor),
      backHref: paths.account,
      notice: notices.has(done) && !error ? renderer.translate(ctx, `merge.done_${done}`) : undefined,
      error: error && renderer.pageError(ctx, error),
      retryAfterSeconds,
    }
    renderer.render(ctx, 'account-merge', view, { status: error?.status ?? 200 })
  }

  async function drawQuestion(ctx: Context, visitor: SignedIn, question: MergeQuestion, error?: AppError) {
    const view = {
      ...mergeView(question),
      formToken: session.token(visitor),
      backHref: `${accountPaths.merge}?restart=1`,
    }
    const shownError = error && renderer.pageError(ctx, error)
    renderer.render(ctx, 'merge', { ...view, error: shownError }, { status: error?.status ?? 200 })
  }

  async function drawCode(ctx: Context, visitor: SignedIn, error?: AppError): Promise<void> {
    const current = await attempts.current(attemptOf(visitor))
    if (current?.ask.view !== 'code') return drawStart(ctx, visitor, {}, error)
    announceRetry(ctx, error)
    const pageError = error && renderer.pageError(ctx, error)
    const { over } = current
    const view = codeView(current.ask, { error, shown: pageError, over, nowMs: options.nowMs() })
    const formToken = session.token(visitor)
    const backHref = `${accountPaths.merge}?restart=1`
    renderer.render(
      ctx,
      'code',
      { ...view, method: current.method, formToken, backHref },
      { status: error?.status ?? 200 },
    )
  }

  /** POST: one step of the proof, the answer to the question, or what is to be taken back. */
  async function submit(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, accountPaths.merge)
    if (!visitor) return
    const { undo, choice } = fields
    if (undo !== undefined) return takeBack(ctx, visitor, undo)
    if (choice === 'merge') return carryOut(ctx, visitor, fields)
    const method = fields['method'] ?? (await attempts.current(attemptOf(visitor)))?.method ?? ''
    if (!methods.has(method)) throw new AppError('attempt.method_unknown')
    try {
      const outcome = await others.prove(request(ctx, visitor, method, fields), proofOf(visitor))
      if (outcome.kind === 'redirect') return leave(ctx, outcome.to.href)
      // A reload of what follows must not post again.
      leave(ctx, accountPaths.merge)
    } catch (thrown) {
      const error = shown(thrown)
      const begins = ['phone', 'identifier'].some((name) => fields[name] !== undefined)
      await (begins || error.code.startsWith('merge.')
        ? drawStart(ctx, visitor, fields, error)
        : drawCode(ctx, visitor, error))
    }
  }

  /** Back from an upstream. */
  async function comeBack(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (!visitor) return
    const attemptId = attemptOf(visitor)
    const isBack = await takeAnswer(ctx, { callbacks, attemptId, page: accountPaths.merge }, async (kept) => {
      const { connection, response } = kept
      try {
        await others.prove(request(ctx, visitor, connection, response), proofOf(visitor))
        leave(ctx, accountPaths.merge)
        return undefined
      } catch (thrown) {
        const { code, params } = shown(thrown)
        return { method: connection, code, params }
      }
    })
    if (!isBack) leave(ctx, accountPaths.merge)
  }

  /** Where the account of this very session goes, the session goes with it, and the person logs in to the other one. */
  async function carryOut(ctx: Context, visitor: SignedIn, fields: Input): Promise<void> {
    const { ip, requestId } = ctx.state as RequestState
    const { sessionUid } = visitor
    const attemptId = attemptOf(visitor)
    const question = await merges.asked(attemptId)
    try {
      const merged = await merges.carryOut(attemptId, fields, { ip, requestId, sessionUid })
      if (merged !== 'already' && merged.from === visitor.account.user.id) options.forget(ctx)
      await session.renew(visitor)
      leave(ctx, `${accountPaths.merge}?done=merged`)
    } catch (thrown) {
      const error = shown(thrown)
      if (question && error.code === 'merge.undecided') return drawQuestion(ctx, visitor, question, error)
      await drawStart(ctx, visitor, {}, error)
    }
  }

  async function takeBack(ctx: Context, visitor: SignedIn, id: string): Promise<void> {
    const { ip, requestId } = ctx.state as RequestState
    const { sessionUid, by, account } = visitor
    const own = await options.undoable(account.user.id)
    // SECURITY: only a merge into this very account.
    if (!isId('mrg', id) || !own.some((each) => each.id === id))
      return drawStart(ctx, visitor, {}, new AppError('merge.over'))
    try {
      const { missing } = await options.merging.unmerge(id, { ip, requestId, sessionUid, by })
      await session.renew(visitor)
      leave(ctx, `${accountPaths.merge}?done=${missing.length > 0 ? 'undone_partly' : 'undone'}`)
    } catch (thrown) {
      await drawStart(ctx, visitor, {}, shown(thrown))
    }
  }

  /** The login of the visitor, which the session has found fresh. */
  function proofOf({ account, begunAt, by }: SignedIn) {
    return { userId: account.user.id, begunAt, provedAt: options.nowMs(), ...(by ? { by } : {}) }
  }

  /** Keeps what somebody proved who wanted to add a way in that is another account's. */
  async function offer(ctx: Context, visitor: SignedIn, proved: Parameters<typeof merges.offer>[2]): Promise<void> {
    try {
      await merges.offer({ attemptId: attemptOf(visitor), device: options.device.read(ctx) }, proofOf(visitor), proved)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
    }
  }

  const isOffered = async (visitor: SignedIn) => (await merges.asked(attemptOf(visitor))) !== undefined

  return { show, submit, comeBack, offer, isOffered }
}
