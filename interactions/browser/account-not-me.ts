import type { Context } from 'koa'
import type { Passwords } from '../../src/accounts/passwords.ts'
import { AppError } from '../../src/base/errors.ts'
import type { UserId } from '../../src/base/ids.ts'
import { accountPaths } from '../../src/base/paths.ts'
import type { Ended, Ending } from '../../src/oidc/endings/endings.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { SessionLife } from '../../src/oidc/session-life.ts'
import type { Audit } from '../../src/ops/audit.ts'
import type { PastLogin } from '../../src/ops/login-history.ts'
import { readForm } from '../form.ts'
import type { HistoryOptions, historyPages } from './account-history.ts'
import type { AccountSession, SignedIn } from './account-session.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly passwords: Pick<Passwords, 'has'>
  readonly audit: Audit
  readonly history: ReturnType<typeof historyPages>
  readonly options: {
    readonly login: HistoryOptions['login']
    /** Ends everything of a user and tells them, in one transaction. */
    readonly disown: (userId: UserId, ending: Ending) => Promise<Ended>
    readonly forget: SessionLife['forget']
  }
}

/**
 * Where somebody says that a login was not theirs. Everything ends, here too, because nobody knows what else the other
 * one holds; the login after it is the fresh proof for what has to follow: a new password, or a look at the ways in.
 */
export function notMePages({ session, renderer, passwords, audit, history, options }: Dependencies) {
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (!visitor) return
    const login = await ownLogin(visitor, ctx.query['login'])
    const view = {
      loginId: login.id,
      login: await history.itemOf(ctx, visitor, login),
      hasPassword: await passwords.has(visitor.account.user.id),
      formToken: session.token(visitor),
      backHref: accountPaths.history,
    }
    renderer.render(ctx, 'account-not-me', view)
  }

  async function submit(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, accountPaths.history)
    if (!visitor) return
    const login = await ownLogin(visitor, fields['login'])
    const userId = visitor.account.user.id
    const { ip, requestId } = ctx.state as RequestState
    const ended = await options.disown(userId, { reason: 'disowned', ip, requestId })
    // Of two that come together one has ended this very session, and tells.
    if (ended.sessions > 0) {
      await audit.write({ event: 'login.disowned', userId, ip, requestId, detail: { login: login.id } })
    }
    options.forget(ctx)
    const hasPassword = await passwords.has(userId)
    const next = hasPassword ? 'password' : 'ways'
    const nextHref = hasPassword ? accountPaths.password : accountPaths.identities
    const view = {
      title: renderer.translate(ctx, 'devices.all_title'),
      body: renderer.translate(ctx, `not_me.then_${next}`),
      nextHref,
      nextLabel: renderer.translate(ctx, `not_me.next_${next}`),
    }
    renderer.render(ctx, 'message', view, { languagePath: nextHref })
  }

  /** Throws `request.not_found` for a login that is not this account's. */
  async function ownLogin({ account }: SignedIn, id: unknown): Promise<PastLogin> {
    const login = typeof id === 'string' ? await options.login(account.user.id, id) : undefined
    if (!login) throw new AppError('request.not_found')
    return login
  }

  return { show, submit }
}
