import type { Context } from 'koa'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import { AppError, asAppError } from '../../src/base/errors.ts'
import type { UserId } from '../../src/base/ids.ts'
import type { Audit } from '../../src/ops/audit.ts'
import type { Country } from '../../views/views.ts'
import type { LoginAttempts, Proved } from '../attempt.ts'
import type { Callbacks } from '../callbacks.ts'
import type { Input } from '../methods/method.ts'
import type { LoginMethods } from '../methods/registry.ts'
import { type codeWays, identitiesPath, type identityPages } from './account-identities.ts'
import { type AccountSession, leave, type SignedIn } from './account-session.ts'
import { bindingPrefix } from './callback.ts'
import { readForm } from './form.ts'
import { shownFailures } from './login.ts'
import type { Renderer, RequestState } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly list: ReturnType<typeof identityPages>
  readonly directory: AccountDirectory
  readonly audit: Audit
  readonly options: {
    readonly attempts: LoginAttempts
    readonly methods: LoginMethods
    readonly callbacks: Callbacks
    readonly countries: (ctx: Context) => readonly Country[]
    readonly nowMs: () => number
    /** A keyed digest nobody else can make. */
    readonly bindingId: (sessionUid: string, userId: UserId) => string
  }
}

type CodeWay = (typeof codeWays)[number]

/**
 * Adds a way in to the account of who is signed in. SECURITY: the attempt's name is a keyed digest of this browser session and
 * this user, behind a prefix no login has. So a binding is finished only by the session and the user that began it, and what
 * came back for a login never binds, nor the reverse; the methods are a table of their own, with codes of their own purpose.
 */
export function bindingPages({ session, renderer, list, directory, audit, options }: Dependencies) {
  const { attempts, methods, callbacks } = options

  function request(ctx: Context, { account, sessionUid }: SignedIn, method: string, input: Input) {
    const { ip, requestId } = ctx.state as RequestState
    const userId = account.user.id
    const visit = { userAgent: ctx.get('user-agent'), locale: renderer.locale(ctx) }
    const attemptId = bindingPrefix + options.bindingId(sessionUid, userId)
    return { attemptId, userId, method, channel: 'browser' as const, ip, requestId, visit, input }
  }

  /** The button of an upstream. */
  async function start(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, identitiesPath)
    if (!visitor) return
    const method = methods.get(fields['method'] ?? '')
    if (!method?.connection) throw new AppError('attempt.method_unknown')
    await orRefusal(ctx, visitor, async () => {
      const outcome = await attempts.prove(request(ctx, visitor, method.id, {}))
      if (outcome.kind === 'redirect') leave(ctx, outcome.to.href)
    })
  }

  /** Back from an upstream: its answer, taken once; a second look at the same answer is led where the first was. */
  async function comeBack(ctx: Context): Promise<void> {
    const visitor = await session.fresh(ctx)
    if (!visitor) return
    const handle = typeof ctx.query['handle'] === 'string' ? ctx.query['handle'] : ''
    const { attemptId } = request(ctx, visitor, '', {})
    const kept = await callbacks.take(attemptId, handle)
    if (!kept) {
      const location = handle === '' ? undefined : await callbacks.settled(handle)
      if (location?.startsWith(identitiesPath)) return leave(ctx, location)
      return drawExpired(ctx, visitor)
    }
    await orRefusal(ctx, visitor, async () => {
      const outcome = await attempts.prove(request(ctx, visitor, kept.connection, kept.response))
      if (outcome.kind === 'proved') await bind(ctx, visitor, kept.connection, outcome)
    })
    await callbacks.settle(handle, String(ctx.response.get('location') || identitiesPath))
  }

  /** What was proved becomes this user's, or the person is told why not; nobody else's account changes. */
  async function bind(ctx: Context, { account }: SignedIn, method: string, step: Proved): Promise<void> {
    const userId = account.user.id
    const { ip, requestId } = ctx.state as RequestState
    const about = { userId, ip, requestId, identityProvider: step.identity.provider }
    try {
      const { isNew } = await directory.bind(userId, step.identity, { ip })
      const bound = step.credential === undefined ? undefined : await directory.find(userId)
      if (bound) await attempts.keepCredential(bound, step)
      if (isNew) await audit.record({ event: 'identity.bound', ...about, detail: { method } })
      leave(ctx, `${identitiesPath}?done=${isNew ? 'bound' : 'known'}`)
    } catch (thrown) {
      const error = asAppError(thrown)
      if (error.status >= 500) throw thrown
      await audit.record({ event: 'identity.refused', ...about, detail: { method, error: error.code } })
      if (error.code !== 'identity.taken') throw thrown
      const view = { provider: step.identity.provider, backHref: identitiesPath, logoutHref: '/session/end' }
      renderer.render(ctx, 'account-taken', view, { status: error.status })
    }
  }

  /** A failure of an upstream, told on the list. */
  async function orRefusal(ctx: Context, visitor: SignedIn, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (thrown) {
      const error = asAppError(thrown)
      if (error.status >= 500 && !shownFailures.test(error.code)) throw thrown
      if (error.code === 'attempt.expired') return drawExpired(ctx, visitor)
      await list.drawRefusal(ctx, visitor, error)
    }
  }

  function drawExpired(ctx: Context, visitor: SignedIn): Promise<void> {
    const message = renderer.translate(ctx, 'identities.expired')
    return list.draw(ctx, visitor, { code: 'attempt.expired', message, status: 400 })
  }

  /** The page of a number or address: the form for it, or for the code that is under way. */
  const codePage = (way: CodeWay) => async (ctx: Context) => {
    if (!methods.has(way.method)) throw new AppError('request.not_found')
    const visitor = await session.fresh(ctx)
    if (!visitor) return
    if (ctx.query['restart'] !== undefined) {
      await attempts.restart(request(ctx, visitor, way.method, {}).attemptId, way.method)
      return leave(ctx, ctx.path)
    }
    await drawCode(ctx, visitor, way)
  }

  async function drawCode(ctx: Context, visitor: SignedIn, way: CodeWay, input: Input = {}, error?: AppError) {
    const { attemptId } = request(ctx, visitor, way.method, {})
    const begins = input['phone'] !== undefined || input['identifier'] !== undefined
    const current = begins ? undefined : (await attempts.current(attemptId, way.method))?.ask
    const shown = error && renderer.pageError(ctx, error)
    const page = { status: error?.status ?? 200, languageLinks: !error }
    const retryAfterSeconds = Number(error?.params['retryAfterSeconds'] ?? 0)
    if (retryAfterSeconds > 0) ctx.set('retry-after', String(retryAfterSeconds))
    const formToken = session.token(visitor)
    if (current?.view === 'code') {
      const { channel, maskedTarget, purpose, resendAt } = current
      const resendAfterSeconds = Math.max(0, Math.ceil((resendAt - options.nowMs()) / 1000))
      const triesLeft = error?.params['triesLeft'] as number | undefined
      const view = { channel, maskedTarget, purpose, method: way.method, resendAfterSeconds, triesLeft, formToken }
      renderer.render(ctx, 'code', { ...view, error: shown }, page)
      return
    }
    const short = (value: string | undefined) => value?.slice(0, 200)
    const values = {
      phone: short(input['phone']),
      country: short(input['country']),
      identifier: short(input['identifier']),
    }
    const view = { kind: way.kind, values, countries: options.countries(ctx), backHref: identitiesPath, formToken }
    renderer.render(
      ctx,
      'account-bind',
      { ...view, error: shown, retryAfterSeconds: retryAfterSeconds || undefined },
      page,
    )
  }

  const submitCode = (way: CodeWay) => async (ctx: Context) => {
    if (!methods.has(way.method)) throw new AppError('request.not_found')
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, `${identitiesPath}/${way.kind}`)
    if (!visitor) return
    try {
      const outcome = await attempts.prove(request(ctx, visitor, way.method, fields))
      if (outcome.kind === 'proved') return await bind(ctx, visitor, way.method, outcome)
      // A reload of what follows must not post again.
      leave(ctx, `${identitiesPath}/${way.kind}`)
    } catch (thrown) {
      const error = asAppError(thrown)
      if (error.code === 'identity.limit') return list.drawRefusal(ctx, visitor, error)
      if (error.status >= 500 && !shownFailures.test(error.code)) throw thrown
      await drawCode(ctx, visitor, way, fields, error)
    }
  }

  return { start, comeBack, codePage, submitCode }
}
